export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const MINUS = 0x2d;
export const ZERO = 0x30;
export const NINE = 0x39;
export const OBJECT_OPEN = 0x7b;
export const OBJECT_CLOSE = 0x7d;
export const ARRAY_OPEN = 0x5b;
export const ARRAY_CLOSE = 0x5d;

/** `stringClass` of quote, backslash and control characters; of plain ASCII it is 0, beyond ASCII 1. */
export const STOP = 2;

/** What each byte is inside a string. */
export const stringClass = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  stringClass[byte] = byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? STOP : byte >= 0x80 ? 1 : 0;
}

/**
 * How many containers may enclose a value in Chrome's parser, the message's own braces counted: 300. A scalar in the
 * 301st is refused while an empty array as the 301st container is not, since the limit is checked where a value begins.
 */
export const MAX_ENCLOSING = 300;

/** Whether a byte is JSON white space. */
export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Whether a byte is a digit. */
export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** Whether a byte is a hexadecimal digit of either case. */
export function isHex(byte: number | undefined): boolean {
  return isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

/** Whether `bytes` has `text` at `at`. */
export function hasAt(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  const length = text.length;
  if (at < 0 || at + length > bytes.length) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}

/** The end of the JSON number that begins at `at`, or -1; Chrome's grammar of numbers is JSON's. */
export function numberEnd(bytes: Uint8Array, at: number): number {
  const end = bytes.length;
  if (at < end && bytes[at] === MINUS) at++;
  if (at >= end || !isDigit(bytes[at])) return -1;
  if (bytes[at] === ZERO) at++;
  else while (at < end && isDigit(bytes[at])) at++;
  if (at < end && isDigit(bytes[at])) return -1;
  if (at < end && bytes[at] === 0x2e) {
    const first = ++at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === first) return -1;
  }
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++;
    if (at < end && (bytes[at] === MINUS || bytes[at] === 0x2b)) at++;
    const first = at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === first) return -1;
  }
  return at;
}

/** Whether a text has no character beyond ASCII. */
export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
