import { randomUUID } from 'node:crypto';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import { sweepProfiles } from '../chrome/profile.js';
import { CdpmuxError } from '../errors.js';
import { EventFeed } from '../telemetry/event-feed.js';
import { Metrics, type MetricsText } from '../telemetry/metrics.js';
import type { AuditReport } from '../virtual/audit.js';
import type { OutgoingPolicy } from '../virtual/outgoing-policy.js';
import type { Tenant } from '../virtual/tenant.js';
import type { EndReason, VirtualBrowser } from '../virtual/virtual-browser.js';
import { BrowserFileList } from './browser-file-list.js';
import { Directories } from './directories.js';
import type { Directory, OpenBrowser } from './directory.js';
import { countEvents } from './event-counts.js';
import { snapshotOf, statsOf, tenantStatsOf } from './figures.js';
import { mustFit } from './exclusive.js';
import { FileRoot, policyOf } from './file-root.js';
import { Joins, type Opening } from './joins.js';
import { NamedPageList } from './named-page-list.js';
import { Opener, type OpenRequest } from './opener.js';
import { OpenList } from './open-list.js';
import type { LiveOptions, MuxOptions } from './options.js';
import { Pools } from './pools.js';
import { Quotas } from './quotas.js';
import { TenantRates } from './rate-limit.js';
import { Auditor } from './slot-audit.js';
import { countFaults } from './faults.js';
import type { BrowserReport, ConnectionReport, QueueReport, VirtualBrowserReport } from './reports.js';
import { ClientSeat } from './seat.js';
import type {
  Admission,
  BrowserFiles,
  Caller,
  ChromeVersion,
  MuxStats,
  NamedBrowser,
  Seat,
  TenantStats,
} from './types.js';

/** The name of those who give none over HTTP. */
const DEFAULT_NAME = 'default';
/** What `limits.commandsPerSecond` is for strangers where it is `auto`: beside one that floods, all others stay quick. */
const STRANGERS_RATE = 2_000;

/** `retiring`: still takes new clients, and says that it soon won't. */
type State = 'new' | 'ready' | 'retiring' | 'draining' | 'closing';

/** Many clients, each in a virtual browser of its own, in a few Chromes. */
export class Mux {
  /** What happens to browsers and to those who wait. */
  readonly feed = new EventFeed();
  #options: MuxOptions;
  readonly #pools: Pools;
  readonly #opener: Opener;
  readonly #open = new OpenList();
  readonly #directories = new Directories();
  readonly #joins = new Joins();
  readonly #quotas = new Quotas();
  readonly #metrics: Metrics;
  readonly #auditor: Auditor;
  readonly #rates: TenantRates;
  #policy: OutgoingPolicy;
  /** Where files of virtual browsers are; made by `start`, unless Chrome could not see them. */
  #files: FileRoot | undefined;
  #state: State = 'new';
  /** When those who are still there are closed, ms since 1970. */
  #drainDeadline: number | undefined;

  constructor(options: MuxOptions) {
    this.#metrics = new Metrics(() => snapshotOf(this.#pools, this.stats()));
    this.#options = countFaults(options, this.#metrics);
    this.#pools = new Pools(this.#options, this.feed, this.#metrics.connections);
    this.#rates = new TenantRates(options.limits.commandsPerSecond, STRANGERS_RATE);
    this.#policy = policyOf(options.outgoing);
    countEvents(this.feed, this.#metrics);
    this.#auditor = new Auditor({
      browsers: () => this.#pools.browsers,
      isKept: ({ id }) => this.#open.isKept(id),
      metrics: this.#metrics,
      feed: this.feed,
    });
    this.#opener = new Opener({
      pools: this.#pools,
      quotas: this.#quotas,
      metrics: this.#metrics,
      open: this.#open,
      policy: () => this.#policy,
      options: () => this.#options,
      files: () => this.#files,
    });
  }

  /** Sweeps what an earlier cdpmux left, and launches the first Chromes; rejects with NO_CHROME or LAUNCH_FAILED. */
  async start(): Promise<void> {
    const { tmpDir, browsers, outgoing } = this.#options;
    const { filesDirectory = tmpDir } = outgoing;
    const isShared = browsers.upstreams.length === 0 || outgoing.filesDirectory !== undefined;
    if (isShared) this.#files = await FileRoot.in(filesDirectory);
    for (const directory of new Set([tmpDir, filesDirectory])) await sweepProfiles(directory);
    await this.#pools.start();
    this.#auditor.start();
    if (this.#state === 'new') this.#state = 'ready';
  }

  /** The Chrome that is launched; undefined before `start`, and with remote ones. */
  executable(): ChromeExecutable | undefined {
    return this.#pools.main.executable;
  }

  /** An id for `/json/version`, forgotten after 60 s; under a name, the id of that name's virtual browser. */
  mintId(tenant: Tenant, name?: string): string {
    return this.#directories.of(tenant).mint(name);
  }

  /** Gives a client its place; rejects with a `CdpmuxError` whose code says why there is none. */
  async admit(request: Admission): Promise<Seat> {
    this.#mustServe();
    const askedAt = performance.now();
    const { path } = request;
    const virtual =
      path.kind === 'page'
        ? await this.#withPage(path, request.tenant)
        : (await this.#find(path, request)).virtual;
    if (request.signal.aborted) {
      virtual.idleUnlessUsed();
      throw new CdpmuxError('ABORTED', 'The client went away while it waited.');
    }
    mustFit(virtual, request);
    // It was being opened when draining began.
    if (this.#drainDeadline !== undefined && virtual.drainDeadline === undefined) {
      virtual.draining(this.#drainDeadline);
    }
    const prepared = await virtual.prepare(path.kind === 'page' ? path.targetId : undefined);
    this.#metrics.connections.addClient(virtual.host.startedAt <= askedAt);
    const limits = { rate: this.#rates.of(request.tenant), idle: this.#options.limits.idle };
    return new ClientSeat(virtual, prepared, request, this.#metrics, limits);
  }

  /** The virtual browser of a name, for Chrome's HTTP endpoints; opened on first use. */
  async named(caller: Caller, name = DEFAULT_NAME): Promise<NamedBrowser> {
    this.#mustServe();
    const request = { ...caller, initialPage: true, signal: new AbortController().signal };
    const open = await this.#find({ kind: 'browser', name }, request);
    this.#directories.of(caller.tenant).used(open);
    return new NamedPageList(open.virtual);
  }

  /** The files of an open virtual browser of this tenant's; rejects with NOT_FOUND or ENDED. */
  async files(id: string, tenant: Tenant): Promise<BrowserFiles> {
    this.#mustServe();
    const found = this.#directories.of(tenant).resolve(id);
    const open = 'open' in found ? await found.open : undefined;
    if (!open || open.virtual.tenant.name !== tenant.name) {
      throw new CdpmuxError('NOT_FOUND', `No virtual browser that is open has the id ${id}.`);
    }
    this.#directories.of(tenant).used(open);
    return new BrowserFileList(open.virtual);
  }

  /** Counts one request over HTTP as a command of the tenant's; throws LIMIT when it is one too many. */
  countRequest(tenant: Tenant): void {
    const wait = this.#rates.of(tenant)?.tryTake(performance.now()) ?? 0;
    if (wait === 0) return;
    const perSecond = this.#rates.perSecond(tenant);
    const message = `More than ${perSecond} requests and commands per second (limits.commandsPerSecond); come again in ${Math.ceil(wait)} ms.`;
    throw new CdpmuxError('LIMIT', message, { details: { retryAfter: String(Math.ceil(wait / 1_000)) } });
  }

  /** What the Chrome says of itself that new clients get. */
  async version(): Promise<ChromeVersion> {
    this.#mustServe();
    const [served] = this.#pools.main.browsers;
    if (served) return served.version;
    const { signal } = new AbortController();
    const lease = await this.#pools.main.acquire({ signal, priority: 0, owner: '', weight: 1 });
    lease.release();
    return lease.resource.version;
  }

  /** Whether a client could be served now, and if not, why; of named pools only the reasons. */
  readiness(): { ready: boolean; reasons: string[] } {
    if (this.#state !== 'ready') {
      const why = { new: 'starting', retiring: 'draining', draining: 'draining', closing: 'stopping' }[
        this.#state
      ];
      return { ready: false, reasons: [why] };
    }
    const reasons = this.#pools.all.flatMap((pool) => pool.troubles());
    return { ready: this.#pools.main.troubles().length === 0, reasons };
  }

  /** What is there now. */
  stats(): MuxStats {
    return statsOf(this.#pools, this.#metrics);
  }

  /** What there is now of one tenant's. */
  tenantStats({ name }: Tenant): TenantStats {
    return tenantStatsOf(this.#virtualsOf(name), this.#quotas.of(name).waiting);
  }

  /** Ends all that a tenant has, because it may not come in any more; its clients are closed with the reason. */
  endTenant(name: string, reason: EndReason): void {
    for (const virtual of this.#virtualsOf(name)) virtual.end(reason);
    this.#directories.forget(name);
  }

  /** A page for Prometheus. */
  metricsText(): Promise<MetricsText> {
    return this.#metrics.metricsText();
  }

  /** All browsers of all pools. */
  browsers(): BrowserReport[] {
    return this.#pools.reports();
  }

  /** Those of one tenant, or all. */
  virtualBrowsers(tenant?: string): VirtualBrowserReport[] {
    return this.#open.reports(tenant);
  }

  connections(): ConnectionReport[] {
    return this.#pools.connections();
  }

  /** Who waits, and in which order; only one tenant's with its places among all. */
  queue(tenant?: string): QueueReport {
    return this.#pools.queue(tenant);
  }

  /** The same without those who wait. */
  queueFigures(): Omit<QueueReport, 'waiting'> {
    return this.#pools.queueFigures();
  }

  /** A browser takes nobody new; who is there stays. This and the next three throw NOT_FOUND, and CONFLICT in a state where it can't be. */
  cordon(id: string): void {
    this.#pools.withBrowser(id).line.cordon(id);
  }

  uncordon(id: string): void {
    this.#pools.withBrowser(id).line.uncordon(id);
  }

  /** A browser takes nobody new, and is closed with its last client, or after browsers.drainTimeout. */
  drain(id: string): void {
    this.#pools.withBrowser(id).line.drain(id);
  }

  /** The same, with a successor started first. */
  recycle(id: string): void {
    this.#pools.withBrowser(id).line.recycle(id);
  }

  /** Recycles every browser, one after the other: for a new version of Chrome, or new flags. */
  reconnect(): void {
    for (const { line } of this.#pools.all) line.reconnect();
  }

  /** New clients wait until `resume`. */
  pause(): void {
    for (const { line } of this.#pools.all) line.pause();
    this.feed.emit('info', 'queue.paused', 'New clients wait until resume');
  }

  resume(): void {
    for (const { line } of this.#pools.all) line.resume();
    this.feed.emit('info', 'queue.resumed', 'New clients are served again');
  }

  /** Ends one, of that tenant only where one is given; false when there is none. */
  endVirtualBrowser(id: string, reason: EndReason, tenant?: string): boolean {
    const record = this.#open.get(id);
    if (!record || (tenant !== undefined && record.virtual.tenant.name !== tenant)) return false;
    record.virtual.end(reason);
    return true;
  }

  /** Compares what is believed of all browsers with what they have; mends what two audits in a row have found. It happens by itself every minute. */
  audit(): Promise<AuditReport> {
    return this.#auditor.audit();
  }

  /** Other settings from now on: for what is opened and launched from here. */
  reconfigure(live: LiveOptions): void {
    this.#options = { ...this.#options, ...live };
    this.#pools.reconfigure(this.#options);
    this.#rates.reconfigure(this.#options.limits.commandsPerSecond);
    this.#policy = policyOf(this.#options.outgoing);
  }

  /** Says that it is not ready, and goes on letting clients in: load balancers hear of it a little later. */
  retire(): void {
    if (this.#state === 'ready') this.#state = 'retiring';
  }

  /** Lets nobody new in, and turns away who waits; who is there stays, and can be joined. Clients are told that they will be closed after `timeout` ms. */
  drainAll(timeout: number): void {
    if (this.#state !== 'ready' && this.#state !== 'retiring') return;
    this.#state = 'draining';
    for (const { line } of this.#pools.all) line.turnAway(draining);
    const deadline = Date.now() + timeout;
    this.#drainDeadline = deadline;
    for (const { virtuals } of this.#pools.browsers) {
      for (const virtual of virtuals) virtual.draining(deadline);
    }
  }

  /** Whether a client is there, or about to be. */
  get busy(): boolean {
    return this.#pools.browsers.some(({ virtuals }) => virtuals.some(({ used }) => used));
  }

  /** Ends all: clients are closed with 1001, Chromes end within `deadline` ms, their profiles go. */
  async close(deadline: number): Promise<void> {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#auditor.stop();
    for (const { virtuals } of this.#pools.browsers) {
      for (const virtual of virtuals) virtual.end({ code: 1001, reason: 'cdpmux is stopping' });
    }
    await this.#pools.close(deadline);
    await this.#files?.close();
  }

  /** What a name or an id means, opened where it is not; who comes while another one opens it waits with that one. */
  async #find(
    path: { kind: 'browser'; id?: string; name?: string },
    request: OpenRequest,
  ): Promise<OpenBrowser> {
    const { signal, queueTimeout: timeout = this.#options.queue.timeout } = request;
    const since = performance.now();
    const retryAfter = (): number => this.#pools.main.line.retryAfter;
    for (let wish = request; ;) {
      const found = this.#lookUp(path, request.tenant);
      if (!('open' in found)) return this.#openNew(found, wish);
      const open = await this.#joins.join(found.open, { signal, timeout, since, retryAfter });
      if (open) return open;
      this.#mustServe();
      const left = Math.max(0, Math.ceil(since + timeout - performance.now()));
      wish = { ...request, queueTimeout: left };
    }
  }

  #lookUp({ id, name }: { id?: string; name?: string }, tenant: Tenant): ReturnType<Directory['resolve']> {
    const directory = this.#directories.of(tenant);
    if (id !== undefined) return directory.resolve(id);
    return name !== undefined ? directory.named(name) : { unopened: randomUUID(), name: undefined };
  }

  #openNew(
    { unopened, name }: { unopened: string; name: string | undefined },
    request: OpenRequest,
  ): Promise<OpenBrowser> {
    if (this.#state === 'draining') throw draining();
    const directory = this.#directories.of(request.tenant);
    const opening: Opening = { waits: false };
    const opened = directory.open(unopened, name, (id, hooks) =>
      this.#opener.open({ id, name }, hooks, request, opening),
    );
    return this.#joins.add(opened, opening);
  }

  async #withPage(path: { targetId: string; name?: string }, tenant: Tenant): Promise<VirtualBrowser> {
    for (const served of this.#pools.browsers) {
      const virtual = served.ownerOfTarget(path.targetId);
      if (virtual?.tenant.name !== tenant.name) continue;
      if (path.name === undefined || (await this.#isNamed(virtual, path.name))) return virtual;
    }
    throw new CdpmuxError('NOT_FOUND', `No such target id: ${path.targetId}`);
  }

  async #isNamed(virtual: VirtualBrowser, name: string): Promise<boolean> {
    const found = this.#directories.of(virtual.tenant).named(name);
    return 'open' in found && (await found.open).virtual === virtual;
  }

  #virtualsOf(name: string): VirtualBrowser[] {
    const all = this.#pools.browsers.flatMap(({ virtuals }) => virtuals);
    return all.filter(({ tenant }) => tenant.name === name);
  }

  #mustServe(): void {
    if (this.#state === 'closing') throw new CdpmuxError('CLOSING', 'cdpmux is stopping.');
  }
}

function draining(): CdpmuxError {
  const message =
    'cdpmux is draining and takes nobody new; connect to another one, or again once it is back.';
  return new CdpmuxError('CLOSING', message);
}
