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
/** So much of a frame is shown, characters. */
const SHOWN = 500;
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

/** The commands that had one id. */
interface Account {
  readonly sent: Sent[];
  /** How many have not been answered, and for how many of these nobody waits any more. */
  left: number;
  forgotten: number;
}

/** A client that sends anything, and keeps account of what must be answered. */
export class FuzzClient {
  readonly socket: WebSocket;
  own: Record<keyof Ids, string[]> = { session: [''], target: [], context: [], object: [] };
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
  readonly #expected = new Map<number, Account>();
  readonly #asked = new Map<number, (reply: Reply) => void>();
  #withoutId = 0;
  #outstanding = 0;
  #lastId = 0;
  /** Called when nothing is outstanding any more. */
  #onNothingLeft: (() => void) | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', this.#onMessage);
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => {
        this.ending = { code, reason: reason.toString() };
        for (const done of this.#asked.values()) done({ error: { code: 0, message: 'closed' } });
        this.#onNothingLeft?.();
        resolve(this.ending);
      });
    });
  }

  /** Connects and opens what the frames can name: a page, its tab, another browser session, a context, an object. */
  static async open(url: string): Promise<FuzzClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1024 * 1024 });
    const client = new FuzzClient(socket);
    await once(socket, 'open');
    await client.#furnish();
    return client;
  }

  /**
   * Closes what is open in its virtual browser, and opens anew what the frames can name: a page that stands still
   * or has gone makes all that is sent to it say little.
   */
  async renew(): Promise<void> {
    await this.ask('Target.setAutoAttach', {
      autoAttach: false,
      waitForDebuggerOnStart: false,
      flatten: true,
    });
    const { targetInfos = [] } = await this.ask('Target.getTargets');
    const { browserContextIds = [] } = await this.ask('Target.getBrowserContexts');
    await Promise.all([
      ...targetInfos.map(({ targetId }) => this.ask('Target.closeTarget', { targetId })),
      ...browserContextIds.map((browserContextId) =>
        this.ask('Target.disposeBrowserContext', { browserContextId }),
      ),
    ]);
    this.own = { session: [''], target: [], context: [], object: [] };
    await this.#furnish();
  }

  async #furnish(): Promise<void> {
    const { own } = this;
    const { targetId = '' } = await this.ask('Target.createTarget', { url: 'about:blank' });
    own.target.push(targetId);
    const { targetInfos = [] } = await this.ask('Target.getTargets', { filter: [{}] });
    own.target.push(...targetInfos.map((info) => info.targetId));
    for (const target of own.target.slice(0, 3)) {
      const { sessionId } = await this.ask('Target.attachToTarget', { targetId: target, flatten: true });
      if (sessionId !== undefined) own.session.push(sessionId);
    }
    const { browserContextId = '' } = await this.ask('Target.createBrowserContext');
    own.context.push(browserContextId);
    const session = own.session[1];
    const { result } = await this.ask('Runtime.evaluate', { expression: '({})' }, session);
    if (result?.objectId !== undefined) own.object.push(result.objectId);
  }

  /** Whether what the frames can name has gone in part. */
  get isWorn(): boolean {
    return this.own.session.some((session) => this.goneSessions.has(session));
  }

  /** How many commands have not been answered. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** What has not been answered, by id: of commands that had the same id, so many are left. */
  unanswered(): { readonly sent: readonly Sent[]; readonly left: number }[] {
    const withoutId = { sent: [{ method: '(no id)', sessionId: undefined }], left: this.#withoutId };
    const accounts = [...this.#expected.values()].map(({ sent, left, forgotten }) => ({
      sent,
      left: left - forgotten,
    }));
    return [...accounts, withoutId].filter(({ left }) => left > 0);
  }

  /** Waits no longer for what has not been answered; it may be all the same. */
  forget(): void {
    for (const account of this.#expected.values()) account.forgotten = account.left;
    this.#outstanding = this.#withoutId;
  }

  /** Until all is answered, the connection has ended, or no answer came for `ms` (to twice that). */
  async silence(ms: number): Promise<void> {
    if (this.#outstanding === 0 || this.ending) return;
    await new Promise<void>((resolve) => {
      let { answers } = this;
      const done = (): void => {
        clearInterval(timer);
        this.#onNothingLeft = undefined;
        resolve();
      };
      const timer = setInterval(() => {
        if (this.answers === answers) done();
        else ({ answers } = this);
      }, ms);
      this.#onNothingLeft = done;
    });
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

  /** Sends the frame of a plan and gives the beginning of its text; `foreign` are another virtual browser's ids. */
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
    return sending.data.toString('utf8', 0, SHOWN);
  }

  /** Sends a command whose answer nobody waits for. */
  tell(method: string, params: object, sessionId: string): void {
    const id = ++this.#lastId;
    this.#expect({ method: `${method} (recovery)`, sessionId }, id);
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
  }

  #expect(sent: Sent, id: number): void {
    this.#outstanding++;
    if (Number.isNaN(id)) {
      this.#withoutId++;
      return;
    }
    const { method, sessionId } = sent;
    const same = this.#expected.get(id);
    if (same) {
      same.sent.push({ method, sessionId });
      same.left++;
    } else this.#expected.set(id, { sent: [{ method, sessionId }], left: 1, forgotten: 0 });
  }

  #answered(): void {
    if (--this.#outstanding === 0) this.#onNothingLeft?.();
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
      else {
        expected.left--;
        if (expected.forgotten > 0) expected.forgotten--;
        else this.#answered();
        if (expected.sent.length === 1) this.#expected.delete(id);
      }
      const asked = this.#asked.get(id);
      if (!asked) return;
      this.#asked.delete(id);
      asked(JSON.parse(data.toString()) as Reply);
    } else if (head.startsWith('{"error":')) {
      this.answers++;
      if (this.#withoutId === 0) this.surplus.push(`an error too many: ${data.toString('utf8', 0, 200)}`);
      else {
        this.#withoutId--;
        this.#answered();
      }
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
  readonly browserContextIds?: readonly string[];
  readonly targetInfos?: readonly { readonly targetId: string }[];
  readonly result?: { readonly objectId?: string; readonly value?: unknown };
}

interface Reply {
  readonly result?: Result;
  readonly error?: { readonly code: number; readonly message: string };
}
