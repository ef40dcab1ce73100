import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Message } from '../support/cdp-client.js';

/** Longest that is waited for what must come, ms. */
const DEADLINE = 15_000;

interface Pending {
  readonly asked: string;
  readonly done: (reply: Message | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

/** A CDP client for many thousands of commands: replies are found by id, each command has a deadline. */
export class Wire {
  readonly socket: WebSocket;
  /** All events, in order, until `forget`. */
  events: Message[] = [];
  /** Called with the bare text of each message; for a reply with what was asked. */
  onText: ((text: string, message: Message, asked: string) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  /** What was asked and not answered in time: an answer may still come. */
  readonly #late = new Map<number, string>();
  readonly #looking = new Set<() => void>();
  readonly #inBatches: boolean;
  #lastId = 0;
  #closed: { code: number; reason: string } | undefined;
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(socket: WebSocket, inBatches: boolean) {
    this.socket = socket;
    this.#inBatches = inBatches;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => this.#onMessage(data.toString()));
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => {
        this.#closed = { code, reason: reason.toString() };
        for (const { done, timer } of this.#pending.values()) {
          clearTimeout(timer);
          done(undefined);
        }
        this.#pending.clear();
        for (const look of [...this.#looking]) look();
        resolve(this.#closed);
      });
    });
  }

  /** With `inBatches` each command goes in a `Mux.batch` of its own. */
  static async connect(
    url: string,
    headers: Readonly<Record<string, string>> = {},
    inBatches = false,
  ): Promise<Wire> {
    const socket = new WebSocket(url, { headers, perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    const wire = new Wire(socket, inBatches);
    await once(socket, 'open');
    return wire;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Sends a command; gives the whole reply, or undefined when none comes in time. */
  ask(
    method: string,
    params?: object,
    sessionId?: string,
    deadline = DEADLINE,
  ): Promise<Message | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const id = ++this.#lastId;
    return new Promise((done) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        this.#late.set(id, asked);
        done(undefined);
      }, deadline);
      const asked = JSON.stringify({ id, method, params, sessionId });
      this.#pending.set(id, { asked, done, timer });
      this.socket.send(this.#inBatches ? inBatch(id, { method, params, sessionId }) : asked);
    });
  }

  /** Sends a command and gives its result; throws on an error and when no answer comes. */
  async send<T = Record<string, never>>(method: string, params?: object, sessionId?: string): Promise<T> {
    const reply = await this.ask(method, params, sessionId);
    if (!reply)
      throw new Error(`${method}: no answer${this.#closed ? ` (closed ${this.#closed.code})` : ''}`);
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result as T;
  }

  /** The value of an expression, or of what it promises; throws when it throws. */
  async evaluate<T = unknown>(sessionId: string | undefined, expression: string): Promise<T> {
    const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.send<{
      result: { value: T; description?: string };
      exceptionDetails?: object;
    }>('Runtime.evaluate', params, sessionId);
    if (exceptionDetails) throw new Error(`${expression.slice(0, 200)}: ${result.description}`);
    return result.value;
  }

  /** The first event that fits, already here or still to come. */
  async event(method: string, fits: (message: Message) => boolean = () => true): Promise<Message> {
    let found: Message | undefined;
    const look = (): boolean => {
      found = this.events.find((message) => message.method === method && fits(message));
      return found !== undefined;
    };
    await this.until(look, method);
    if (!found) throw new Error(`${method}: gone`);
    return found;
  }

  /** Waits until something is true, looked at after each message. */
  until(condition: () => boolean, what: string, deadline = DEADLINE): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(timer);
        this.#looking.delete(look);
        reject(new Error(`${why} while it waited for ${what}`));
      };
      const timer = setTimeout(() => fail('nothing came'), deadline);
      const look = (): void => {
        if (condition()) {
          clearTimeout(timer);
          this.#looking.delete(look);
          resolve();
        } else if (this.#closed) fail(`closed with ${this.#closed.code} ${this.#closed.reason}`);
      };
      this.#looking.add(look);
    });
  }

  /** Closes without a goodbye. */
  async terminate(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  #onMessage(text: string): void {
    const message = this.#inBatches ? outOfBatch(JSON.parse(text) as Message) : (JSON.parse(text) as Message);
    if (message.id === undefined) {
      this.onText?.(text, message, '');
      this.events.push(message);
    } else {
      const pending = this.#pending.get(message.id);
      this.onText?.(text, message, pending?.asked ?? this.#late.get(message.id) ?? '');
      if (pending) {
        this.#pending.delete(message.id);
        clearTimeout(pending.timer);
        pending.done(message);
      }
    }
    for (const look of [...this.#looking]) look();
  }
}

/** The frame of a batch with one command. */
function inBatch(id: number, command: object): string {
  return JSON.stringify({ id, method: 'Mux.batch', params: { commands: [command] } });
}

/** The answer to the one command of a batch, as if it had come alone. */
function outOfBatch(message: Message): Message {
  const results = message.result?.['results'] as Pick<Message, 'result' | 'error'>[] | undefined;
  if (!results) return message;
  const { result, error } = results[0]!;
  return { ...message, result: undefined, ...(result && { result }), ...(error && { error }) } as Message;
}
