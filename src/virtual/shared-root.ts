import type { Protocol } from 'devtools-protocol';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Upstream } from '../cdp/upstream.js';
import type { AutoAttach } from './auto-attach.js';
import type { ClientSession } from './client-session.js';
import type { TargetFilter } from './target-filter.js';
import { Countdown } from './countdown.js';
import { letGo } from './let-go.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { VirtualHost } from './virtual-host.js';

/** After a virtual browser has its place its client comes at once, or does not attach by itself; ms. */
const OWNER_COMES = 1_000;

/** No filter of Chrome's can allow both tabs and pages, so there is a root for each. */
export type RootKind = 'tab' | 'page';

const rootFilter: Record<RootKind, TargetFilter> = {
  tab: [{ type: 'page', exclude: true }, {}],
  page: [{ type: 'browser', exclude: true }, { type: 'tab', exclude: true }, {}],
};

/**
 * A browser-level session that auto-attaches for many virtual browsers, one client of each: so a new page costs the
 * same with one client as with hundreds. It always holds new targets; those that nobody claims are let go at once.
 */
export class SharedRoot implements EventSink {
  readonly kind: RootKind;
  readonly sessionId: string;
  readonly #host: VirtualHost;
  readonly #upstream: Upstream;
  /** The first one for pages, whose sessions are a target's first, gives those their looks that are to differ. */
  readonly #dresses: boolean;
  /** Whose session gets a virtual browser's targets; set by `claim`, taken off by `unclaim`. */
  readonly #claims = new Map<VirtualBrowser, ClientSession>();
  /** Sessions on targets that nobody may see yet, or whose owner is about to come, by target; taken off when they are given or let go, and when the target has gone. */
  readonly #held = new Map<string, Protocol.Target.AttachedToTargetEvent>();

  private constructor(kind: RootKind, sessionId: string, host: VirtualHost, upstream: Upstream) {
    this.kind = kind;
    this.sessionId = sessionId;
    this.#host = host;
    this.#upstream = upstream;
    this.#dresses = kind === 'page' && host.roots.every((root) => root.kind !== 'page');
    upstream.route(sessionId, this);
  }

  /**
   * Makes a root of a browser-level session. It attaches from now on, whether anybody asks for it or not: what a client
   * is told must not depend on what others ask for.
   */
  static async start(
    kind: RootKind,
    sessionId: string,
    host: VirtualHost,
    upstream: Upstream,
  ): Promise<SharedRoot> {
    const root = new SharedRoot(kind, sessionId, host, upstream);
    const filter = [...rootFilter[kind]];
    const how = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter };
    await upstream.request('Target.setAutoAttach', how, sessionId);
    return root;
  }

  isFree(virtual: VirtualBrowser): boolean {
    return !this.isClaimed(virtual) && !(this.#dresses && virtual.looks?.dresses);
  }

  /** Whether a client of it attaches by this root. */
  isClaimed(virtual: VirtualBrowser): boolean {
    return this.#claims.has(virtual);
  }

  claim(virtual: VirtualBrowser, session: ClientSession): void {
    this.#claims.set(virtual, session);
  }

  unclaim(virtual: VirtualBrowser, session: ClientSession): void {
    if (this.#claims.get(virtual) === session) this.#claims.delete(virtual);
  }

  /** Attaches what exists for the claiming session, then calls `done`: everything has been announced by then. */
  attachExisting(session: ClientSession, done: () => void): void {
    const { client } = session;
    const wait = new Countdown(done);
    // Chrome announces only what is new.
    for (const { info } of client.virtual.targets()) this.#attach(session, info, wait);
    wait.one();
  }

  /** The session in which it holds a target that nobody may see yet. */
  heldSession(targetId: string): string | undefined {
    return this.#held.get(targetId)?.sessionId;
  }

  /** Lets a target run that nobody may see yet, and keeps the session for who will. */
  letRun(targetId: string): void {
    const held = this.#held.get(targetId);
    if (!held?.waitingForDebugger) return;
    this.#held.set(targetId, { ...held, waitingForDebugger: false });
    this.#upstream.call('Runtime.runIfWaitingForDebugger', undefined, held.sessionId);
  }

  /** A target that runs may be seen from now on: who comes within a moment and attaches by itself gets the session that is there. */
  expectOwner(targetId: string): void {
    const held = this.#held.get(targetId);
    if (!held) return;
    const late = (): void => {
      if (this.#held.get(targetId) === held) this.#letGo(held);
    };
    setTimeout(late, OWNER_COMES).unref();
  }

  /** A target may be seen from now on: it is given to whoever has claimed it, as if it were new, or let go. */
  deliver(info: Protocol.Target.TargetInfo, wait: Countdown): void {
    const held = this.#held.get(info.targetId);
    if (held) {
      this.#held.delete(info.targetId);
      this.#onAttached({ ...held, targetInfo: { ...info, attached: true } });
      return;
    }
    // The root came after the target.
    const owner = this.#host.ownerOf(info);
    const session = owner && this.#claims.get(owner);
    if (session) this.#attach(session, info, wait);
  }

  /** Lets a target go that this root holds. */
  release(sessionId: string, waiting: boolean): void {
    letGo(this.#upstream, sessionId, this.sessionId, waiting);
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    const method = scan.method(message);
    if (method === 'Target.attachedToTarget') {
      const { params } = JSON.parse(message.toString()) as { params: Protocol.Target.AttachedToTargetEvent };
      this.#onAttached(params);
    } else if (method === 'Target.detachedFromTarget') {
      const { params } = JSON.parse(message.toString()) as {
        params: Protocol.Target.DetachedFromTargetEvent;
      };
      if (this.heldSession(params.targetId ?? '') === params.sessionId)
        this.#held.delete(params.targetId ?? '');
      for (const { looks } of this.#dresses ? this.#host.virtuals : []) looks?.gone(params.sessionId);
      this.#host.onDetached(params);
    }
  }

  #onAttached(event: Protocol.Target.AttachedToTargetEvent): void {
    const { targetInfo } = event;
    if (this.#host.unseen.learn(targetInfo)) {
      this.#held.set(targetInfo.targetId, event);
      return;
    }
    const record = this.#host.target(targetInfo.targetId);
    if (record?.isExcess) {
      const close = (): void => this.#host.closeExcess(record);
      this.#upstream.call('Runtime.runIfWaitingForDebugger', undefined, event.sessionId, close);
      return;
    }
    const owner = this.#host.ownerOf(targetInfo);
    if (this.#dresses && owner?.looks?.dresses) {
      owner.looks.dress(event, () => this.release(event.sessionId, event.waitingForDebugger));
      return;
    }
    const session = owner && this.#claims.get(owner);
    const autoAttach = session?.autoAttach;
    if (!session || !autoAttach?.takes(targetInfo)) {
      this.release(event.sessionId, event.waitingForDebugger);
      return;
    }
    try {
      this.#give(event, session, autoAttach);
    } catch (error) {
      this.#upstream.blame(error, session);
    }
  }

  #give(event: Protocol.Target.AttachedToTargetEvent, session: ClientSession, autoAttach: AutoAttach): void {
    const hold = autoAttach.wait && event.waitingForDebugger;
    const child = session.client.adopt(session, event, this.sessionId);
    autoAttach.sessions.set(event.targetInfo.targetId, child);
    session.emit('Target.attachedToTarget', { ...event, waitingForDebugger: hold });
    if (!hold && event.waitingForDebugger) {
      child.waiting = false;
      this.#upstream.call('Runtime.runIfWaitingForDebugger', undefined, event.sessionId);
    }
  }

  #letGo({ targetInfo, sessionId, waitingForDebugger }: Protocol.Target.AttachedToTargetEvent): void {
    this.#held.delete(targetInfo.targetId);
    this.release(sessionId, waitingForDebugger);
  }

  #attach(session: ClientSession, info: Protocol.Target.TargetInfo, wait: Countdown): void {
    if (!session.autoAttach?.takes(info) || !this.#admits(info.type)) return;
    const { client } = session;
    const held = this.#held.get(info.targetId);
    // what Chrome answers later to an earlier command must not come after this
    if (held && client.isIdle) {
      this.deliver(info, wait);
      return;
    }
    if (held) this.#letGo(held);
    const params = { targetId: info.targetId, flatten: true };
    const answer = client.counting(wait.more());
    this.#upstream.call('Target.attachToTarget', params, this.sessionId, answer, client);
  }

  #admits(type: string): boolean {
    return type !== (this.kind === 'tab' ? 'page' : 'tab');
  }
}
