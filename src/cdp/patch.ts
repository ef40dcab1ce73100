import type { MessageScanner } from './message-scanner.js';

const SPACE = 0x20;
const CLOSE = 0x7d;
const ZERO = 0x30;
const MINUS = 0x2d;

/**
 * Overwrites a reply's id with the client's own, padded with spaces, which JSON allows: nothing is copied. Only an
 * id that is longer than Chrome's (a negative one of eleven characters) needs a new buffer.
 */
export function patchId(message: Buffer, scan: MessageScanner, id: number): Buffer {
  const { idStart, idEnd } = scan;
  let rest = id < 0 ? -id : id;
  let digits = 1;
  for (let bound = 10; bound <= rest; bound *= 10) digits++;
  const end = idStart + digits + (id < 0 ? 1 : 0);
  if (end > idEnd) {
    return Buffer.concat([message.subarray(0, idStart), Buffer.from(String(id)), message.subarray(idEnd)]);
  }
  for (let at = end - 1; at >= end - digits; at--) {
    const tens = Math.floor(rest / 10);
    message[at] = ZERO + rest - tens * 10;
    rest = tens;
  }
  if (id < 0) message[idStart] = MINUS;
  for (let at = end; at < idEnd; at++) message[at] = SPACE;
  return message;
}

/** Cuts `,"sessionId":"…"` off the end of a message, where Chrome writes it: nothing is copied. */
export function cutSession(message: Buffer, scan: MessageScanner): Buffer {
  if (scan.sessionStart === -1) return message;
  message[scan.sessionStart] = CLOSE;
  return message.subarray(0, scan.sessionStart + 1);
}

const RESULT = ',"result":'.length;

/** The text of a reply's result; it keeps no more than twice its bytes alive. */
export function resultText(message: Buffer, scan: MessageScanner): Buffer {
  const end = scan.sessionStart === -1 ? message.length - 1 : scan.sessionStart;
  const text = message.subarray(scan.idEnd + RESULT, end);
  return 2 * text.length < text.buffer.byteLength ? Buffer.from(text) : text;
}
