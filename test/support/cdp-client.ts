import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';

/** A message of Chrome's, parsed. */
export interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
  readonly sessionId?: string;
}

/** How a socket ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** Longest that a test waits for anything, ms: five times what it takes on a busy machine. */
const DEADLINE = 15_000;

/** A CDP client with nothing in between: what it sends is what goes over the wire, and it keeps all it gets. */
export class CdpClient {
  readonly socket: WebSocket;
  /** Everything received, in order. */
  readonly received: Message[] = [];
  readonly closed: Promise<Closed>;
  #nextId = 1;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.received.push(JSON.parse(data.toString()) as Message);
      for (const check of [...this.#waiting]) check();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() }));
    });
  }

  static async connect(url: string, options: ClientOptions = {}): Promise<CdpClient> {
    const socket = new WebSocket(url, {
      ...options,
      perMessageDeflate: false,
      maxPayload: 256 * 1024 * 1024,
    });
    const client = new CdpClient(socket);
    await once(socket, 'open');
    return client;
  }

  get events(): Message[] {
    return this.received.filter(({ method }) => method !== undefined);
  }

  /** Sends a frame as it is. */
  raw(frame: string | Buffer, binary = false): void {
    this.socket.send(frame, { binary });
  }

  /** Sends a command and waits for the whole reply, error or not. */
  ask(method: string, params?: object, sessionId?: string): Promise<Message> {
    const id = this.#nextId++;
    this.raw(JSON.stringify({ id, method, params, sessionId }));
    return this.waitFor((message) => message.id === id && message.sessionId === sessionId, method);
  }

  /** Sends a command and waits for its result; throws on an error. */
  async send<T = Record<string, never>>(method: string, params?: object, sessionId?: string): Promise<T> {
    const reply = await this.ask(method, params, sessionId);
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result as T;
  }

  /** The first message that fits, already here or still to come. */
  async waitFor(fits: (message: Message) => boolean, what = 'a message'): Promise<Message> {
    await this.until(() => this.received.some(fits), what);
    return this.received.find(fits)!;
  }

  /** Waits until something is true, looked at after each message. */
  until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`waited in vain for ${what}`));
      }, DEADLINE);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }

  /** A new page with a session on it. */
  async newPage(url = 'about:blank'): Promise<{ targetId: string; sessionId: string }> {
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url });
    const params = { targetId, flatten: true };
    const { sessionId } = await this.send<{ sessionId: string }>('Target.attachToTarget', params);
    return { targetId, sessionId };
  }

  /** Closes as a well-behaved client does. */
  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
