import { LaunchError } from './launch-error.js';

/** A cdpmux, and how to come in. */
export interface Address {
  /** `ws://host:port/`, with parameters that every upgrade gets. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const protocols: Readonly<Record<string, string>> = {
  'http:': 'ws:',
  'https:': 'wss:',
  'ws:': 'ws:',
  'wss:': 'wss:',
};

/** Reads `CDPMUX_URL`, and a token beside it; throws a LaunchError for what is no address. */
export function readAddress(text: string, token: string | undefined): Address {
  const protocol = URL.canParse(text) ? protocols[new URL(text).protocol] : undefined;
  if (protocol === undefined) throw badUrl(text, 'is no URL');
  const url = new URL(text);
  if (url.pathname !== '/') throw badUrl(text, 'has a path');
  const secret = url.searchParams.get('token') ?? token;
  url.searchParams.delete('token');
  url.protocol = protocol;
  return { url, headers: secret === undefined || secret === '' ? {} : { authorization: `Bearer ${secret}` } };
}

function badUrl(text: string, what: string): LaunchError {
  const shown = text.replace(/([?&]token=)[^&]*/g, '$1…');
  return new LaunchError(`CDPMUX_URL=${shown} ${what}; give it as ws://host:port/ or http://host:port/.`);
}

/** The URL of a WebSocket at a path of this cdpmux. */
export function webSocketUrl({ url }: Address, path: string, parameters?: URLSearchParams): URL {
  const at = new URL(url);
  at.pathname = path;
  for (const [name, value] of parameters ?? []) at.searchParams.set(name, value);
  return at;
}

/** The URL of a request to this cdpmux. */
export function httpUrl({ url }: Address, path: string): URL {
  return new URL(path, url.href.replace(/^ws/, 'http'));
}
