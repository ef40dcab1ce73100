import { isUtf8 } from 'node:buffer';
import {
  ARRAY_CLOSE,
  ARRAY_OPEN,
  BACKSLASH,
  COLON,
  COMMA,
  MAX_ENCLOSING,
  OBJECT_CLOSE,
  OBJECT_OPEN,
  QUOTE,
  STOP,
  hasAt,
  isDigit,
  isHex,
  isSpace,
  numberEnd,
  stringClass,
} from './json-bytes.js';
import { hashStep } from './string-cache.js';

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');
/** Past so many keys a Set is faster than comparing each with each. */
const FEW_KEYS = 32;
/** Most strings end within so many bytes. */
const SHORT = 16;
/** 1e99 times 200 digits is still far from infinity. */
const SURELY_FINITE = 200;

/**
 * Checks JSON text that Chrome's parser and JSON.parse understand alike, without building anything: what passes is
 * strict JSON, valid UTF-8, within Chrome's depth, has no number beyond a double and no key twice in an object. Chrome
 * takes a key twice below the top level and reads the last, as JSON.parse does, in every method that was tried; but
 * that is up to each method's reader and not to the parser, so nothing that is checked here rests on it.
 */
export class ParamsScanner {
  /** Whether a byte beyond ASCII was met since it was last set to false. */
  nonAscii = false;

  readonly #hashes = new Int32Array(FEW_KEYS * (MAX_ENCLOSING + 1));
  readonly #starts = new Int32Array(FEW_KEYS * (MAX_ENCLOSING + 1));
  readonly #ends = new Int32Array(FEW_KEYS * (MAX_ENCLOSING + 1));
  #top = 0;
  #hash = 0;

  /** The end of the object or array that is a command's member and begins at `at`, or -1. */
  container(bytes: Buffer, at: number): number {
    this.#top = 0;
    if (bytes[at] === OBJECT_OPEN) return this.#object(bytes, at, 1);
    return bytes[at] === ARRAY_OPEN ? this.#array(bytes, at, 1) : -1;
  }

  /** Whether what was met beyond ASCII is valid UTF-8; Chrome takes some that is not (surrogates, overlong). */
  isText(bytes: Buffer): boolean {
    return !this.nonAscii || isUtf8(bytes);
  }

  #value(bytes: Buffer, at: number, enclosing: number): number {
    if (enclosing > MAX_ENCLOSING || at >= bytes.length) return -1;
    const byte = bytes[at]!;
    if (byte === QUOTE) return this.string(bytes, at);
    if (byte === OBJECT_OPEN) return this.#object(bytes, at, enclosing);
    if (byte === ARRAY_OPEN) return this.#array(bytes, at, enclosing);
    if (byte === 0x74) return hasAt(bytes, at, TRUE) ? at + 4 : -1;
    if (byte === 0x66) return hasAt(bytes, at, FALSE) ? at + 5 : -1;
    if (byte === 0x6e) return hasAt(bytes, at, NULL) ? at + 4 : -1;
    return finiteNumber(bytes, at);
  }

  #array(bytes: Buffer, at: number, enclosing: number): number {
    at = skipSpace(bytes, at + 1);
    if (at < bytes.length && bytes[at] === ARRAY_CLOSE) return at + 1;
    for (;;) {
      at = this.#value(bytes, at, enclosing + 1);
      if (at === -1) return -1;
      at = skipSpace(bytes, at);
      if (at >= bytes.length) return -1;
      if (bytes[at] === ARRAY_CLOSE) return at + 1;
      if (bytes[at] !== COMMA) return -1;
      at = skipSpace(bytes, at + 1);
    }
  }

  #object(bytes: Buffer, at: number, enclosing: number): number {
    const end = bytes.length;
    const base = this.#top;
    let names: Set<string> | undefined;
    at = skipSpace(bytes, at + 1);
    if (at < end && bytes[at] === OBJECT_CLOSE) return at + 1;
    for (;;) {
      if (at >= end || bytes[at] !== QUOTE) return -1;
      const start = at;
      at = this.#key(bytes, at);
      if (at === -1) {
        // an escape: such keys are rare, and only their decoded texts can be compared
        at = this.string(bytes, start);
        if (at === -1) return -1;
        names ??= this.#names(bytes, base);
      } else if (this.#top - base === FEW_KEYS) {
        names ??= this.#names(bytes, base);
      }
      if (names === undefined) {
        if (this.#isKnown(bytes, base, start, at)) return -1;
      } else {
        const name = decode(bytes, start, at);
        if (names.has(name)) return -1;
        names.add(name);
      }
      at = skipSpace(bytes, at);
      if (at >= end || bytes[at] !== COLON) return -1;
      at = this.#value(bytes, skipSpace(bytes, at + 1), enclosing + 1);
      if (at === -1) return -1;
      at = skipSpace(bytes, at);
      if (at >= end) return -1;
      if (bytes[at] === OBJECT_CLOSE) break;
      if (bytes[at] !== COMMA) return -1;
      at = skipSpace(bytes, at + 1);
    }
    this.#top = base;
    return at + 1;
  }

  /** Whether the object whose keys begin at `base` has this one already; remembers it if not. */
  #isKnown(bytes: Buffer, base: number, start: number, end: number): boolean {
    const hash = this.#hash;
    const top = this.#top;
    for (let index = base; index < top; index++) {
      if (this.#hashes[index] !== hash) continue;
      const other = this.#starts[index]!;
      if (this.#ends[index]! - other !== end - start) continue;
      if (bytes.compare(bytes, other, other + end - start, start, end) === 0) return true;
    }
    this.#hashes[top] = hash;
    this.#starts[top] = start;
    this.#ends[top] = end;
    this.#top = top + 1;
    return false;
  }

  #names(bytes: Buffer, base: number): Set<string> {
    const names = new Set<string>();
    for (let index = base; index < this.#top; index++) {
      names.add(decode(bytes, this.#starts[index]!, this.#ends[index]!));
    }
    return names;
  }

  /** The end of a key without escapes, or -1; leaves its hash. */
  #key(bytes: Buffer, at: number): number {
    const end = bytes.length;
    let hash = 0;
    for (at++; at < end; at++) {
      const byte = bytes[at]!;
      if (stringClass[byte] === 0) {
        hash = hashStep(hash, byte);
      } else if (byte === QUOTE) {
        this.#hash = hash;
        return at + 1;
      } else if (byte >= 0x80) {
        this.nonAscii = true;
        hash = hashStep(hash, byte);
      } else return -1;
    }
    return -1;
  }

  /** The end of the string that begins at `at`, or -1. */
  string(bytes: Buffer, at: number): number {
    const end = bytes.length;
    let seen = 0;
    at++;
    for (;;) {
      const near = at + SHORT < end ? at + SHORT : end;
      while (at < near) {
        const kind = stringClass[bytes[at]!]!;
        if (kind === STOP) break;
        seen |= kind;
        at++;
      }
      if (at >= end) return -1;
      if (at === near) {
        at = this.#skipLong(bytes, at);
        continue;
      }
      if (seen !== 0) this.nonAscii = true;
      if (bytes[at] === QUOTE) return at + 1;
      if (bytes[at] !== BACKSLASH) return -1;
      at = escapeEnd(bytes, at);
      if (at === -1) return -1;
    }
  }

  /** Scripts and base64 are long: eight bytes a turn, stopping short of the first that is special. */
  #skipLong(bytes: Buffer, at: number): number {
    const last = bytes.length - 8;
    let seen = 0;
    while (at <= last) {
      const kinds =
        stringClass[bytes[at]!]! |
        stringClass[bytes[at + 1]!]! |
        stringClass[bytes[at + 2]!]! |
        stringClass[bytes[at + 3]!]! |
        stringClass[bytes[at + 4]!]! |
        stringClass[bytes[at + 5]!]! |
        stringClass[bytes[at + 6]!]! |
        stringClass[bytes[at + 7]!]!;
      if (kinds >= STOP) break;
      seen |= kinds;
      at += 8;
    }
    if (seen !== 0) this.nonAscii = true;
    return at;
  }
}

/** The first byte from `at` that is not JSON white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

function finiteNumber(bytes: Buffer, at: number): number {
  const end = numberEnd(bytes, at);
  if (end === -1) return -1;
  const hasLongExponent =
    end - at > 4 && isDigit(bytes[end - 2]) && isDigit(bytes[end - 3]) && hasExponent(bytes, at, end);
  if (end - at <= SURELY_FINITE && !hasLongExponent) return end;
  // Chrome refuses what overflows and takes what underflows
  return Number.isFinite(Number(bytes.toString('latin1', at, end))) ? end : -1;
}

function hasExponent(bytes: Buffer, at: number, end: number): boolean {
  for (; at < end; at++) if ((bytes[at]! | 0x20) === 0x65) return true;
  return false;
}

/** Chrome takes `\v` too, JSON.parse does not. */
function escapeEnd(bytes: Buffer, at: number): number {
  if (at + 1 >= bytes.length) return -1;
  switch (bytes[at + 1]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return at + 2;
    case 0x75:
      if (at + 6 > bytes.length) return -1;
      for (let index = at + 2; index < at + 6; index++) if (!isHex(bytes[index])) return -1;
      return at + 6;
    default:
      return -1;
  }
}

function decode(bytes: Buffer, start: number, end: number): string {
  return JSON.parse(bytes.toString('utf8', start, end)) as string;
}
