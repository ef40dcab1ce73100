import { once } from 'node:events';
import { WebSocket } from 'ws';

type OnReply = (message: Buffer) => void;

/** Past this a reply is known by being the only one that is awaited: parsing would cost more than what is measured. */
const LARGE = 1e6;

/** A client with as little of its own as can be: what it measures is what is behind its socket. */
export class RawClient {
  readonly #socket: WebSocket;
  /** Resolves with the code when the connection has ended. */
  readonly ended: Promise<number>;
  /** Filled by `send`, emptied by the reply. */
  readonly #awaited = new Map<number, OnReply>();
  /** Told of what is no reply. */
  onEvent: ((message: Buffer) => void) | undefined;
  /** Called with how the connection ended. */
  onClosed: ((code: number, reason: string) => void) | undefined;
  #lastId = 0;
  #failed: ((error: Error) => void) | undefined;
  /** Why nothing can be asked any more. */
  #lost: Error | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', this.#onMessage);
    socket.on('close', this.#onClose);
    this.ended = new Promise((resolve) => socket.once('close', resolve));
  }

  /** Opens a WebSocket to a browser. */
  static async connect(wsUrl: string, headers: Readonly<Record<string, string>> = {}): Promise<RawClient> {
    const socket = new WebSocket(wsUrl, { headers, perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    await once(socket, 'open');
    return new RawClient(socket);
  }

  /** Sends a command; the callback is given the reply as it came. */
  send(method: string, params: string, sessionId: string | undefined, onReply: OnReply): void {
    const id = ++this.#lastId;
    this.#awaited.set(id, onReply);
    const session = sessionId === undefined ? '' : `,"sessionId":"${sessionId}"`;
    this.#socket.send(`{"id":${id},"method":"${method}","params":${params}${session}}`);
  }

  /** Sends a command and gives its result; rejects on an error and when the connection ends. */
  async request<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const reply = await this.wait<Buffer>((done) =>
      this.send(method, JSON.stringify(params), sessionId, done),
    );
    const { result, error } = JSON.parse(reply.toString()) as { result: T; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** A promise for what `start` does with this client; rejects when the connection ends before it is done. */
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

  readonly #onMessage = (message: Buffer): void => {
    const id =
      message.length > LARGE
        ? this.#awaited.keys().next().value
        : (JSON.parse(message.toString('latin1')) as { id?: number }).id;
    if (id === undefined) return this.onEvent?.(message);
    const onReply = this.#awaited.get(id);
    this.#awaited.delete(id);
    onReply?.(message);
  };

  readonly #onClose = (code: number, reason: Buffer): void => {
    this.onClosed?.(code, reason.toString());
    this.#lost = new Error(`the connection was closed with ${code}`);
    this.#failed?.(this.#lost);
  };
}
