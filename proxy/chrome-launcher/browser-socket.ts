import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';

/** Refusals are short; bytes. */
const LONGEST_HEAD = 64 * 1024;
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const NOTHING = Buffer.alloc(0);
/** Opcodes of RFC 6455. */
const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa];
/** Close codes: none was given; the connection broke. */
const [NO_CODE, BROKEN] = [1005, 1006];

/** What answered in place of a WebSocket. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.body = body;
  }
}

/**
 * The client's end of a WebSocket, which hands on what comes as it comes. A package would take longer to load than the rest of a launch
 * takes, and would keep whole messages.
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
  #left = 0;
  #isLast = false;
  #end: readonly [code: number, reason: string] = [BROKEN, 'the connection broke'];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', () => this.onDrain());
    socket.on('end', () => socket.end());
    socket.on('close', () => this.onClose(...this.#end));
  }

  /** Opens one; rejects with a Refusal, or with the system's error. */
  static async open(
    url: URL,
    { headers, deadline }: { readonly headers: Readonly<Record<string, string>>; readonly deadline: number },
  ): Promise<BrowserSocket> {
    const socket = await connect(url);
    const key = randomBytes(16).toString('base64');
    const lines = [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    try {
      const [head, first] = await answerOf(socket, deadline);
      const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
      if (!head.includes(accept)) throw new Refusal(101, 'it is no WebSocket');
      const opened = new BrowserSocket(socket);
      if (first.length > 0) socket.unshift(first);
      socket.on('data', opened.#onData);
      return opened;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Bytes that wait to be sent. */
  get backlog(): number {
    return this.#socket.writableLength;
  }

  /** Sends one text message. */
  send(message: Buffer): void {
    this.#frame(TEXT, message);
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
    if (this.#socket.destroyed) return;
    this.#end = [1000, ''];
    this.#socket.resume();
    this.#frame(CLOSE, Buffer.from([0x03, 0xe8]));
    this.#socket.end();
  }

  /** The mask is zero, which leaves bytes as they are: it guards caches against what web pages send, and none does here. */
  #frame(opcode: number, payload: Buffer): void {
    const { length } = payload;
    if (!this.#socket.writable) return;
    const size = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const header = Buffer.alloc(6 + size);
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | (size === 0 ? length : size === 2 ? 126 : 127);
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
    while (at < data.length) {
      if (this.#left === 0) {
        const size = this.#header(data.subarray(at));
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
      this.onText(part, this.#isLast && this.#left === 0);
    }
  };

  /** Reads a header, or a whole control frame; gives its length, 0 when some of it is still to come. */
  #header(data: Buffer): number {
    const [first = 0, short = 0] = data;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (data.length < size) return 0;
    const opcode = first & 0x0f;
    if (opcode >= CLOSE) {
      if (data.length < size + short) return 0;
      this.#onControl(opcode, data.subarray(size, size + short));
      return size + short;
    }
    this.#isLast = (first & 0x80) !== 0;
    this.#left = size === 2 ? short : size === 4 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (this.#left === 0) this.onText(NOTHING, this.#isLast);
    return size;
  }

  #onControl(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.#frame(PONG, Buffer.from(payload));
    if (opcode !== CLOSE) return;
    this.#end = payload.length < 2 ? [NO_CODE, ''] : [payload.readUInt16BE(0), payload.toString('utf8', 2)];
    this.#frame(CLOSE, Buffer.from(payload.subarray(0, 2)));
    this.#socket.end();
  }
}

async function connect(url: URL): Promise<Socket> {
  const isSecure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || (isSecure ? 443 : 80));
  const socket = isSecure
    ? (await import('node:tls')).connect({ host, port, servername: host, ALPNProtocols: ['http/1.1'] })
    : connectTcp({ host, port, noDelay: true });
  // what follows an error is a close, and that is heard of
  socket.on('error', () => undefined);
  return socket;
}

/** The answer to an upgrade: its head, and what followed. */
function answerOf(socket: Socket, deadline: number): Promise<[head: string, first: Buffer]> {
  return new Promise((resolve, reject) => {
    let data: Buffer = NOTHING;
    const late = setTimeout(() => finish(new Error(`no answer within ${deadline / 1000} s`)), deadline);
    const finish = (error?: Error): void => {
      clearTimeout(late);
      socket.off('data', onData).off('end', onEnd).off('error', finish).off('close', onEnd);
      if (error) reject(error);
    };
    const refused = (): Refusal => {
      const [head = '', ...body] = data.toString().split('\r\n\r\n');
      return new Refusal(Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0), body.join('\r\n\r\n'));
    };
    const onEnd = (): void => finish(data.length > 0 ? refused() : new Error('it hung up'));
    const onData = (chunk: Buffer): void => {
      data = Buffer.concat([data, chunk]);
      const end = data.indexOf('\r\n\r\n');
      if (end !== -1 && data.toString('latin1', 0, 13).startsWith('HTTP/1.1 101 ')) {
        finish();
        resolve([data.toString('latin1', 0, end), data.subarray(end + 4)]);
      } else if (data.length > LONGEST_HEAD) finish(refused());
    };
    socket.on('data', onData).on('end', onEnd).on('error', finish).on('close', onEnd);
  });
}
