import { once } from 'node:events';
import { WebSocket } from 'ws';

interface Awaited {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A CDP client with nothing in between whose connection may be cut at any time: every wait ends then, or in time. */
export class PlainClient {
  readonly #socket: WebSocket;
  readonly #patience: number;
  /** Added by `send`, taken off by the reply, the deadline or the end. */
  readonly #awaited = new Map<number, Awaited>();
  #lastId = 0;

  private constructor(socket: WebSocket, patience: number) {
    this.#socket = socket;
    this.#patience = patience;
    socket.on('message', (data: Buffer) => this.#onMessage(data));
    socket.on('error', () => undefined);
    socket.once('close', (code: number, reason: Buffer) => {
      const error = new Error(`the connection was closed with ${code} ${reason.toString()}`);
      for (const { reject } of this.#awaited.values()) reject(error);
    });
  }

  static async connect(wsUrl: string, patience: number): Promise<PlainClient> {
    const socket = new WebSocket(wsUrl, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    await once(socket, 'open', { signal: AbortSignal.timeout(patience) });
    return new PlainClient(socket, patience);
  }

  /** Sends a command and gives its result; rejects on an error, at the end of the connection, and when it takes too long. */
  send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN)
      return Promise.reject(new Error('the connection was closed'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => settle(() => reject(new Error(`${method} was not answered within ${this.#patience} ms`))),
        this.#patience,
      );
      const settle = (how: () => void): void => {
        clearTimeout(late);
        this.#awaited.delete(id);
        how();
      };
      this.#awaited.set(id, {
        resolve: (result) => settle(() => resolve(result as T)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }

  close(): void {
    this.#socket.close();
  }

  /** Resolves when the connection has ended, or after so long, ms. */
  async ended(within: number): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    await once(this.#socket, 'close', { signal: AbortSignal.timeout(within) }).catch(() => undefined);
  }

  /** Is gone without a word, as a client whose network drops. */
  cut(): void {
    this.#socket.terminate();
  }

  #onMessage(data: Buffer): void {
    const { id, result, error } = JSON.parse(data.toString()) as {
      id?: number;
      result?: unknown;
      error?: { message: string };
    };
    if (id === undefined) return;
    const awaited = this.#awaited.get(id);
    if (error) awaited?.reject(new Error(error.message));
    else awaited?.resolve(result);
  }
}
