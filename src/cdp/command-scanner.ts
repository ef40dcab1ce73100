import {
  COLON,
  COMMA,
  MINUS,
  NINE,
  OBJECT_CLOSE,
  OBJECT_OPEN,
  QUOTE,
  ZERO,
  hasAt,
  isAscii,
  stringClass,
} from './json-bytes.js';
import { ParamsScanner, skipSpace } from './params-scanner.js';
import { StringCache, hashStep } from './string-cache.js';

const ID = Buffer.from('"id"');
const METHOD = Buffer.from('"method"');
const PARAMS = Buffer.from('"params"');
const SESSION = Buffer.from('"sessionId"');

/**
 * Reads a client's frame without JSON.parse. One instance serves all frames: its fields hold the last one that
 * `scan` took, until the next.
 */
export class CommandScanner {
  /** The command's id, an int32; negative ones are legal. Chrome refuses one that is in flight in a page (-32600). */
  id = 0;
  /** Byte range of the id's text. */
  idStart = -1;
  idEnd = -1;
  method = '';
  /** Undefined at the root. */
  sessionId: string | undefined = undefined;
  /** Byte range of the session id with its quotes; -1 when there is none. */
  sessionStart = -1;
  sessionEnd = -1;
  /** Byte range of the params, an object or (rarely) an array; -1 when there is none. */
  paramsStart = -1;
  paramsEnd = -1;
  /** Offset of the opening brace: a member can be written right behind it. */
  open = 0;

  readonly #params = new ParamsScanner();
  readonly #strings = new StringCache();
  #string = '';

  /**
   * Whether the frame is a plain legal command. True is a promise: Chrome's parser takes it and reads the same id,
   * method, session and params from it as JSON.parse would. False means unsure, and `normalise` decides.
   */
  scan(frame: Buffer): boolean {
    const end = frame.length;
    this.idStart = -1;
    this.method = '';
    this.sessionId = undefined;
    this.sessionStart = -1;
    this.sessionEnd = -1;
    this.paramsStart = -1;
    this.paramsEnd = -1;
    this.#params.nonAscii = false;
    let at = skipSpace(frame, 0);
    this.open = at;
    if (at >= end || frame[at] !== OBJECT_OPEN) return false;
    do {
      at = this.#member(frame, skipSpace(frame, at + 1));
      if (at === -1) return false;
      at = skipSpace(frame, at);
      if (at >= end) return false;
    } while (frame[at] === COMMA);
    if (frame[at] !== OBJECT_CLOSE) return false;
    if (skipSpace(frame, at + 1) !== end) return false;
    return this.idStart !== -1 && this.method !== '' && this.#params.isText(frame);
  }

  #member(frame: Buffer, at: number): number {
    if (at + 2 >= frame.length) return -1;
    switch (frame[at + 1]) {
      case 0x69:
        if (this.idStart !== -1 || !hasAt(frame, at, ID)) return -1;
        return this.#id(frame, valueStart(frame, at + ID.length));
      case 0x6d:
        if (this.method !== '' || !hasAt(frame, at, METHOD)) return -1;
        return this.#method(frame, valueStart(frame, at + METHOD.length));
      case 0x70:
        if (this.paramsStart !== -1 || !hasAt(frame, at, PARAMS)) return -1;
        return this.#container(frame, valueStart(frame, at + PARAMS.length));
      case 0x73:
        if (this.sessionStart !== -1 || !hasAt(frame, at, SESSION)) return -1;
        return this.#session(frame, valueStart(frame, at + SESSION.length));
      default:
        return -1;
    }
  }

  /** Digits only: `1.0e3` is an id to Chrome too, and left to `normalise`. */
  #id(frame: Buffer, at: number): number {
    if (at === -1) return -1;
    const end = frame.length;
    this.idStart = at;
    const isNegative = frame[at] === MINUS;
    if (isNegative) at++;
    const first = at;
    let value = 0;
    for (; at < end; at++) {
      const byte = frame[at]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + byte - ZERO;
    }
    const digits = at - first;
    if (digits === 0 || digits > 10 || (digits > 1 && frame[first] === ZERO)) return -1;
    if (value > (isNegative ? 2147483648 : 2147483647)) return -1;
    this.id = (isNegative ? -value : value) | 0;
    this.idEnd = at;
    return at;
  }

  #method(frame: Buffer, at: number): number {
    const end = this.#text(frame, at);
    this.method = this.#string;
    return end;
  }

  #session(frame: Buffer, at: number): number {
    const end = this.#text(frame, at);
    this.sessionId = this.#string;
    this.sessionStart = at;
    this.sessionEnd = end;
    return end;
  }

  /** Chrome takes an array too; methods that read parameters then refuse it. */
  #container(frame: Buffer, at: number): number {
    if (at === -1) return -1;
    this.paramsStart = at;
    this.paramsEnd = this.#params.container(frame, at);
    return this.paramsEnd;
  }

  /**
   * Reads a string into `#string`. Not an empty one: Chrome takes an empty method for a missing one, and an empty
   * session id for the root. Nor one beyond ASCII, which Chrome keeps as UTF-16 and finds to be no method or session.
   */
  #text(frame: Buffer, at: number): number {
    if (at === -1 || frame[at] !== QUOTE) return -1;
    const end = frame.length;
    const first = at + 1;
    let hash = 0;
    for (at = first; at < end; at++) {
      const byte = frame[at]!;
      if (stringClass[byte] !== 0) break;
      hash = hashStep(hash, byte);
    }
    if (at >= end || at === first || frame[at] !== QUOTE) return this.#escapedText(frame, first);
    this.#string = this.#strings.get(frame, first, at, hash);
    return at + 1;
  }

  #escapedText(frame: Buffer, first: number): number {
    const end = this.#params.string(frame, first - 1);
    if (end === -1) return -1;
    this.#string = JSON.parse(frame.toString('utf8', first - 1, end)) as string;
    return this.#string === '' || !isAscii(this.#string) ? -1 : end;
  }
}

function valueStart(frame: Buffer, at: number): number {
  at = skipSpace(frame, at);
  if (at >= frame.length || frame[at] !== COLON) return -1;
  at = skipSpace(frame, at + 1);
  return at < frame.length ? at : -1;
}
