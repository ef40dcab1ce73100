import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** A certificate chain and its key, as PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** Reads certificate and key, and sees that they belong together; what is wrong is told in `problems`. */
export function readTls(certFile: string, keyFile: string): { tls?: Tls; problems: string[] } {
  const problems: string[] = [];
  const read = (path: string, file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const { code = 'unreadable' } = error as NodeJS.ErrnoException;
      problems.push(`${path} = ${JSON.stringify(file)}: must be a readable PEM file (${code})`);
      return '';
    }
  };
  const tls = { cert: read('listen.tls.cert', certFile), key: read('listen.tls.key', keyFile) };
  if (problems.length > 0) return { problems };
  try {
    createSecureContext(tls);
    return { tls, problems };
  } catch (error) {
    const { code = 'invalid' } = error as NodeJS.ErrnoException;
    const message = `listen.tls.cert = ${JSON.stringify(certFile)}: must be a PEM certificate that belongs to listen.tls.key, ${JSON.stringify(keyFile)} (${code})`;
    return { problems: [message] };
  }
}
