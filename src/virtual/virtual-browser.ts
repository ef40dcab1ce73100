import type { Protocol } from 'devtools-protocol';
import type { Appearance } from './appearance.js';
import type { ClientTrace } from '../telemetry/client-trace.js';
import type { ClientSession } from './client-session.js';
import type { Discovery } from './discovery.js';
import type { EgressGate, EgressOwner } from './egress.js';
import type { About, MuxInfo } from './mux-domain.js';
import type { VirtualLimits } from './limits.js';
import { Quota } from './quota.js';
import type { FileStore } from './file-store.js';
import { strictPolicy, type OutgoingPolicy } from './outgoing-policy.js';
import { OwnStreams } from './own-streams.js';
import { giveBack, mayLinger } from './departures.js';
import { LateFront } from './late-front.js';
import { OwnSessions } from './own-sessions.js';
import { moveIn } from './move-in.js';
import { openPage } from './page-making.js';
import { PageLooks } from './page-looks.js';
import { privateContext } from './private-context.js';
import type { ReadyContext, Taken } from './ready-context.js';
import { RecentIds } from './recent-ids.js';
import { attachRoot, detachRoot } from './root-session.js';
import { rulesFor, type Rules } from './rules.js';
import { SparePages } from './spare-pages.js';
import type { TargetRecord } from './target-record.js';
import type { Tenant } from './tenant.js';
import { VirtualClient } from './virtual-client.js';
import type { ClientLink } from './client-link.js';
import type { VirtualHost } from './virtual-host.js';
import { defaultContextOf, learnAll } from './whole-chrome.js';

/** How many frames, windows and downloads are kept in mind for each virtual browser. */
const REMEMBERED = 10_000;

/** What a virtual browser is made with. */
export interface VirtualBrowserOptions {
  /** Its id, which clients also see as the id of the target of type `browser`. */
  readonly id: string;
  /** Whose it is. */
  readonly tenant: Tenant;
  readonly limits: VirtualLimits;
  /** Longest life, ms; 0 for no end. */
  readonly lifetime: number;
  /** Start with one about:blank page, as a fresh Chrome does. */
  readonly initialPage: boolean;
  readonly proxyServer?: string;
  readonly proxyBypassList?: string;
  /** How its pages look; as the Chrome's own do where not given. */
  readonly appearance?: Appearance;
  /** Looks at what goes out of its contexts; it is its own, and ends with it. */
  readonly egress?: EgressGate;
  /** Whose that gate is; a gate that was kept ready is given to it in its place. */
  readonly egressOwner?: EgressOwner;
  /** What it may reach of this machine, where its tenant is a stranger; by default as little as can be. */
  readonly policy?: OutgoingPolicy;
  /** Its uploads and downloads, deleted with it; none where Chrome runs on another machine. */
  readonly files?: FileStore;
  /** What is told of it to its clients. */
  readonly about: About;
  /** Called once, when it has ended for whatever reason. */
  readonly onEnd: () => void;
  /** Called when its last client has gone. */
  readonly onIdle: (virtual: VirtualBrowser) => void;
  /** Called when the renderer of one of its pages has died. */
  readonly onCrash?: () => void;
}

/** Why a virtual browser ends, as its clients read it when their WebSocket closes. */
export interface EndReason {
  readonly code: number;
  readonly reason: string;
}

/** The root session of a client that is about to be attached. */
export interface PreparedClient {
  readonly rootId: string;
  /** Set where the client speaks to one page without a sessionId. */
  readonly page?: { readonly sessionId: string; readonly targetId: string; readonly type: string };
}

/** What a client sees as its Chrome: private BrowserContexts and what is in them, for one client or several. */
export class VirtualBrowser {
  readonly id: string;
  readonly tenant: Tenant;
  readonly limits: VirtualLimits;
  /** What it has of what its limits count. */
  readonly quota: Quota;
  readonly host: VirtualHost;
  /** None of its processes is older, by `performance.now`: Chrome may start one as soon as a context is asked for. */
  readonly openedAt: number;
  /** Holds its contexts: when this session goes, Chrome disposes them with all that is in them. */
  readonly rootId: string;
  /** Shared roots that are being made for its clients' auto-attach; they count as its own from then on. */
  rootsInMaking = 0;
  /** Traces that its clients have not read yet. */
  readonly streams = new OwnStreams();
  /** Pages of its own whose renderer died. */
  crashes = 0;
  /** What cdpmux itself asks of its targets. */
  readonly own: OwnSessions;
  readonly defaultContextId: string;
  readonly clients = new Set<VirtualClient>();
  /** Pages that are there before a client asks for them. */
  readonly spares = new SparePages(this);
  /** The one of them that was given last, until it is in front. */
  readonly front = new LateFront(this);
  /** What its pages are given before they run; undefined where they are as the Chrome's own. */
  readonly looks: PageLooks | undefined;
  /** Frames learned from `Page.frameAttached`, beside those that are targets. */
  readonly frames = new RecentIds(REMEMBERED);
  /** Learned from what `Browser.getWindowForTarget` answers. */
  readonly windows = new RecentIds<number>(REMEMBERED);
  /** Guids of its downloads, learned as they begin. */
  readonly downloads = new RecentIds(REMEMBERED);
  /** Set for strangers only: all others have Chrome's own trust. */
  readonly policy: OutgoingPolicy | undefined;
  readonly files: FileStore | undefined;
  /** It has a whole Chrome and the machine's trust: all there is its own, and nothing that Chrome says is kept back. */
  readonly unfiltered: boolean;
  readonly rules: Rules;
  /** A stranger's sessions that asked for download events; taken off with the session. */
  readonly downloadListeners = new Set<ClientSession>();
  readonly #options: VirtualBrowserOptions;
  /** Attached beside all else that opening takes, for the first client: a round trip less until it is let in. */
  #firstRoot: Promise<string> | undefined;
  /** Clients that are being prepared and not attached yet. */
  #expected = 0;
  #state: 'open' | EndReason = 'open';
  #lifetime: { readonly timer: NodeJS.Timeout; readonly endsAt: number } | undefined;
  #drainDeadline: number | undefined;

  private constructor(
    host: VirtualHost,
    options: VirtualBrowserOptions,
    rootId: string,
    contextId: string,
    openedAt: number,
    looks?: PageLooks,
  ) {
    this.host = host;
    this.openedAt = host.exclusive ? -Infinity : openedAt;
    this.id = options.id;
    this.tenant = options.tenant;
    this.limits = options.limits;
    this.quota = new Quota(options.limits);
    this.rootId = rootId;
    this.looks = looks;
    this.own = new OwnSessions(host.upstream, rootId);
    this.defaultContextId = contextId;
    this.policy = options.tenant.trust === 'local' ? undefined : (options.policy ?? strictPolicy);
    this.files = options.files;
    this.#options = options;
    this.unfiltered = host.exclusive && !this.policy;
    this.rules = rulesFor[!host.exclusive ? 'shared' : this.policy ? 'stranger' : 'local'];
    host.enter(this);
    host.addContext(contextId, this, rootId);
  }

  static async open(
    host: VirtualHost,
    options: VirtualBrowserOptions,
    ready?: ReadyContext,
  ): Promise<VirtualBrowser> {
    const { upstream } = host;
    if (options.tenant.trust !== 'local') await host.downloads.start();
    const taken = await ready?.take();
    if (ready && taken) return VirtualBrowser.#of(host, options, ready, taken);
    const looks = options.appearance && (await PageLooks.of(host, options.appearance));
    const firstRoot = attachRoot(upstream);
    const { sessionId } = await upstream.request('Target.attachToBrowserTarget', undefined, '');
    let virtual: VirtualBrowser | undefined;
    const openedAt = performance.now();
    try {
      const contextOf = host.exclusive ? defaultContextOf : privateContext;
      const contextId = await contextOf(upstream, sessionId, options);
      virtual = new VirtualBrowser(host, options, sessionId, contextId, openedAt, looks);
      virtual.#firstRoot = firstRoot;
      if (host.exclusive) await learnAll(host);
      if (options.initialPage) await openPage(virtual, 'about:blank', false);
      virtual.#limitLifetime();
      return virtual;
    } catch (error) {
      if (virtual) virtual.end({ code: 1011, reason: 'could not be opened' });
      else {
        upstream.call('Target.detachFromTarget', { sessionId }, '');
        firstRoot.then((rootId) => detachRoot(upstream, rootId)).catch(() => undefined);
        options.egress?.close();
      }
      throw error;
    }
  }

  static #of(
    host: VirtualHost,
    options: VirtualBrowserOptions,
    ready: ReadyContext,
    taken: Taken,
  ): VirtualBrowser {
    const { gate } = taken;
    if (gate && options.egressOwner) gate.giveTo(options.egressOwner);
    if (gate) options.egress?.close();
    const itsOwn = gate ? { ...options, egress: gate } : options;
    const virtual = new VirtualBrowser(host, itsOwn, taken.rootId, taken.contextId, ready.madeAt);
    virtual.#firstRoot = Promise.resolve(taken.firstRoot);
    for (const [sessionId, targetId] of taken.warming) virtual.own.watch(sessionId, targetId);
    moveIn(virtual, ready, taken, options.initialPage);
    virtual.#limitLifetime();
    return virtual;
  }

  /** Looks at what goes out of its contexts; undefined where all may. */
  get egress(): EgressGate | undefined {
    return this.#options.egress;
  }

  get ended(): boolean {
    return this.#state !== 'open';
  }

  /** What a client is told that asks where it is. */
  get info(): MuxInfo {
    const { id, tenant, limits } = this;
    const { pending, targets, contexts, sessions, autoAttach, batch } = limits;
    return {
      ...this.#options.about,
      virtualBrowserId: id,
      tenant: tenant.name,
      // not all that was handed over with them
      limits: { pending, targets, contexts, sessions, autoAttach, batch },
      ...(this.#lifetime && { endsAt: this.#lifetime.endsAt }),
    };
  }

  /** When clients that are still there will be closed, ms since 1970; while cdpmux is about to stop. */
  get drainDeadline(): number | undefined {
    return this.#drainDeadline;
  }

  /** Tells the clients that want to know that cdpmux is about to stop. */
  draining(deadline: number): void {
    this.#drainDeadline = deadline;
    for (const client of this.clients) client.draining(deadline);
  }

  /** The target of type `browser` that a client finds in its Chrome. */
  get browserTarget(): Protocol.Target.TargetInfo {
    return { targetId: this.id, type: 'browser', title: '', url: '', attached: true, canAccessOpener: false };
  }

  targets(): TargetRecord[] {
    return this.host.targetsOf(this);
  }

  owns(targetId: unknown): boolean {
    return this.host.ownsTarget(this, targetId);
  }

  ownsContext(contextId: unknown): boolean {
    return this.host.ownsContext(this, contextId);
  }

  /** Makes the sessions that a client needs before its first frame; for one page with `targetId`. */
  async prepare(targetId?: string): Promise<PreparedClient> {
    this.#expected++;
    let rootId: string | undefined;
    try {
      const { upstream } = this.host;
      const attaching = this.#firstRoot ?? attachRoot(upstream);
      this.#firstRoot = undefined;
      rootId = await attaching;
      if (targetId === undefined) return { rootId };
      const { sessionId } = await upstream.request(
        'Target.attachToTarget',
        { targetId, flatten: true },
        rootId,
      );
      return { rootId, page: { sessionId, targetId, type: this.host.target(targetId)?.info.type ?? 'page' } };
    } catch (error) {
      this.discard(rootId);
      throw error;
    }
  }

  /** Undoes `prepare` for a client that did not come. */
  discard(rootId: string | undefined): void {
    this.#expected--;
    if (rootId !== undefined) detachRoot(this.host.upstream, rootId);
    this.idleUnlessUsed();
  }

  attach(prepared: PreparedClient, link: ClientLink, trace: ClientTrace): VirtualClient {
    this.#expected--;
    const client = new VirtualClient(this, prepared, link, trace);
    this.clients.add(client);
    // What it was prepared for may have ended since.
    if (this.#state !== 'open') client.end(this.#state.code, this.#state.reason);
    else if (prepared.page && !this.owns(prepared.page.targetId)) client.end(1000, 'the page was closed');
    return client;
  }

  /** A client has gone. */
  left(client: VirtualClient): void {
    this.clients.delete(client);
    this.quota.forget(client);
    this.idleUnlessUsed();
  }

  /** Whether a client is there, or about to be. */
  get used(): boolean {
    return this.clients.size + this.#expected > 0;
  }

  idleUnlessUsed(): void {
    if (!this.used && this.#state === 'open') this.#options.onIdle(this);
  }

  /** Ends it: clients are closed with the reason; contexts vanish from Chrome with all in them, at once or, of one that was left, soon. */
  end({ code, reason }: EndReason): void {
    if (this.#state !== 'open') return;
    this.#state = { code, reason };
    const lingers = mayLinger(this, code);
    clearTimeout(this.#lifetime?.timer);
    this.spares.clear();
    this.front.clear();
    for (const client of [...this.clients]) this.#endClient(client, code, reason);
    this.host.forget(this);
    this.#firstRoot?.then((rootId) => detachRoot(this.host.upstream, rootId)).catch(() => undefined);
    const { files } = this;
    // Chrome may still write into it until then.
    const deleteFiles = (): void => void files?.destroy().catch(() => undefined);
    if (lingers) {
      this.host.departures.add(this.rootId, this.quota.count('targets'));
      deleteFiles();
    } else giveBack(this.host.upstream, this.rootId, deleteFiles);
    this.own.close();
    this.looks?.close();
    this.#options.egress?.close();
    this.#options.onEnd();
  }

  targetCreated(record: TargetRecord): void {
    this.front.opened(record.info);
    this.#tell((discovery) => discovery.created(record));
  }

  targetChanged(record: TargetRecord): void {
    this.#tell((discovery) => discovery.changed(record));
  }

  targetCrashed(event: Protocol.Target.TargetCrashedEvent, counts: boolean): void {
    if (counts) {
      this.crashes++;
      this.#options.onCrash?.();
    }
    this.own.crashed(event.targetId);
    this.looks?.crashed(event.targetId);
    this.#tell((discovery) => discovery.crashed(event));
  }

  targetDestroyed(targetId: string): void {
    this.front.gone(targetId);
    this.#tell((discovery) => discovery.destroyed(targetId));
  }

  /** From here on, so that no wait for a place is taken off a client's time. */
  #limitLifetime(): void {
    const { lifetime } = this.#options;
    if (lifetime === 0 || this.ended) return;
    const reason = `time limit: a virtual browser lives ${lifetime} ms (timeout, limits.lifetime)`;
    const timer = setTimeout(() => this.end({ code: 4408, reason }), lifetime);
    timer.unref();
    this.#lifetime = { timer, endsAt: Date.now() + lifetime };
  }

  /** Tells all that discover targets; an error with one of them keeps nobody else from it. */
  #tell(tell: (discovery: Discovery) => void): void {
    for (const client of [...this.clients]) {
      try {
        for (const { discovery } of client.discoverers) if (discovery) tell(discovery);
      } catch (error) {
        this.host.upstream.blame(error, client);
      }
    }
  }

  #endClient(client: VirtualClient, code: number, reason: string): void {
    try {
      client.end(code, reason);
    } catch (error) {
      this.host.upstream.blame(error, undefined);
    }
  }
}
