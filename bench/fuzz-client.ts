import { once } from 'node:events';
import { WebSocket } from 'ws';

import { CommandScanner } from '../src/cdp/command-scanner.js';
import { normalise } from '../src/cdp/normalise.js';
import { render, type Ids, type Plan, type Sending } from './fuzz-frames.js';

/** A command that is to be answered. */
export interface Sent {
  readonly method: string;
  readonly sessionId: string | undefined;
}

/** How a connection ended, and what was sent on it that may end one. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** Frames above this that are unusual are refused without a look at their id. */
const LARGEST_UNUSUAL = 8 * 1024 * 1024;
const NO_ID = Number.NaN;
const scanner = new CommandScanner();

/** What a frame is to be answered with: an id, or none where it has none that counts. */
function readSent(data: Buffer): Sent & { readonly id: number } {
  let frame = data;
  if (!scanner.scan(frame)) {
    if (data.length > LARGEST_UNUSUAL) return { id: NO_ID, method: '', sessionId: undefined };
    const outcome = normalise(data);
    if ('reply' in outcome) {
      const { id = NO_ID } = JSON.parse(outcome.reply.toString()) as { id?: number };
      return { id, method: '', sessionId: undefined };
    }
    frame = outcome.frame;
    scanner.scan(frame);
  }
  return { id: scanner.id, method: scanner.method, sessionId: scanner.sessionId };
}

/** A client that sends anything, and keeps account of what must be answered. */
export class FuzzClient {
  readonly socket: WebSocket;
  readonly own: Record<keyof Ids, string[]> = { session: [''], target: [], context: [], object: [] };
  /** Sessions that Chrome has ended: what waited in them is not answered. */
  readonly goneSessions = new Set<string>();
  /** Codes with which what was sent may end the connection. */
  readonly mayCloseWith = new Set<number>();
  readonly surplus: string[] = [];
  readonly closed: Promise<Ending>;
  ending: Ending | undefined;
  frames = 0;
  answers = 0;
  /** By id; what is answered is taken off, unless its id came more than once. */
  readonly #expected = new Map<number, { readonly sent: Sent[]; left: number }>();
  readonly #asked = new Map<number, (reply: Reply) => void>();
  #withoutId = 0;
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', this.#onMessage);
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => {
        this.ending = { code, reason: reason.toString() };
        for (const done of this.#asked.values()) done({ error: { code: 0, message: 'closed' } });
        resolve(this.ending);
      });
    });
  }

  /** Connects and opens what the frames can name: a page, its tab, another browser session, a context, an object. */
  static async open(url: string): Promise<FuzzClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    const client = new FuzzClient(socket);
    await once(socket, 'open');
    const { own } = client;
    const { targetId = '' } = await client.ask('Target.createTarget', { url: 'about:blank' });
    own.target.push(targetId);
    const { targetInfos = [] } = await client.ask('Target.getTargets', { filter: [{}] });
    own.target.push(...targetInfos.map((info) => info.targetId));
    for (const target of own.target.slice(0, 3)) {
      const { sessionId } = await client.ask('Target.attachToTarget', { targetId: target, flatten: true });
      if (sessionId !== undefined) own.session.push(sessionId);
    }
    const { browserContextId = '' } = await client.ask('Target.createBrowserContext');
    own.context.push(browserContextId);
    const session = own.session[1];
    const { result } = await client.ask('Runtime.evaluate', { expression: '({})' }, session);
    if (result?.objectId !== undefined) own.object.push(result.objectId);
    return client;
  }

  /** How many commands have not been answered. */
  get outstanding(): number {
    let count = this.#withoutId;
    for (const { left } of this.#expected.values()) count += left;
    return count;
  }

  /** What has not been answered, by id: of commands that had the same id, so many are left. */
  unanswered(): { readonly sent: readonly Sent[]; readonly left: number }[] {
    const withoutId = { sent: [{ method: '(no id)', sessionId: undefined }], left: this.#withoutId };
    return [...this.#expected.values(), withoutId].filter(({ left }) => left > 0);
  }

  /** Sends a command and gives its result, an empty one for an error. */
  async ask(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = ++this.#lastId;
    const reply = await new Promise<Reply>((resolve) => {
      this.#asked.set(id, resolve);
      this.#expect({ method, sessionId }, id);
      this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
    return reply.result ?? {};
  }

  /** Sends the frame of a plan and gives its text; `foreign` are another virtual browser's ids. */
  send(plan: Plan, foreign: Ids): string {
    const scene = { own: this.own, foreign, nextId: () => ++this.#lastId };
    const sending = render(plan, scene);
    this.frames++;
    this.#transmit(sending);
    if (sending.how === 'binary') {
      this.mayCloseWith.add(1006);
      return '(binary)';
    }
    if (plan.op === 'utf8') this.mayCloseWith.add(1007);
    const sent = readSent(sending.data);
    if (sent.method === 'Browser.close') this.mayCloseWith.add(1000);
    this.#expect(sent, sent.id);
    return sending.data.toString();
  }

  /** Sends a command whose answer nobody waits for. */
  tell(method: string, params: object, sessionId: string): void {
    const id = ++this.#lastId;
    this.#expect({ method: `${method} (recovery)`, sessionId }, id);
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
  }

  #expect(sent: Sent, id: number): void {
    if (Number.isNaN(id)) {
      this.#withoutId++;
      return;
    }
    const { method, sessionId } = sent;
    const same = this.#expected.get(id);
    if (same) {
      same.sent.push({ method, sessionId });
      same.left++;
    } else this.#expected.set(id, { sent: [{ method, sessionId }], left: 1 });
  }

  #transmit({ how, data, cut }: Sending): void {
    const { socket } = this;
    if (how === 'fragments') {
      const size = Math.ceil(data.length / cut);
      for (let from = 0; from < data.length; from += size) {
        const fin = from + size >= data.length;
        socket.send(data.subarray(from, from + size), { binary: false, fin });
      }
      return;
    }
    if (how === 'pings') for (let i = 0; i < cut; i++) socket.ping('p'.repeat(i % 126));
    socket.send(data, { binary: how === 'binary' });
  }

  #onMessage = (data: Buffer): void => {
    const head = data.toString('latin1', 0, 60);
    if (head.startsWith('{"id":')) {
      const id = Number.parseInt(head.slice(6), 10);
      this.answers++;
      const expected = this.#expected.get(id);
      if (!expected || expected.left === 0)
        this.surplus.push(`an answer that nobody waits for: ${data.toString('utf8', 0, 200)}`);
      else if (expected.sent.length === 1) this.#expected.delete(id);
      else expected.left--;
      const asked = this.#asked.get(id);
      if (!asked) return;
      this.#asked.delete(id);
      asked(JSON.parse(data.toString()) as Reply);
    } else if (head.startsWith('{"error":')) {
      this.answers++;
      this.#withoutId--;
      if (this.#withoutId < 0) this.surplus.push(`an error too many: ${data.toString('utf8', 0, 200)}`);
    } else if (head.startsWith('{"method":"Target.detachedFromTarget"')) {
      const { params } = JSON.parse(data.toString()) as { params: { sessionId: string } };
      this.goneSessions.add(params.sessionId);
    } else if (!head.startsWith('{"method":"')) {
      this.surplus.push(`neither answer nor event: ${data.toString('utf8', 0, 200)}`);
    }
  };
}

/** What the commands that open things answer. */
interface Result {
  readonly targetId?: string;
  readonly sessionId?: string;
  readonly browserContextId?: string;
  readonly targetInfos?: readonly { readonly targetId: string }[];
  readonly result?: { readonly objectId?: string; readonly value?: unknown };
}

interface Reply {
  readonly result?: Result;
  readonly error?: { readonly code: number; readonly message: string };
}
