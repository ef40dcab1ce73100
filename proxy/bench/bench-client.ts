import { WebSocket } from 'ws';

/** More than any answer has here, bytes. */
const LARGEST = 64 * 1024 * 1024;
/** How long a connection may take to open, ms. */
const DEADLINE = 30_000;

/** One page of a browser, spoken to with as little as can be. */
export class BenchClient {
  readonly #socket: WebSocket;
  readonly #awaited = new Map<number, (message: Buffer) => void>();
  /** Of the page; '' until there is one. */
  #session = '';
  #lastId = 0;
  #failed: ((error: Error) => void) | undefined;
  /** Why nothing can be asked any more: it was closed, maybe while the other side was measured. */
  #lost: Error | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message: Buffer) => {
      // Both write it first; parsing a megabyte would be measured, too.
      const id = Number(/^\{"id":\s*(\d+)/.exec(message.toString('latin1', 0, 40))?.[1]);
      const done = this.#awaited.get(id);
      this.#awaited.delete(id);
      done?.(message);
    });
    socket.on('error', () => undefined);
    socket.on('close', (code: number) => {
      this.#lost = new Error(`the connection was closed with ${code} while it was measured`);
      this.#failed?.(this.#lost);
    });
  }

  /** Opens a WebSocket to a browser. */
  static connect(url: string): Promise<BenchClient> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, {
        perMessageDeflate: false,
        maxPayload: LARGEST,
        handshakeTimeout: DEADLINE,
      });
      socket.once('open', () => resolve(new BenchClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Makes a page, to which what follows goes. */
  async openPage(): Promise<void> {
    const { targetId } = await this.request<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const attach = { targetId, flatten: true };
    const { sessionId } = await this.request<{ sessionId: string }>('Target.attachToTarget', attach);
    this.#session = `,"sessionId":"${sessionId}"`;
  }

  async request<T>(method: string, params: object = {}): Promise<T> {
    const message = await this.wait<Buffer>((done) => this.send(method, JSON.stringify(params), done));
    const { result, error } = JSON.parse(message.toString()) as { result: T; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Sends a command; `done` is given the answer as it came. */
  send(method: string, params: string, done: (message: Buffer) => void): void {
    const id = ++this.#lastId;
    this.#awaited.set(id, done);
    this.#socket.send(`{"id":${id},"method":"${method}","params":${params}${this.#session}}`);
  }

  /** A promise for what `start` does here; rejects when the connection ends before it is done. */
  wait<T>(start: (done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#failed = reject;
      start(resolve);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.terminate();
  }
}
