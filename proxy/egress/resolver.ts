import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

/** Finds the addresses of a canonical host name; rejects where there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** What the hosts file says is read again after this, ms. */
const HOSTS_FRESH = 5_000;

/**
 * Looks into the hosts file, then asks the system's DNS servers. Not `getaddrinfo`: it would hold one of the few
 * threads that all file access shares for as long as some stranger's name server likes to be silent.
 */
export function systemResolver(hostsFile = '/etc/hosts'): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  let hosts: { readonly names: Promise<ReadonlyMap<string, string[]>>; readonly readAt: number } | undefined;
  return async (host) => {
    if (isIP(host) !== 0) return [host];
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1', '::1'];
    if (!hosts || performance.now() - hosts.readAt > HOSTS_FRESH) {
      hosts = { names: readHosts(hostsFile), readAt: performance.now() };
    }
    const known = (await hosts.names).get(host);
    if (known) return known;
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length > 0) return found;
    const reasons = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [(answer.reason as NodeJS.ErrnoException).code ?? 'failed'] : [],
    );
    throw new Error(`${host} has no address (${[...new Set(reasons)].join(', ') || 'none'})`);
  };
}

async function readHosts(file: string): Promise<ReadonlyMap<string, string[]>> {
  const names = new Map<string, string[]>();
  // Where there is none, DNS alone knows.
  const text = await readFile(file, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [address = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const alias of aliases) {
      const name = alias.toLowerCase().replace(/\.$/, '');
      names.set(name, [...(names.get(name) ?? []), address]);
    }
  }
  return names;
}
