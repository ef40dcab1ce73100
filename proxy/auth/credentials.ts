import type { IncomingMessage } from 'node:http';

/** What a request gives as its token, and its URL without it. */
export interface Credentials {
  readonly token: string | undefined;
  /** Set where the token came in the query: it has to go into the URLs that the client is given. */
  readonly inQuery: boolean;
  /** Path and query without the token. */
  readonly url: string;
}

/**
 * Finds the token: in the query, else in `x-cdpmux-token`, else in `Authorization: Bearer`. The query of `/json/new` is
 * the URL to open, whose parameters are not ours: there only what comes before it counts.
 */
export function readCredentials({ url = '/', headers }: IncomingMessage): Credentials {
  const at = url.indexOf('?');
  if (at >= 0) {
    const path = url.slice(0, at);
    const parts = url.slice(at + 1).split('&');
    const isToken = (part: string): boolean => /^token=/i.test(part);
    const mayHave = /\/json\/new\/?$/.test(path) ? parts.slice(0, 1) : parts;
    const found = mayHave.filter(isToken);
    if (found.length > 0) {
      const rest = parts.filter((part) => !found.includes(part)).join('&');
      const token = new URLSearchParams(found.at(-1)).values().next().value;
      return { token, inQuery: true, url: rest === '' ? path : `${path}?${rest}` };
    }
  }
  const header = headers['x-cdpmux-token'];
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return { token: typeof header === 'string' ? header : bearer, inQuery: false, url };
}
