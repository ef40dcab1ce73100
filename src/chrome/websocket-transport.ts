import { WebSocket, type ClientOptions } from 'ws';
import type { Socket } from 'node:net';
import { CdpmuxError } from '../errors.js';
import type { Transport, TransportHandlers } from './transport.js';

/** Chrome never sends more than this in one message: over 256 MiB waiting to be read it drops answers. */
const MAX_MESSAGE = 256 * 1024 * 1024;
/** How long the other side may take to answer a close, ms; then the socket is dropped. */
const CLOSE_TIMEOUT = 2_000;

/** A remote Chrome's WebSocket. Never stops reading: Chrome drops answers that wait too long. */
export class WebSocketTransport implements Transport {
  buffer = Buffer.alloc(0);
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  #state: 'open' | 'corked' | 'closed' = 'open';
  #handlers: TransportHandlers | undefined;

  private constructor(socket: WebSocket, stream: Socket) {
    this.#socket = socket;
    this.#stream = stream;
  }

  /** Connects to a `ws://…/devtools/browser/<id>` URL; rejects with `LAUNCH_FAILED` after `timeout` ms. */
  static connect(url: string, timeout: number): Promise<WebSocketTransport> {
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
        if (stream) resolve(new WebSocketTransport(socket, stream));
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
    if (this.#state === 'open') {
      this.#state = 'corked';
      this.#stream.cork();
      process.nextTick(flushLater, this);
    }
    this.#socket.send(this.buffer, { binary: false });
  }

  onceDrained(listener: () => void): void {
    if (this.#stream.writableNeedDrain) this.#stream.once('drain', listener);
    else process.nextTick(listener);
  }

  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#socket.on('message', this.#onMessage);
    this.#socket.on('close', this.#onClose);
    this.#socket.on('error', this.#onError);
  }

  close(): void {
    this.#socket.close();
  }

  abort(reason: string): void {
    this.#finish(reason);
  }

  ping(onPong: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.once('pong', onPong);
    this.#socket.ping(undefined, undefined, () => undefined);
  }

  /** Only for the tick that `commit` asked for. */
  flush(): void {
    if (this.#state !== 'corked') return;
    this.#state = 'open';
    this.#stream.uncork();
  }

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
    this.#socket.off('message', this.#onMessage);
    this.#socket.terminate();
    this.#handlers?.onClose(reason);
  }
}

function flushLater(transport: WebSocketTransport): void {
  transport.flush();
}
