import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { parseEntry } from './entry.js';

/** Whether a request goes past the client's own proxy. */
export type Bypass = (host: string, port: number, scheme: 'http' | 'https') => boolean;

/**
 * Reads Chrome's `proxyBypassList`: `;` or `,` between host patterns (`*.a.example`, `.a.example`, `a*`), addresses and
 * CIDRs, each with a scheme before it and a port behind it if need be, `<local>` and `<-loopback>`. As in Chrome, this
 * machine and link-local addresses are in it unless `<-loopback>` takes them out. What Chrome would not understand it
 * forgets, and so does this.
 */
export function parseBypassList(text: string): Bypass {
  const rules: Bypass[] = [];
  let implicit = true;
  for (const part of text.split(/[;,]/).map((one) => one.trim().toLowerCase())) {
    if (part === '<-loopback>') implicit = false;
    else if (part === '<local>') rules.push((host) => !host.includes('.') && isIP(host) === 0);
    else if (part !== '') rules.push(rule(part));
  }
  return (host, port, scheme) =>
    (implicit && isOwnMachine(host)) || rules.some((matches) => matches(host, port, scheme));
}

function rule(part: string): Bypass {
  const [, onlyScheme, rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(part) ?? [];
  const entry = parseEntry(rest);
  if (entry?.kind === 'addresses' && rest.includes('/')) {
    const { network, bits } = entry;
    return (host) => {
      if (isIP(host) === 0) return false;
      const address = ipaddr.process(host);
      return address.kind() === network.kind() && address.match(network, bits);
    };
  }
  const [, pattern = '', onlyPort] = /^(\[[^\]]*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/.exec(rest) ?? [];
  const bare = pattern.replace(/^\[(.*)\]$/, '$1');
  const matches = wildcard(bare.startsWith('.') ? `*${bare}` : bare);
  return (host, port, scheme) =>
    (onlyScheme === undefined || onlyScheme === scheme) &&
    (onlyPort === undefined || Number(onlyPort) === port) &&
    matches(host);
}

/** Matched step by step: a regular expression with many stars can take for ever, and who writes these is a stranger. */
function wildcard(pattern: string): (text: string) => boolean {
  const [first = '', ...others] = pattern.split('*');
  return (text) => {
    if (others.length === 0) return text === first;
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const middle of others.slice(0, -1)) {
      const found = text.indexOf(middle, at);
      if (found < 0) return false;
      at = found + middle.length;
    }
    const last = others.at(-1) ?? '';
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function isOwnMachine(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  if (isIP(host) === 0) return false;
  return ['loopback', 'linkLocal'].includes(ipaddr.process(host).range());
}
