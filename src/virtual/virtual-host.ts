import type { Protocol } from 'devtools-protocol';
import { sessionNotFound, targetCrashed } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Upstream } from '../cdp/upstream.js';
import { SlotAudit, type AuditOptions, type AuditReport } from './audit.js';
import type { ClientSession } from './client-session.js';
import { Departures } from './departures.js';
import { DownloadWatch } from './download-watch.js';
import { SharedAnswers } from './shared-answers.js';
import { SharedRoot, type RootKind } from './shared-root.js';
import { differs, type TargetRecord } from './target-record.js';
import { TraceLock } from './trace-lock.js';
import type { ReadyContext } from './ready-context.js';
import { Unseen } from './unseen.js';
import { Windows } from './windows.js';
import { VirtualBrowser, type VirtualBrowserOptions } from './virtual-browser.js';
import { allTargets } from './whole-chrome.js';

/** Whose a BrowserContext is, and the browser-level session with which it vanishes. */
interface ContextRecord {
  readonly owner: VirtualBrowser;
  readonly holder: string;
  /** Called when it has gone by itself, and not with its owner. */
  readonly onGone: (() => void) | undefined;
}

/** What is known of a Chrome before anybody is in it. */
export interface HostOptions {
  /** The headless shell, which differs from full Chrome in what it says, and in what it survives. */
  readonly isShell: boolean;
  /** It serves one virtual browser, which has all of it, and no other afterwards. */
  readonly exclusive: boolean;
  /** Of the Chrome, where several hosts serve it. */
  readonly tracing?: TraceLock;
}

/**
 * Serves virtual browsers in one real Chrome over one connection: knows whose each context, target and session is,
 * from what passes, and holds the roots that all clients share.
 */
export class VirtualHost implements EventSink {
  readonly upstream: Upstream;
  readonly isShell: boolean;
  readonly exclusive: boolean;
  /** When its connection was there, by `performance.now`. */
  readonly startedAt = performance.now();
  /** Added when one opens, taken off when it ends. */
  readonly virtuals = new Set<VirtualBrowser>();
  /** Pages whose renderer died. */
  crashes = 0;
  /** Shared by all hosts of one Chrome, which has one tracing. */
  readonly tracing: TraceLock;
  /** Hears of all downloads, once a stranger is here. */
  readonly downloads = new DownloadWatch(this);
  /** What is kept ready. */
  readonly unseen = new Unseen();
  /** What Chrome would say to everybody alike. */
  readonly answers = new SharedAnswers();
  /** Where those of full Chrome open. */
  readonly windows = new Windows(this);
  /** What is left of those who have gone. */
  readonly departures: Departures;
  readonly #contexts = new Map<string, ContextRecord>();
  /** Filled and emptied by the shared discovery. */
  readonly #targets = new Map<string, TargetRecord>();
  #targetChanges = 0;
  /** Added by `addSession` when Chrome attaches, taken off by `removeSession`. */
  readonly #sessions = new Map<string, ClientSession>();
  readonly #audit = new SlotAudit(this);
  readonly #roots: Record<RootKind, SharedRoot[]> = { tab: [], page: [] };
  /** Who has an exclusive Chrome, or had it. */
  #occupant: VirtualBrowser | undefined;

  private constructor(upstream: Upstream, { isShell, exclusive, tracing = new TraceLock() }: HostOptions) {
    this.upstream = upstream;
    this.departures = new Departures(upstream);
    this.isShell = isShell;
    this.exclusive = exclusive;
    this.tracing = tracing;
  }

  /** Sets up the shared discovery and the first pair of shared roots. */
  static async start(upstream: Upstream, options: HostOptions): Promise<VirtualHost> {
    const host = new VirtualHost(upstream, options);
    const discovery = await host.#attachRoot();
    upstream.route(discovery, host);
    const discover = { discover: true, filter: allTargets };
    await upstream.request('Target.setDiscoverTargets', discover, discovery);
    await Promise.all([host.#addRoot('tab'), host.#addRoot('page')]);
    return host;
  }

  get contextCount(): number {
    return this.#contexts.size;
  }

  /** Counts each time that a target comes or goes. */
  get targetChanges(): number {
    return this.#targetChanges;
  }

  get targetCount(): number {
    return this.#targets.size;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Opens one, out of what was kept ready where that is still good. */
  open(options: VirtualBrowserOptions, ready?: ReadyContext): Promise<VirtualBrowser> {
    return VirtualBrowser.open(this, options, ready);
  }

  /** Lets a virtual browser in. */
  enter(virtual: VirtualBrowser): void {
    if (this.exclusive) {
      if (this.#occupant) throw new Error('an exclusive Chrome is not handed on');
      this.#occupant = virtual;
    }
    this.virtuals.add(virtual);
  }

  /** Compares what is believed with what Chrome has, and mends what differed the last time, too; an exclusive one is closed after its client. */
  audit(options: AuditOptions): Promise<AuditReport> {
    return this.exclusive ? Promise.resolve({}) : this.#audit.run(options);
  }

  /** The connection is gone, and all virtual browsers with it. */
  lost(): void {
    const reason = { code: 4502, reason: 'the browser was lost: connect again' };
    for (const virtual of [...this.virtuals]) virtual.end(reason);
    this.departures.flush();
  }

  // Contexts

  addContext(contextId: string, owner: VirtualBrowser, holder: string, onGone?: () => void): void {
    this.#contexts.set(contextId, { owner, holder, onGone });
    if (contextId !== owner.defaultContextId) owner.quota.added('contexts');
    // Full Chrome's own behaviour is to download into the home directory.
    const denied = { behavior: 'deny', browserContextId: contextId } as const;
    if (owner.policy) this.upstream.call('Browser.setDownloadBehavior', denied, owner.rootId);
  }

  removeContext(contextId: string): void {
    const context = this.#contexts.get(contextId);
    if (!this.#contexts.delete(contextId)) return;
    context?.owner.quota.removed('contexts');
    context?.onGone?.();
  }

  ownsContext(virtual: VirtualBrowser, contextId: unknown): boolean {
    if (typeof contextId !== 'string') return false;
    return virtual.unfiltered || this.#contexts.get(contextId)?.owner === virtual;
  }

  ownerOfContext(contextId: string): VirtualBrowser | undefined {
    return this.#contexts.get(contextId)?.owner;
  }

  contextIds(): string[] {
    return [...this.#contexts.keys()];
  }

  contextsOf(virtual: VirtualBrowser): string[] {
    return [...this.#contexts].filter(([, { owner }]) => owner === virtual).map(([id]) => id);
  }

  /** The contexts that vanish with a browser-level session of Chrome's. */
  forgetContextsHeldBy(holder: string): void {
    for (const [id, context] of this.#contexts) if (context.holder === holder) this.removeContext(id);
  }

  // Targets

  ownerOf(info: Protocol.Target.TargetInfo): VirtualBrowser | undefined {
    if (this.exclusive) return this.#ownerInside(info);
    if (this.unseen.has(info.targetId)) return undefined;
    return info.browserContextId === undefined ? undefined : this.#contexts.get(info.browserContextId)?.owner;
  }

  targetIds(): string[] {
    return [...this.#targets.keys()];
  }

  target(targetId: string): TargetRecord | undefined {
    return this.#targets.get(targetId);
  }

  ownsTarget(virtual: VirtualBrowser, targetId: unknown): boolean {
    if (typeof targetId !== 'string') return false;
    return virtual.unfiltered ? targetId !== virtual.id : this.#targets.get(targetId)?.owner === virtual;
  }

  targetsOf(virtual: VirtualBrowser): TargetRecord[] {
    return [...this.#targets.values()].filter(({ owner }) => owner === virtual);
  }

  // Sessions

  sessions(): ClientSession[] {
    return [...this.#sessions.values()];
  }

  session(sessionId: string): ClientSession | undefined {
    return this.#sessions.get(sessionId);
  }

  addSession(session: ClientSession): void {
    this.#sessions.set(session.id, session);
    session.client.virtual.quota.added('sessions');
    this.upstream.route(session.id, session);
    const record = this.#targets.get(session.targetId);
    if (record && record.sessions++ === 0) record.owner.targetChanged(record);
  }

  /** Forgets a session with all below it; Chrome says nothing of those. */
  removeSession(session: ClientSession): void {
    if (!this.#sessions.delete(session.id)) return;
    session.client.virtual.quota.removed('sessions');
    // What a shared root holds would stay: the root outlives the client. Ended contexts take theirs along.
    const { autoAttach } = session;
    const held = autoAttach && !session.client.virtual.ended ? [...autoAttach.sessions.values()] : [];
    for (const child of [...session.children]) this.removeSession(child);
    for (const { id, waiting } of held) autoAttach?.root.release(id, waiting);
    this.upstream.unroute(session.id);
    this.tracing.release(session);
    this.forgetContextsHeldBy(session.id);
    session.client.forgetSession(session);
    session.client.virtual.downloadListeners.delete(session);
    const record = this.#targets.get(session.targetId);
    if (record && --record.sessions === 0) record.owner.targetChanged(record);
  }

  /** Chrome ended a session that a client got from a shared root. */
  onDetached(event: Protocol.Target.DetachedFromTargetEvent): void {
    const session = this.#sessions.get(event.sessionId);
    if (!session) {
      // Nobody's: it was being let go, and Chrome will not answer what was asked in it.
      this.upstream.failSession(event.sessionId, sessionNotFound);
      return;
    }
    try {
      this.removeSession(session);
      session.parent?.emit('Target.detachedFromTarget', event);
    } catch (error) {
      this.upstream.blame(error, session);
    }
  }

  /** How many sessions of a virtual browser auto-attach by such roots. */
  autoAttachCount(virtual: VirtualBrowser): number {
    return this.roots.reduce((count, root) => count + (root.isClaimed(virtual) ? 1 : 0), 0);
  }

  /** The session in which the first root for pages holds one that nobody may see yet. */
  heldSession(targetId: string): string | undefined {
    return this.#roots.page[0]?.heldSession(targetId);
  }

  /** All shared roots. */
  get roots(): SharedRoot[] {
    return [...this.#roots.tab, ...this.#roots.page];
  }

  /** A root that no client of this virtual browser uses yet; the first pair is always there. */
  async freeRoot(kind: RootKind, virtual: VirtualBrowser): Promise<SharedRoot> {
    return this.findFreeRoot(kind, virtual) ?? (await this.#addRoot(kind));
  }

  findFreeRoot(kind: RootKind, virtual: VirtualBrowser): SharedRoot | undefined {
    return this.#roots[kind].find((root) => root.isFree(virtual));
  }

  /** Forgets what belonged to a virtual browser; Chrome's own events about it fall on nobody from now on. */
  forget(virtual: VirtualBrowser): void {
    this.virtuals.delete(virtual);
    this.downloads.forget(virtual);
    for (const [id, { owner }] of this.#contexts) if (owner === virtual) this.#contexts.delete(id);
    for (const [id, { owner }] of this.#targets) if (owner === virtual) this.#targets.delete(id);
    this.#targetChanges++;
  }

  /** Events of the shared discovery. */
  onEvent(message: Buffer, scan: MessageScanner): void {
    const method = scan.method(message);
    const { params } = JSON.parse(message.toString()) as { params: unknown };
    switch (method) {
      case 'Target.targetCreated':
      case 'Target.targetInfoChanged':
        this.learn((params as Protocol.Target.TargetCreatedEvent).targetInfo);
        break;
      case 'Target.targetCrashed':
        this.#onCrashed(params as Protocol.Target.TargetCrashedEvent);
        break;
      case 'Target.targetDestroyed':
        this.#onDestroyed((params as Protocol.Target.TargetDestroyedEvent).targetId);
        break;
    }
  }

  /** Takes note of a target as Chrome describes it, whichever message did. */
  learn(info: Protocol.Target.TargetInfo): void {
    if (this.unseen.learn(info)) return;
    const known = this.#targets.get(info.targetId);
    if (known) {
      const isAttached = info.attached && !known.info.attached;
      const changed = differs(known.info, info);
      if (known.info.url !== info.url) known.movedAt = performance.now();
      known.info = info;
      // Chrome tells in one event what changed and that it is attached. So does the session that is about to come;
      // but it may be nobody's.
      if (changed && isAttached && known.sessions === 0) this.#announceSoon(known);
      else if (changed) known.owner.targetChanged(known);
      return;
    }
    const owner = this.ownerOf(info);
    if (!owner) return;
    // What a page opens by itself: there is no command that could be refused.
    const isExcess = info.type === 'page' && !owner.quota.added('targets');
    const record: TargetRecord = { owner, info, movedAt: performance.now(), isExcess, sessions: 0 };
    this.#targets.set(info.targetId, record);
    this.#targetChanges++;
    owner.targetCreated(record);
  }

  /** Closes a page that is one too many; one that is still held is left, since the page that opened it would hang. */
  closeExcess({ owner, info: { targetId } }: TargetRecord): void {
    for (const session of this.#sessions.values()) {
      if (session.targetId === targetId && session.waiting) return;
    }
    this.upstream.call('Target.closeTarget', { targetId }, owner.rootId);
  }

  /** Forgets a target that is gone although Chrome did not say so; its clients hear what they would have heard. */
  forgetTarget(targetId: string): void {
    for (const session of this.sessions()) {
      if (session.targetId === targetId) this.onDetached({ sessionId: session.id, targetId });
    }
    this.#onDestroyed(targetId);
  }

  #announceSoon(record: TargetRecord): void {
    const { info } = record;
    process.nextTick(() => {
      // What differs was told of with its own event, and what does not is not told of again.
      if (!differs(record.info, info) && record.sessions === 0) record.owner.targetChanged(record);
    });
  }

  #onCrashed(event: Protocol.Target.TargetCrashedEvent): void {
    for (const session of this.#sessions.values()) {
      if (session.targetId === event.targetId) this.upstream.failSession(session.id, targetCrashed);
    }
    this.unseen.crashed(event.targetId);
    const record = this.#targets.get(event.targetId);
    // A tab goes with its page.
    if (record?.info.type !== 'tab') this.crashes++;
    record?.owner.targetCrashed(event, record.info.type !== 'tab');
  }

  #onDestroyed(targetId: string): void {
    this.unseen.destroyed(targetId);
    const record = this.#targets.get(targetId);
    if (!record) return;
    this.#targets.delete(targetId);
    this.#targetChanges++;
    if (record.info.type === 'page') record.owner.quota.removed('targets');
    record.owner.targetDestroyed(targetId);
  }

  /** In an exclusive Chrome all is one's own, contexts that nobody told of and targets without one included. */
  #ownerInside({ type }: Protocol.Target.TargetInfo): VirtualBrowser | undefined {
    const owner = this.#occupant;
    if (!owner || owner.ended) return undefined;
    // Chrome's own surface may do what no page may.
    return type === 'browser_ui' && owner.policy ? undefined : owner;
  }

  async #addRoot(kind: RootKind): Promise<SharedRoot> {
    const root = await SharedRoot.start(kind, await this.#attachRoot(), this, this.upstream);
    this.#roots[kind].push(root);
    return root;
  }

  async #attachRoot(): Promise<string> {
    return (await this.upstream.request('Target.attachToBrowserTarget', undefined, '')).sessionId;
  }
}
