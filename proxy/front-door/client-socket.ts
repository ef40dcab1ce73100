import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Downstream } from '../../src/index.js';

const TEXT_FRAME = 0x81;
/** Frames up to this size are copied together, so that a turn's messages leave in one write; larger ones are not. */
const SMALL = 16 * 1024;
const LONGEST_REASON = 123;
/** How long a client may take to answer a close before its connection is dropped, ms. */
const CLOSE_DEADLINE = 2_000;

/** What `ws` closes with by itself, and what the one who reads it can do. */
const reasons: Readonly<Record<number, string>> = {
  1002: 'not a WebSocket frame as RFC 6455 has it',
  1003: 'data of a kind that is not taken',
  1007: 'a text message that is not UTF-8',
  1008: 'a message in too many pieces',
};

/** The WebSocket of clients whose messages may have so many bytes: where `ws` closes, it gives a code only. */
export function explainingWebSocket(largest: number): typeof WebSocket {
  const tooLarge = `message too large: send at most ${largest} bytes at once, or raise limits.message`;
  return class extends WebSocket {
    override close(code?: number, reason?: string | Buffer): void {
      super.close(code, reason ?? (code === 1009 ? tooLarge : reasons[code ?? 0]));
    }
  };
}

/**
 * A client's WebSocket. Reading, pings and closing are `ws`'s; text frames are written to the stream here: what is
 * sent in one turn of the event loop leaves in one write, with none of the work that `ws` does for each message.
 */
export class ClientSocket implements Downstream {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  /** Bytes that may wait for a client that does not read. */
  readonly #cap: number;
  #waiting: Buffer[] = [];
  #state: 'open' | 'closing' = 'open';

  constructor(socket: WebSocket, stream: Duplex, cap: number) {
    this.#socket = socket;
    this.#stream = stream;
    this.#cap = cap;
  }

  send(message: Buffer): void {
    if (this.#state === 'closing') return;
    this.#waiting.push(message);
    if (this.#waiting.length === 1) process.nextTick(flushLater, this);
  }

  close(code: number, reason: string): void {
    if (this.#state === 'closing') return;
    this.flush();
    this.#state = 'closing';
    this.#socket.close(code, shorten(reason));
    setTimeout(() => this.#socket.terminate(), CLOSE_DEADLINE).unref();
  }

  terminate(): void {
    this.#state = 'closing';
    this.#socket.terminate();
  }

  /** Answers a ping; what waits for a client that pings and does not read has the same cap as messages. */
  pong(data: Buffer): void {
    if (this.#state === 'closing' || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.pong(data, false);
    this.#checkCap();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Writes what was sent in this turn. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#stream.cork();
    let from = 0;
    while (from < waiting.length) from = this.#write(waiting, from);
    this.#stream.uncork();
    this.#checkCap();
  }

  #checkCap(): void {
    if (this.#stream.writableLength <= this.#cap) return;
    this.close(1013, `too slow: over ${this.#cap} bytes wait to be read (raise limits.clientBuffer)`);
  }

  /** Writes one large frame, or as many small ones as follow each other; gives the index of the next. */
  #write(waiting: readonly Buffer[], from: number): number {
    let to = from;
    let size = 0;
    for (; to < waiting.length; to++) {
      const { length } = waiting[to]!;
      if (length > SMALL) break;
      size += headerSize(length) + length;
    }
    if (to === from) {
      const message = waiting[from]!;
      const header = Buffer.allocUnsafe(headerSize(message.length));
      writeHeader(header, 0, message.length);
      this.#stream.write(header);
      this.#stream.write(message);
      return from + 1;
    }
    const frames = Buffer.allocUnsafe(size);
    let at = 0;
    for (let index = from; index < to; index++) {
      const message = waiting[index]!;
      at = writeHeader(frames, at, message.length);
      at += message.copy(frames, at);
    }
    this.#stream.write(frames);
    return to;
  }
}

function flushLater(socket: ClientSocket): void {
  socket.flush();
}

/** A server's frames are not masked: two bytes, and the length where it does not fit in seven bits (RFC 6455, 5.2). */
function headerSize(length: number): number {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

function writeHeader(buffer: Buffer, at: number, length: number): number {
  buffer[at] = TEXT_FRAME;
  if (length < 126) {
    buffer[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    buffer[at + 1] = 126;
    return buffer.writeUInt16BE(length, at + 2);
  }
  buffer[at + 1] = 127;
  buffer.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2);
  return buffer.writeUInt32BE(length % 2 ** 32, at + 6);
}

function shorten(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= LONGEST_REASON) return reason;
  let end = LONGEST_REASON - 3;
  // Never half a character: what continues one begins with the bits 10.
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...`;
}
