import { ContainerMemory } from '../chrome/container-memory.js';
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
import { draining } from './draining.js';
import { Directories } from './directories.js';
import { Entrance } from './entrance.js';
import { countEvents } from './event-counts.js';
import { snapshotOf, statsOf, tenantStatsOf } from './figures.js';
import { Health } from './health/health.js';
import { FileRoot, policyOf } from './file-root.js';
import { NamedPageList } from './named-page-list.js';
import { Opener } from './opener.js';
import { MemoryWatch } from './memory/memory-watch.js';
import { OpenList, versionOf } from './open-list.js';
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
  readonly #entrance: Entrance;
  readonly #open = new OpenList();
  readonly #memory: MemoryWatch;
  readonly #directories = new Directories();
  readonly #quotas = new Quotas();
  readonly #metrics: Metrics;
  readonly #auditor: Auditor;
  readonly #health: Health;
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
    this.#pools = new Pools(this.#options, this.feed, this.#metrics);
    this.#rates = new TenantRates(options.limits.commandsPerSecond, STRANGERS_RATE);
    this.#policy = policyOf(options.outgoing);
    countEvents(this.feed, this.#metrics);
    const around = { pools: this.#pools, open: this.#open, feed: this.feed, metrics: this.#metrics };
    const container = new ContainerMemory(options.systemRoot);
    this.#memory = new MemoryWatch({ ...around, container }, () => this.#options.memory);
    this.#auditor = new Auditor({
      browsers: () => this.#pools.browsers,
      isKept: ({ id }) => this.#open.isKept(id),
      metrics: this.#metrics,
      feed: this.feed,
    });
    this.#health = new Health({ ...around, memory: this.#memory, options: () => this.#options });
    const opener = new Opener({
      pools: this.#pools,
      quotas: this.#quotas,
      metrics: this.#metrics,
      open: this.#open,
      policy: () => this.#policy,
      options: () => this.#options,
      files: () => this.#files,
    });
    this.#entrance = new Entrance({
      opener,
      pools: this.#pools,
      open: this.#open,
      directories: this.#directories,
      queueTimeout: () => this.#options.queue.timeout,
      mustServe: () => this.#mustServe(),
      mustTakeNew: () => {
        if (this.#state === 'draining') throw draining();
      },
      drainDeadline: () => this.#drainDeadline,
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
    // It may have been closed meanwhile.
    if (this.#state !== 'new') return;
    this.#state = 'ready';
    this.#auditor.start();
    this.#health.start();
    this.#memory.start();
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
    const { virtual, prepared } = await this.#entrance.letIn(request);
    this.#metrics.connections.addClient(virtual.host.startedAt <= askedAt);
    const limits = { rate: this.#rates.of(request.tenant), idle: this.#options.limits.idle };
    return new ClientSeat(virtual, prepared, request, this.#metrics, limits);
  }

  /** The virtual browser of a name, for Chrome's HTTP endpoints; opened on first use. */
  async named(caller: Caller, name = DEFAULT_NAME): Promise<NamedBrowser> {
    this.#mustServe();
    const request = { ...caller, initialPage: true, signal: new AbortController().signal };
    const open = await this.#entrance.find({ name }, request);
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
    this.#rates.countRequest(tenant);
  }

  /** What the Chrome says of itself that new clients get; that of a name's virtual browser, where it is open. */
  async version(tenant?: Tenant, name?: string): Promise<ChromeVersion> {
    this.#mustServe();
    const known = tenant && name !== undefined && this.#open.named(tenant.name, name);
    if (known) return versionOf(known);
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
    const container = this.#memory.containerReport();
    return { ...statsOf(this.#pools, this.#metrics), ...(container && { container }) };
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
    if (this.#state === 'closing') return;
    this.#options = { ...this.#options, ...live };
    this.#pools.reconfigure(this.#options);
    this.#health.rearm();
    this.#memory.rearm();
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
    this.#health.stop();
    this.#memory.stop();
    for (const { virtuals } of this.#pools.browsers) {
      for (const virtual of virtuals) virtual.end({ code: 1001, reason: 'cdpmux is stopping' });
    }
    await this.#pools.close(deadline);
    await this.#files?.close();
  }

  #virtualsOf(name: string): VirtualBrowser[] {
    const all = this.#pools.browsers.flatMap(({ virtuals }) => virtuals);
    return all.filter(({ tenant }) => tenant.name === name);
  }

  #mustServe(): void {
    if (this.#state === 'closing') throw new CdpmuxError('CLOSING', 'cdpmux is stopping.');
  }
}
