import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { shakeHands, type Refusal } from './handshake.js';

const NOTHING = Buffer.alloc(0);
/** Opcodes of RFC 6455. */
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const LONGEST_CONTROL = 125;
/** Close codes: none was given; the connection broke; what the other side sent is not as it has to be; not what is taken. */
const [NO_CODE, BROKEN, PROTOCOL, UNSUPPORTED, NOT_UTF8] = [1005, 1006, 1002, 1003, 1007];
/** For the other side to hang up after its or our close, ms. */
const CLOSE_DEADLINE = 2_000;
/** Bytes that wait to be sent, beyond which pings go unanswered: who sends them does not read. */
const PONG_BACKLOG = 1024 * 1024;

/** Why the connection can't go on, in a close. */
class Fault {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string) {
    this.code = code;
    this.reason = reason;
  }
}

/**
 * The client's end of a WebSocket, which hands on what comes as it comes. A package would take longer to load than the rest of a launch
 * takes, and would keep whole messages. That text is UTF-8 is left to the program that reads it.
 */
export class BrowserSocket {
  /** Takes the parts of a message. */
  onText: (part: Buffer, isLast: boolean) => void = () => undefined;
  onClose: (code: number, reason: string) => void = () => undefined;
  /** What waited to be sent has been. */
  onDrain: () => void = () => undefined;
  readonly #socket: Socket;
  /** A header, or a control frame, whose end has not come. */
  #rest: Buffer = NOTHING;
  /** Of the payload of a text frame, bytes. */
  #left = 0;
  #isFinal = true;
  #isMidMessage = false;
  #state: 'open' | 'closing' | 'deaf' = 'open';
  #end: readonly [code: number, reason: string] = [BROKEN, 'the connection broke'];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.onDrain());
    socket.on('end', () => socket.end());
    socket.on('close', () => this.onClose(...this.#end));
  }

  /** Opens one, or gives what answered in its place; rejects with the system's error. */
  static async open(
    url: URL,
    options: { readonly headers: Readonly<Record<string, string>>; readonly deadline: number },
  ): Promise<BrowserSocket | Refusal> {
    const answer = await shakeHands(url, options);
    if (answer.kind === 'refused') return answer;
    const { socket, first } = answer;
    const opened = new BrowserSocket(socket);
    if (first.length > 0) socket.unshift(first);
    socket.on('data', opened.#onData);
    socket.resume();
    return opened;
  }

  /** Bytes that wait to be sent. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** Sends one text message. */
  send(message: Buffer): void {
    if (this.#state === 'open') this.#frame(TEXT, message);
  }

  /** Until `uncork`, what is sent waits to leave in one write. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says goodbye; `onClose` comes when the other side has hung up. */
  close(): void {
    this.#close(1000, '');
  }

  #close(code: number, reason: string): void {
    if (this.#state !== 'open' || this.#socket.destroyed) return;
    this.#state = 'closing';
    this.#end = [code, reason];
    this.#socket.resume();
    const payload = Buffer.from(`..${reason}`);
    payload.writeUInt16BE(code);
    this.#frame(CLOSE, payload);
    this.#hangUp();
  }

  #hangUp(): void {
    this.#socket.end();
    const late = setTimeout(() => this.#socket.destroy(), CLOSE_DEADLINE);
    this.#socket.once('close', () => clearTimeout(late));
  }

  /** The mask is zero, which leaves bytes as they are: it guards caches against what web pages send, and none does here. */
  #frame(opcode: number, payload: Buffer): void {
    const { length } = payload;
    if (!this.#socket.writable) return;
    const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const header = Buffer.alloc(6 + size);
    header[0] = FINAL | opcode;
    header[1] = MASKED | (size === 0 ? length : size === 2 ? 126 : 127);
    if (size === 2) header.writeUInt16BE(length, 2);
    else if (size === 8) header.writeBigUInt64BE(BigInt(length), 2);
    this.#socket.cork();
    this.#socket.write(header);
    this.#socket.write(payload);
    this.#socket.uncork();
  }

  #onData = (chunk: Buffer): void => {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = NOTHING;
    let at = 0;
    while (at < data.length && this.#state !== 'deaf') {
      if (this.#left === 0) {
        const size = this.#header(data.subarray(at));
        if (size instanceof Fault) {
          this.#close(size.code, size.reason);
          this.#state = 'deaf';
          return;
        }
        if (size === 0) {
          this.#rest = data.subarray(at);
          return;
        }
        at += size;
        continue;
      }
      const part = data.subarray(at, at + this.#left);
      at += part.length;
      this.#left -= part.length;
      this.onText(part, this.#isFinal && this.#left === 0);
    }
  };

  /** Reads a header, or a whole control frame; gives its length, 0 when some of it is still to come. */
  #header(data: Buffer): number | Fault {
    const [first = 0, second = 0] = data;
    if (data.length < 2) return 0;
    const opcode = first & 0x0f;
    const isFinal = (first & FINAL) !== 0;
    if ((first & RESERVED) !== 0) return new Fault(PROTOCOL, 'a reserved bit is set');
    if ((second & MASKED) !== 0) return new Fault(PROTOCOL, "a server's frame is masked");
    if (opcode >= CLOSE) {
      if (!isFinal || second > LONGEST_CONTROL)
        return new Fault(PROTOCOL, 'a control frame is in pieces or too long');
      if (data.length < 2 + second) return 0;
      return this.#onControl(opcode, data.subarray(2, 2 + second)) ?? 2 + second;
    }
    if (opcode === BINARY) return new Fault(UNSUPPORTED, 'CDP is text');
    if (opcode !== TEXT && opcode !== CONTINUATION) return new Fault(PROTOCOL, 'an opcode is unknown');
    if ((opcode === CONTINUATION) !== this.#isMidMessage)
      return new Fault(PROTOCOL, 'a message is not continued rightly');
    const size = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (data.length < size) return 0;
    const length = size === 2 ? second : size === 4 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (length > Number.MAX_SAFE_INTEGER) return new Fault(PROTOCOL, 'a length has more than 63 bits');
    this.#isFinal = isFinal;
    this.#isMidMessage = !isFinal;
    this.#left = length;
    if (length === 0) this.onText(NOTHING, isFinal);
    return size;
  }

  #onControl(opcode: number, payload: Buffer): Fault | undefined {
    if (opcode === PING) {
      if (this.backlog <= PONG_BACKLOG && this.#state === 'open') this.#frame(PONG, Buffer.from(payload));
      return undefined;
    }
    if (opcode === PONG) return undefined;
    if (opcode !== CLOSE) return new Fault(PROTOCOL, 'an opcode is unknown');
    const code = payload.length === 0 ? NO_CODE : payload.length === 1 ? 0 : payload.readUInt16BE(0);
    if (payload.length > 0 && !isCloseCode(code))
      return new Fault(PROTOCOL, 'a close has no code that is one');
    if (!isUtf8(payload.subarray(2))) return new Fault(NOT_UTF8, 'the reason of a close is not UTF-8');
    if (this.#state === 'open') {
      this.#end = [code, payload.toString('utf8', 2)];
      this.#frame(CLOSE, Buffer.from(payload.subarray(0, 2)));
      this.#hangUp();
    }
    this.#state = 'deaf';
    return undefined;
  }
}

/** Those that may be sent (RFC 6455, 7.4). */
function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && ![1004, NO_CODE, BROKEN].includes(code)) ||
    (code >= 3000 && code <= 4999)
  );
}
