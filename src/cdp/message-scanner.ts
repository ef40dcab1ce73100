import { COMMA, MINUS, NINE, OBJECT_CLOSE, QUOTE, ZERO, hasAt, stringClass } from './json-bytes.js';
import { StringCache, hashStep } from './string-cache.js';
import { topLevelMembers } from './top-level-members.js';

/** `MessageScanner.kind` of an answer to a command. */
export const KIND_REPLY = 1;
/** `MessageScanner.kind` of an event. */
export const KIND_EVENT = 2;

const ID = Buffer.from('{"id":');
const METHOD = Buffer.from('{"method":"');
const ERROR = Buffer.from('"error":');
const SESSION = Buffer.from(',"sessionId":"');
const RESULT = Buffer.from('"result":');
const PARAMS = Buffer.from('"params":');
/** Chrome's have 32 characters; another browser behind a WebSocket may write longer ones. */
const LONGEST_SESSION_ID = 256;

/**
 * Reads what Chrome sends without parsing it: only the first and last bytes are looked at, however long the message.
 * One instance serves a connection: its fields hold the last message that `scan` took, until the next.
 *
 * Why the end can be trusted: a legal message ends with the brace of the top-level object, so a string right before it
 * is the value of a top-level member. Quotes inside a string are escaped, so the bare ones of `,"sessionId":"` are
 * where strings begin and end, and that member is sessionId. A last value that is no string can't be a session id, and
 * with id and result (method and params) in front there is no other place for one.
 */
export class MessageScanner {
  kind = 0;
  /** A reply's id, else 0. */
  id = 0;
  /** Byte range of a reply's id, else 0. */
  idStart = 0;
  idEnd = 0;
  isError = false;
  /** Undefined at the root. */
  sessionId: string | undefined = undefined;
  /** Offset of the comma before `"sessionId"`, which is the last member; -1 when there is none. */
  sessionStart = -1;
  /** Byte range of an event's method without quotes, else 0. */
  methodStart = 0;
  methodEnd = 0;

  readonly #strings = new StringCache();
  #methodHash = 0;

  /**
   * Whether the message has the shape that Chrome writes: id first or method first, sessionId last. If not, scan
   * what `normaliseMessage` makes of it; if that fails too, it is no message for anybody.
   */
  scan(message: Buffer): boolean {
    this.id = 0;
    this.idStart = 0;
    this.idEnd = 0;
    this.isError = false;
    this.methodStart = 0;
    this.methodEnd = 0;
    this.sessionId = undefined;
    this.sessionStart = -1;
    const length = message.length;
    if (length < METHOD.length || message[length - 1] !== OBJECT_CLOSE) return false;
    return (message[2] === 0x69 ? this.#reply(message) : this.#event(message)) && this.#session(message);
  }

  /** An event's method. */
  method(message: Buffer): string {
    return this.#strings.get(message, this.methodStart, this.methodEnd, this.#methodHash);
  }

  #reply(message: Buffer): boolean {
    if (!hasAt(message, 0, ID)) return false;
    const end = message.length;
    let at = ID.length;
    const isNegative = message[at] === MINUS;
    if (isNegative) at++;
    const first = at;
    let value = 0;
    for (; at < end; at++) {
      const byte = message[at]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + byte - ZERO;
    }
    if (at === first || at - first > 10 || value > 2147483648 || message[at] !== COMMA) return false;
    this.kind = KIND_REPLY;
    this.id = (isNegative ? -value : value) | 0;
    this.idStart = ID.length;
    this.idEnd = at;
    this.isError = hasAt(message, at + 1, ERROR);
    return this.isError || hasAt(message, at + 1, RESULT);
  }

  #event(message: Buffer): boolean {
    if (!hasAt(message, 0, METHOD)) return false;
    const end = message.length;
    let at = METHOD.length;
    let hash = 0;
    for (; at < end; at++) {
      const byte = message[at]!;
      if (stringClass[byte] !== 0) break;
      hash = hashStep(hash, byte);
    }
    if (message[at] !== QUOTE) return false;
    this.kind = KIND_EVENT;
    this.methodStart = METHOD.length;
    this.methodEnd = at;
    this.#methodHash = hash;
    return message[at + 1] === COMMA && hasAt(message, at + 2, PARAMS);
  }

  /** Walks back over the last string: a session id is short, and nothing else that Chrome writes there is a string. */
  #session(message: Buffer): boolean {
    const quote = message.length - 2;
    const last = message[quote]!;
    if (last !== QUOTE) return last === OBJECT_CLOSE;
    const stop = Math.max(0, quote - LONGEST_SESSION_ID);
    let first = quote;
    let hash = 0;
    while (first > stop) {
      const byte = message[first - 1]!;
      if (stringClass[byte] !== 0) break;
      hash = hashStep(hash, byte);
      first--;
    }
    if (first === quote || !hasAt(message, first - SESSION.length, SESSION)) return false;
    this.sessionStart = first - SESSION.length;
    this.sessionId = this.#strings.get(message, first, quote, hash);
    return true;
  }
}

/**
 * The same message in the member order and spacing that `MessageScanner` takes; the values keep their text, so that no
 * number loses digits. What is no message comes back as it is.
 */
export function normaliseMessage(message: Buffer): Buffer {
  const members = topLevelMembers(message);
  if (members === undefined) return message;
  if (members.has('method') && !members.has('params')) members.set('params', Buffer.from('{}'));
  const parts: Buffer[] = [];
  const head = members.has('id') ? ['id', 'result', 'error'] : ['method', 'params'];
  const rest = [...members.keys()].filter((name) => name !== 'sessionId' && !head.includes(name));
  for (const name of [...head, ...rest, 'sessionId']) {
    let value = members.get(name);
    if (value === undefined) continue;
    if (name === 'id' || name === 'method' || name === 'sessionId') {
      // written anew: the scanner takes neither `1.0e3` nor escapes
      value = Buffer.from(JSON.stringify(JSON.parse(value.toString())));
    }
    parts.push(Buffer.from(`${parts.length === 0 ? '{' : ','}${JSON.stringify(name)}:`), value);
  }
  parts.push(Buffer.from('}'));
  return Buffer.concat(parts);
}
