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
  isAscii,
  isHex,
  numberEnd,
} from './json-bytes.js';

/** A value as Chrome read it. */
export interface ChromeValue {
  readonly type: 'null' | 'boolean' | 'int32' | 'double' | 'string' | 'object' | 'array';
  /** The same value as strict JSON: numbers with their own digits, no key twice (the last one counts). */
  readonly text: string;
  /** Bytes it takes in CBOR, into which Chrome turns what it parses and whose positions its errors name. */
  readonly size: number;
  /** The decoded text of a string. */
  readonly string: string;
  /** Members of the outermost object in their order, duplicates too. */
  readonly members: readonly ChromeMember[];
}

/** A member of the outermost object. */
export interface ChromeMember {
  readonly key: ChromeValue;
  readonly value: ChromeValue;
}

/** What Chrome's parser calls the fault, with the byte offset where it was met. */
export class ChromeJsonError {
  readonly message: string;

  constructor(what: string, position: number) {
    this.message = `JSON: ${what} at position ${position}`;
  }
}

/** Bytes around what a container holds in CBOR: envelope of tag, type and length; start; stop. */
export const CONTAINER_START = 8;
const CONTAINER_STOP = 1;

const NO_MEMBERS: readonly ChromeMember[] = [];

type Token =
  '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'number' | 'true' | 'false' | 'null' | 'invalid' | 'end';

/**
 * Parses as Chromium 156 does, over pipe and WebSocket alike (found by trying, compared in test/cdp-oracle.test.ts):
 * JSON with these differences. White space includes vertical tab and form feed, strings may hold any raw control
 * character and the escape `\v`; comments, a byte order mark and `\x41` are refused, numbers that overflow a double
 * too (those that underflow are 0), and values inside more than 300 containers. UTF-8 may encode surrogates, and
 * overlong what is not ASCII. A whole number in the range of an int32 is one however written: `1.0e3`, `-0`.
 */
export function parseChromeJson(bytes: Buffer): ChromeValue | ChromeJsonError {
  try {
    return new Parser(bytes).parse();
  } catch (error) {
    if (error instanceof ChromeJsonError) return error;
    throw error;
  }
}

class Parser {
  readonly #bytes: Buffer;
  /** Range of the token at hand. */
  #start = 0;
  #end = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  parse(): ChromeValue {
    const value = this.#value(0);
    const rest = this.#skipSpace(this.#end);
    if (rest !== this.#bytes.length) fail('unprocessed input remains', rest);
    return value;
  }

  #value(enclosing: number): ChromeValue {
    if (enclosing > MAX_ENCLOSING) fail('stack limit exceeded', this.#end);
    const token = this.#next();
    switch (token) {
      case 'null':
        return plain('null', 'null', 1);
      case 'true':
      case 'false':
        return plain('boolean', token, 1);
      case 'number':
        return this.#number();
      case 'string':
        return this.#string();
      case '[':
        return this.#array(enclosing);
      case '{':
        return this.#object(enclosing);
      case 'end':
        return fail('no input', this.#start);
      case 'invalid':
        return fail('invalid token', this.#start);
      default:
        return fail('value expected', this.#start);
    }
  }

  #number(): ChromeValue {
    const text = this.#bytes.toString('latin1', this.#start, this.#end);
    const value = Number(text);
    if (!Number.isFinite(value)) fail('invalid number', this.#start);
    if ((value | 0) !== value) return plain('double', text, 9);
    return plain('int32', text, headSize(value < 0 ? -1 - value : value));
  }

  #string(): ChromeValue {
    const string = decodeString(this.#bytes.subarray(this.#start + 1, this.#end - 1));
    if (string === undefined) return fail('invalid string', this.#start);
    const bytes = isAscii(string) ? string.length : 2 * string.length;
    const size = headSize(bytes) + bytes;
    return { type: 'string', text: JSON.stringify(string), size, string, members: NO_MEMBERS };
  }

  #array(enclosing: number): ChromeValue {
    const texts: string[] = [];
    let size = CONTAINER_START + CONTAINER_STOP;
    let before = this.#end;
    let token = this.#next();
    while (token !== ']') {
      // the value is read again from the separator on: where its depth is too great, that is the position
      this.#end = before;
      const value = this.#value(enclosing + 1);
      texts.push(value.text);
      size += value.size;
      token = this.#next();
      if (token === ',') {
        before = this.#end;
        token = this.#next();
        if (token === ']') fail('unexpected array end', this.#start);
      } else if (token !== ']') fail('comma or array end expected', this.#start);
    }
    return plain('array', `[${texts.join(',')}]`, size);
  }

  #object(enclosing: number): ChromeValue {
    const texts = new Map<string, string>();
    const members: ChromeMember[] = [];
    let size = CONTAINER_START + CONTAINER_STOP;
    let token = this.#next();
    while (token !== '}') {
      if (token !== 'string') fail('string literal expected', this.#start);
      const key = this.#string();
      if (this.#next() !== ':') fail('colon expected', this.#start);
      const value = this.#value(enclosing + 1);
      if (enclosing === 0) members.push({ key, value });
      else texts.set(key.text, value.text);
      size += key.size + value.size;
      token = this.#next();
      if (token === ',') {
        token = this.#next();
        if (token === '}') fail('unexpected map end', this.#start);
      } else if (token !== '}') fail('comma or map end expected', this.#start);
    }
    const text = `{${Array.from(texts, ([name, value]) => `${name}:${value}`).join(',')}}`;
    return { type: 'object', text, size, string: '', members };
  }

  /** Reads the token after the one at hand. */
  #next(): Token {
    const bytes = this.#bytes;
    const start = this.#skipSpace(this.#end);
    this.#start = start;
    this.#end = start;
    if (start === bytes.length) return 'end';
    const byte = bytes[start]!;
    switch (byte) {
      case OBJECT_OPEN:
      case OBJECT_CLOSE:
      case ARRAY_OPEN:
      case ARRAY_CLOSE:
      case COMMA:
      case COLON:
        this.#end = start + 1;
        return String.fromCharCode(byte) as Token;
      case QUOTE:
        return this.#upTo('string', stringEnd(bytes, start));
      case 0x74:
        return this.#upTo('true', constantEnd(bytes, start, 'true'));
      case 0x66:
        return this.#upTo('false', constantEnd(bytes, start, 'false'));
      case 0x6e:
        return this.#upTo('null', constantEnd(bytes, start, 'null'));
      default:
        return this.#upTo('number', numberEnd(bytes, start));
    }
  }

  #upTo(token: Token, end: number): Token {
    if (end === -1) return 'invalid';
    this.#end = end;
    return token;
  }

  #skipSpace(at: number): number {
    for (; at < this.#bytes.length; at++) {
      const byte = this.#bytes[at]!;
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) break;
    }
    return at;
  }
}

function plain(type: ChromeValue['type'], text: string, size: number): ChromeValue {
  return { type, text, size, string: '', members: NO_MEMBERS };
}

function fail(what: string, position: number): never {
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- it never leaves this file, and needs no stack
  throw new ChromeJsonError(what, position);
}

/** Size of a CBOR head that carries `value`. */
function headSize(value: number): number {
  return value < 24 ? 1 : value < 0x100 ? 2 : value < 0x10000 ? 3 : 5;
}

/** Chrome compares all but the last letter: `truX` is true to it, and `{"a":nul}` lacks its brace. */
function constantEnd(bytes: Buffer, at: number, text: string): number {
  const last = text.length - 1;
  if (at + last >= bytes.length || bytes.toString('latin1', at, at + last) !== text.slice(0, last)) return -1;
  return at + last + 1;
}

const NO_ESCAPE = 255;
/** How many hexadecimal digits belong to the escape of each letter. */
const escapeDigits = new Uint8Array(256).fill(NO_ESCAPE);
for (const letter of Buffer.from('\\/bfnrtv"')) escapeDigits[letter] = 0;
escapeDigits[0x75] = 4;
escapeDigits[0x78] = 2;

/** The end of the string token at `at`, or -1; `\x41` is a token, and fails only when it is decoded. */
function stringEnd(bytes: Buffer, at: number): number {
  for (at++; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) continue;
    const escape = bytes[++at];
    const digits = escape === 0x75 ? 4 : escape === 0x78 ? 2 : 0;
    if (digits === 0 && (escape === undefined || !'\\/bfnrtv"'.includes(String.fromCharCode(escape))))
      return -1;
    for (let count = 0; count < digits; count++) if (!isHex(bytes[++at])) return -1;
  }
  return -1;
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function decodeString(bytes: Buffer): string | undefined {
  const raw = isUtf8(bytes) ? bytes.toString() : decodeLoosely(bytes);
  if (raw === undefined || !raw.includes('\\')) return raw;
  let isLegal = true;
  const text = raw.replace(
    /\\(?:u([0-9a-fA-F]{4})|([^]))/g,
    (_all, hex: string | undefined, letter: string) => {
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      if (letter === 'x') isLegal = false;
      return escapes[letter] ?? letter;
    },
  );
  return isLegal ? text : undefined;
}

/** UTF-8 where surrogates, and overlong forms of what is not ASCII, are taken. */
function decodeLoosely(bytes: Buffer): string | undefined {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at++]!;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      continue;
    }
    let more: number;
    let codePoint: number;
    if ((lead & 0xe0) === 0xc0) [more, codePoint] = [1, lead & 0x1f];
    else if ((lead & 0xf0) === 0xe0) [more, codePoint] = [2, lead & 0x0f];
    else if ((lead & 0xf8) === 0xf0) [more, codePoint] = [3, lead & 0x07];
    else return undefined;
    for (; more > 0; more--) {
      const byte = bytes[at++];
      if (byte === undefined || (byte & 0xc0) !== 0x80) return undefined;
      codePoint = (codePoint << 6) | (byte & 0x3f);
    }
    if (codePoint <= 0x7f || codePoint > 0x10ffff) return undefined;
    text += String.fromCodePoint(codePoint);
  }
  return text;
}
