import { WebSocket, type ClientOptions } from 'ws';
import type { Socket } from 'node:net';
import { CdpmuxError } from '../errors.js';
import type { Transport, TransportHandlers } from './transport.js';
import { adaptiveBatching, WriteBatch, type Batching, type Line } from './write-batch.js';

/** Chrome never sends more than this in one message: over 256 MiB waiting to be read it drops answers. */
const MAX_MESSAGE = 256 * 1024 * 1024;
/** How long the other side may take to answer a close, ms; then the socket is dropped. */
const CLOSE_TIMEOUT = 2_000;
const AS_TEXT = { binary: false };

/** A remote Chrome's WebSocket. Never stops reading: Chrome drops answers that wait too long. */
export class WebSocketTransport implements Transport, Line {
  buffer = Buffer.alloc(0);
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #batch: WriteBatch;
  #state: 'open' | 'closed' = 'open';
  /** Whether an earlier write was going out when the open batch began. */
  #busy = false;
  #handlers: TransportHandlers | undefined;
  /** Who asked for a sign of life last. */
  #onPong: (() => void) | undefined;

  private constructor(socket: WebSocket, stream: Socket, batching: Batching) {
    this.#socket = socket;
    this.#stream = stream;
    this.#batch = new WriteBatch(this, batching);
  }

  /** Connects to a `ws://…/devtools/browser/<id>` URL; rejects with `LAUNCH_FAILED` after `timeout` ms. */
  static connect(
    url: string,
    timeout: number,
    batching: Batching = adaptiveBatching(),
  ): Promise<WebSocketTransport> {
    return new Promise((resolve, reject) => {
      // The types don't know `closeTimeout` yet.
      const options: ClientOptions & { closeTimeout: number } = {
        perMessageDeflate: false,
        maxPayload: MAX_MESSAGE,
        handshakeTimeout: timeout,
        closeTimeout: CLOSE_TIMEOUT,
        skipUTF8Validation: true,
      };
      const socket = new WebSocket(url, options);
      let stream: Socket | undefined;
      socket.once('upgrade', (response) => (stream = response.socket));
      socket.once('error', (cause) =>
        reject(new CdpmuxError('LAUNCH_FAILED', `No connection to ${url}: ${cause.message}`, { cause })),
      );
      socket.once('open', () => {
        if (stream) resolve(new WebSocketTransport(socket, stream, batching));
      });
    });
  }

  get backlog(): number {
    return this.#stream.writableLength;
  }

  get received(): number {
    return this.#stream.bytesRead;
  }

  reserve(length: number): number {
    this.buffer = Buffer.allocUnsafe(length);
    return 0;
  }

  commit(): void {
    if (this.#state === 'closed') return;
    if (this.#batch.isEmpty) {
      this.#busy = this.#stream.writableLength > 0;
      // While a batch is open its frames wait in the stream.
      this.#stream.cork();
    }
    this.#socket.send(this.buffer, AS_TEXT, this.#onWritten);
    this.#batch.add();
  }

  hurry(): void {
    this.#batch.hurry();
  }

  gather(): void {
    this.#batch.gather();
  }

  onceDrained(listener: () => void): void {
    if (this.#stream.writableNeedDrain) this.#stream.once('drain', listener);
    else process.nextTick(listener);
  }

  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('message', this.#onMessage);
    // One for all pings: what is on the way may swallow them, and a listener for each would stay.
    this.#socket.on('pong', () => this.#onPong?.());
    this.#socket.on('close', this.#onClose);
    this.#socket.on('error', this.#onError);
  }

  close(): void {
    this.#batch.flush('turn');
    this.#socket.close();
  }

  abort(reason: string): void {
    this.#finish(reason);
  }

  ping(onPong: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#onPong = onPong;
    this.#socket.ping(undefined, undefined, () => undefined);
  }

  /** Whether an earlier write is still going out. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Only for the batch. */
  writeOut(): void {
    this.#stream.uncork();
  }

  /** One for all frames. */
  readonly #onWritten = (): void => {
    this.#batch.lineIdle();
  };

  #onMessage = (data: unknown): void => {
    this.#handlers?.onFrame(data as Buffer);
  };

  #onClose = (code: number): void => {
    this.#finish(`the WebSocket was closed (${code})`);
  };

  #onError = (error: Error): void => {
    this.#finish(error.message);
  };

  #finish(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#batch.drop();
    this.#socket.off('message', this.#onMessage);
    this.#socket.terminate();
    this.#handlers?.onClose(reason);
  }
}
