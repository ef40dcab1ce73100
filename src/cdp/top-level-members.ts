import {
  ARRAY_CLOSE,
  ARRAY_OPEN,
  BACKSLASH,
  COMMA,
  OBJECT_CLOSE,
  OBJECT_OPEN,
  QUOTE,
  isSpace,
} from './json-bytes.js';

/**
 * The members of an object given as strict JSON: decoded name to the value's text, the last one where a name comes
 * twice, as in JSON.parse. Undefined if it is no object.
 */
export function topLevelMembers(bytes: Buffer): Map<string, Buffer> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  } catch {
    return undefined;
  }
  // known to be legal from here on, so a value ends at the first comma or brace outside of it
  const members = new Map<string, Buffer>();
  let at = skip(bytes, skip(bytes, 0) + 1);
  while (bytes[at] !== OBJECT_CLOSE) {
    const keyEnd = stringEnd(bytes, at);
    const name = JSON.parse(bytes.toString('utf8', at, keyEnd)) as string;
    const start = skip(bytes, skip(bytes, keyEnd) + 1);
    at = valueEnd(bytes, start);
    members.set(name, bytes.subarray(start, at));
    at = skip(bytes, at);
    if (bytes[at] === COMMA) at = skip(bytes, at + 1);
  }
  return members;
}

function skip(bytes: Buffer, at: number): number {
  while (isSpace(bytes[at])) at++;
  return at;
}

function stringEnd(bytes: Buffer, at: number): number {
  for (at++; bytes[at] !== QUOTE; at++) if (bytes[at] === BACKSLASH) at++;
  return at + 1;
}

function valueEnd(bytes: Buffer, at: number): number {
  let depth = 0;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = stringEnd(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (depth === 0 && (byte === COMMA || byte === OBJECT_CLOSE || isSpace(byte))) return at;
    if (byte === OBJECT_OPEN || byte === ARRAY_OPEN) depth++;
    else if (byte === OBJECT_CLOSE || byte === ARRAY_CLOSE) {
      depth--;
      if (depth === 0) return at + 1;
    }
    at++;
  }
}
