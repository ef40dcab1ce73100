import { canonicalHost } from './host.js';

/** A proxy that a client asked for. */
export interface UpstreamProxy {
  readonly scheme: 'http' | 'https' | 'socks4' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** Which proxy takes plain HTTP, and which takes tunnels (https, wss, ws); undefined goes there directly. */
export interface UpstreamProxies {
  readonly http: UpstreamProxy | undefined;
  readonly tunnel: UpstreamProxy | undefined;
}

const schemes: Readonly<Record<string, readonly [UpstreamProxy['scheme'], number]>> = {
  http: ['http', 80],
  https: ['https', 443],
  socks: ['socks5', 1080],
  socks5: ['socks5', 1080],
  socks4: ['socks4', 1080],
};

/**
 * Reads what Chrome takes as `proxyServer`: `host:port`, `scheme://host:port`, `direct://`, or one of these for each
 * kind of URL (`http=one;https=two;socks=three`). Beyond Chrome it takes `user:password@`. Throws a TypeError with what
 * is wrong.
 */
export function parseProxyServer(text: string): UpstreamProxies {
  const parts = text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length === 0) throw new TypeError('it is empty');
  if (!parts.some((part) => /^[a-z]+=/i.test(part))) {
    if (parts.length > 1) throw new TypeError('several proxies need http=…;https=…');
    const one = parseOne(parts[0] ?? '');
    return { http: one, tunnel: one };
  }
  const by = new Map<string, UpstreamProxy | undefined>();
  for (const part of parts) {
    const [, key = '', value = ''] = /^([a-z]+)=(.*)$/i.exec(part) ?? [];
    if (!['http', 'https', 'socks', 'ftp'].includes(key.toLowerCase())) {
      throw new TypeError(`${part} is none of http=…, https=…, socks=…`);
    }
    by.set(key.toLowerCase(), parseOne(value, key.toLowerCase() === 'socks' ? 'socks4' : 'http'));
  }
  const otherwise = by.get('socks');
  const take = (key: string) => (by.has(key) ? by.get(key) : otherwise);
  return { http: take('http'), tunnel: take('https') };
}

function parseOne(text: string, otherwise = 'http'): UpstreamProxy | undefined {
  if (text.includes(',')) throw new TypeError('only one proxy for each kind of URL can be given here');
  if (/^direct(?::\/\/)?$/i.test(text.trim())) return undefined;
  const [, name = otherwise, user, rest = ''] =
    /^(?:([a-z0-9]+):\/\/)?(?:([^@]*)@)?(.*?)\/?$/i.exec(text.trim()) ?? [];
  const known = schemes[name.toLowerCase()];
  if (!known) throw new TypeError(`${name}:// is none of ${Object.keys(schemes).join(', ')}, direct`);
  const [scheme, defaultPort] = known;
  const [, given = '', digits = String(defaultPort)] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(rest) ?? [];
  const host = canonicalHost(given);
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw new TypeError(`${rest} is no host:port`);
  const [username = '', ...password] = (user ?? '').split(':');
  return { scheme, host, port, username: unescaped(username), password: unescaped(password.join(':')) };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
