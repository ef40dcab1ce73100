import { CdpmuxError } from '../../src/index.js';

/** A request's path without the `/name/<name>` before it, the name, and the query as it came. */
export interface RequestPath {
  readonly path: string;
  readonly name: string | undefined;
  readonly query: string;
}

const namePattern = /^[\w.-]{1,64}$/;

/** Splits a request's URL; throws BAD_PARAMETER for a name that is none. */
export function readPath(url: string): RequestPath {
  const { path, name, query } = splitPath(url);
  if (name !== undefined && !namePattern.test(name)) {
    const message = `A name has 1 to 64 letters, digits, dots, dashes and underscores; got ${JSON.stringify(name.slice(0, 80))}.`;
    throw new CdpmuxError('BAD_PARAMETER', message);
  }
  return { path, name, query };
}

/** The same, whatever the name: for those who must not learn what is wrong with it. */
export function splitPath(url: string): RequestPath {
  const at = url.indexOf('?');
  const whole = at === -1 ? url : url.slice(0, at);
  const query = at === -1 ? '' : url.slice(at + 1);
  const match = /^\/name\/([^/]*)(\/.*)?$/.exec(whole);
  if (!match) return { path: whole, name: undefined, query };
  return { path: match[2] ?? '/', name: decode(match[1] ?? ''), query };
}

/** Undoes percent-encoding; what is not validly encoded stays as it is. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
