import type { EventEmitter } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type CDP from 'chrome-remote-interface';
import type { Protocol } from 'devtools-protocol';
import type { Run } from './scenario.js';

/** The value of an expression in a session of the client, awaited if it is a promise; throws what the page throws. */
export async function inPage(client: CDP.Client, expression: string, sessionId?: string): Promise<unknown> {
  const { result, exceptionDetails } = await client.send(
    'Runtime.evaluate',
    { expression, awaitPromise: true, returnByValue: true },
    ...((sessionId === undefined ? [] : [sessionId]) as [string]),
  );
  if (exceptionDetails !== undefined) {
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }
  return result.value;
}

/** The value of an expression in the client's own page. */
export const value = (client: CDP.Client, expression: string): Promise<unknown> => inPage(client, expression);

/** The next event of a name, with the session it came in. */
export function nextEvent<T>(
  client: CDP.Client,
  name: string,
  accepts: (params: T) => boolean = () => true,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const emitter = client as unknown as EventEmitter;
    const listener = (message: CDP.EventMessage): void => {
      if (message.method === name && accepts(message.params as T)) end(() => resolve(message.params as T));
    };
    const deadline = setTimeout(() => end(() => reject(new Error(`waited 10 s for ${name}`))), 10_000);
    const end = (settle: () => void): void => {
      clearTimeout(deadline);
      emitter.off('event', listener);
      settle();
    };
    emitter.on('event', listener);
  });
}

/** Downloads the tag's file by a click on its link, and reads what arrived. */
export async function download(
  { site, tag }: Run,
  client: CDP.Client,
  set: (
    params: Protocol.Browser.SetDownloadBehaviorRequest & Protocol.Page.SetDownloadBehaviorRequest,
  ) => Promise<void>,
  domain: 'Page' | 'Browser',
  sessionId?: string,
): Promise<unknown> {
  const downloadPath = await mkdtemp(join(tmpdir(), 'cdpmux-download-'));
  try {
    await set({ behavior: 'allow', downloadPath });
    const begun = nextEvent<Protocol.Browser.DownloadWillBeginEvent>(client, `${domain}.downloadWillBegin`);
    const ended = nextEvent<Protocol.Browser.DownloadProgressEvent>(
      client,
      `${domain}.downloadProgress`,
      ({ state }) => state !== 'inProgress',
    );
    await inPage(client, `void(location.href='${site.url(tag, 'file')}')`, sessionId);
    const { suggestedFilename, url } = await begun;
    const { state } = await ended;
    const text = await readFile(join(downloadPath, `${tag}.bin`), 'utf8');
    return { suggestedFilename, url: site.plain(url), state, text };
  } finally {
    await rm(downloadPath, { recursive: true, force: true });
  }
}
