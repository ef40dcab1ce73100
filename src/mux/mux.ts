import { randomUUID } from 'node:crypto';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import { findChrome } from '../chrome/executable.js';
import { needsNoSandbox } from '../chrome/container.js';
import { sweepProfiles } from '../chrome/profile.js';
import { CdpmuxError } from '../errors.js';
import { Pool } from '../pool/pool.js';
import { Metrics, type MetricsText } from '../telemetry/metrics.js';
import type { OutgoingPolicy } from '../virtual/outgoing-policy.js';
import type { Tenant } from '../virtual/tenant.js';
import { UrlPolicy } from '../virtual/url-policy.js';
import type { EndReason, VirtualBrowser } from '../virtual/virtual-browser.js';
import { defaultConnectionLimits } from './connection-policy.js';
import { Directories } from './directories.js';
import type { Hooks, OpenBrowser } from './directory.js';
import { BrowserFileList } from './browser-file-list.js';
import { FileRoot } from './file-root.js';
import { connectionUse, statsOf } from './mux-stats.js';
import { NamedPageList } from './named-page-list.js';
import type { MuxOptions } from './options.js';
import { Quotas } from './quotas.js';
import { TenantRates } from './rate-limit.js';
import type { ConnectionReport } from './reports.js';
import { ClientSeat } from './seat.js';
import { serveBrowser, type BrowserSource, type ServedBrowser } from './served-browser.js';
import type {
  Admission,
  BrowserFiles,
  Caller,
  ChromeVersion,
  MuxStats,
  NamedBrowser,
  Priority,
  Seat,
  TenantStats,
} from './types.js';

/** The name of those who give none over HTTP. */
const DEFAULT_NAME = 'default';
/** How long a lost Chrome's processes may take to end, ms. */
const REAP_DEADLINE = 2_000;

/** What `limits.commandsPerSecond` is for strangers where it is `auto`: beside one that floods, all others stay quick. */
const STRANGERS_RATE = 2_000;

/** From the one that waits longest. */
const priorities: readonly Priority[] = ['low', 'normal', 'high', 'critical'];

type State = 'new' | 'ready' | 'closing';

/** What a virtual browser is opened with, beside its id. */
type OpenRequest = Pick<
  Admission,
  keyof Caller | 'initialPage' | 'proxyServer' | 'proxyBypassList' | 'queueTimeout' | 'timeout' | 'signal'
>;

/** Many clients, each in a virtual browser of its own, in a few Chromes. */
export class Mux {
  readonly #options: MuxOptions;
  readonly #pool: Pool<ServedBrowser>;
  readonly #directories = new Directories();
  readonly #quotas = new Quotas();
  readonly #metrics: Metrics;
  readonly #rates: TenantRates;
  readonly #policy: OutgoingPolicy;
  /** Where files of virtual browsers are; made by `start`, unless Chrome could not see them. */
  #files: FileRoot | undefined;
  #executable: ChromeExecutable | undefined;
  #state: State = 'new';
  /** Chromes whose connection is gone and whose processes are being ended. */
  readonly #reaping = new Set<Promise<void>>();
  /** Remote Chromes are taken in turn. */
  #nextUpstream = 0;
  #lastBrowser = 0;

  constructor(options: MuxOptions) {
    this.#options = options;
    const { min, max, virtualPerBrowser } = options.browsers;
    this.#pool = new Pool(
      { create: () => this.#serve(), close: (served, deadline) => served.close(deadline) },
      {
        min,
        max,
        perResource: virtualPerBrowser,
        maxWaiting: options.queue.maxLength,
        timeout: options.queue.timeout,
      },
    );
    this.#rates = new TenantRates(options.limits.commandsPerSecond, STRANGERS_RATE);
    const { allowedSchemes, directories, onDownloadCanceled } = options.outgoing;
    this.#policy = {
      urls: new UrlPolicy(allowedSchemes),
      directories,
      ...(onDownloadCanceled && { onDownloadCanceled }),
    };
    this.#metrics = new Metrics(() => this.#snapshot());
  }

  /** Sweeps what an earlier cdpmux left, and launches the first Chromes; rejects with NO_CHROME or LAUNCH_FAILED. */
  async start(): Promise<void> {
    const { chrome, env, tmpDir, browsers, outgoing } = this.#options;
    const { filesDirectory = tmpDir } = outgoing;
    const isShared = browsers.upstreams.length === 0 || outgoing.filesDirectory !== undefined;
    if (isShared) this.#files = await FileRoot.in(filesDirectory);
    for (const directory of new Set([tmpDir, filesDirectory])) await sweepProfiles(directory);
    if (browsers.upstreams.length === 0) {
      this.#executable = await findChrome({
        ...(chrome !== undefined && { chrome }),
        kind: browsers.kind,
        env,
        tmpDir,
      });
    }
    await this.#pool.start();
    if (this.#state === 'new') this.#state = 'ready';
  }

  /** The Chrome that is launched; undefined before `start`, and with remote ones. */
  executable(): ChromeExecutable | undefined {
    return this.#executable;
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
    const [served] = this.#pool.resources;
    if (served) return served.version;
    const lease = await this.#pool.acquire(new AbortController().signal);
    lease.release();
    return lease.resource.version;
  }

  /** Whether a client could be served now, and if not, why. */
  readiness(): { ready: boolean; reasons: string[] } {
    if (this.#state !== 'ready')
      return { ready: false, reasons: [this.#state === 'new' ? 'starting' : 'stopping'] };
    if (this.#pool.resources.length === 0 && this.#options.browsers.min > 0) {
      return {
        ready: false,
        reasons: ['no browser is ready: the last one was lost and its successor is not up yet'],
      };
    }
    return { ready: true, reasons: [] };
  }

  /** What is there now. */
  stats(): MuxStats {
    const { connections } = this.#metrics;
    return statsOf(this.#pool.resources, {
      waiting: this.#pool.waiting,
      connectionReuse: connections.reuseRatio,
    });
  }

  /** The connections to browsers that are there now. */
  connections(): ConnectionReport[] {
    return this.#pool.resources.flatMap((served) => served.connections());
  }

  /** What there is now of one tenant's. */
  tenantStats({ name }: Tenant): TenantStats {
    const virtuals = this.#virtualsOf(name);
    const sum = (count: (one: VirtualBrowser) => number): number =>
      virtuals.reduce((total, one) => total + count(one), 0);
    return Object.freeze({
      virtualBrowsers: virtuals.length,
      clients: sum(({ clients }) => clients.size),
      contexts: sum((one) => one.host.contextsOf(one).length),
      targets: sum((one) => one.targets().length),
      waiting: this.#quotas.of(name).waiting,
    });
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

  /** Ends all: clients are closed with 1001, Chromes end within `deadline` ms, their profiles go. */
  async close(deadline: number): Promise<void> {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    for (const served of this.#pool.resources) {
      for (const virtual of served.virtuals) virtual.end({ code: 1001, reason: 'cdpmux is stopping' });
    }
    await this.#pool.close(deadline);
    await Promise.all(this.#reaping);
    await this.#files?.close();
  }

  async #find(
    path: { kind: 'browser'; id?: string; name?: string },
    request: OpenRequest,
  ): Promise<OpenBrowser> {
    const directory = this.#directories.of(request.tenant);
    const found =
      path.id !== undefined
        ? directory.resolve(path.id)
        : path.name !== undefined
          ? directory.named(path.name)
          : { unopened: randomUUID(), name: undefined };
    if ('open' in found) return found.open;
    return directory.open(found.unopened, found.name, (id, hooks) => this.#open(id, hooks, request));
  }

  async #withPage(path: { targetId: string; name?: string }, tenant: Tenant): Promise<VirtualBrowser> {
    for (const served of this.#pool.resources) {
      const virtual = served.target(path.targetId)?.owner;
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
    const all = this.#pool.resources.flatMap(({ virtuals }) => virtuals);
    return all.filter(({ tenant }) => tenant.name === name);
  }

  /** Opens a virtual browser on a place that it holds until it ends. */
  async #open(id: string, { onEnd, onIdle }: Hooks, request: OpenRequest): Promise<VirtualBrowser> {
    const {
      tenant,
      quota = {},
      initialPage,
      proxyServer,
      proxyBypassList,
      queueTimeout,
      timeout = 0,
      priority = 'normal',
      signal,
    } = request;
    const { limits } = this.#options;
    const entry = this.#quotas.enter(tenant, quota, this.#pool.full);
    const lease = await this.#pool
      .acquire(signal, queueTimeout, priorities.indexOf(priority))
      .catch((error: unknown) => {
        entry.left();
        throw error;
      });
    entry.placed();
    const release = (): void => {
      lease.release();
      entry.left();
    };
    const onDenied = (): void => this.#metrics.countEgressDenied();
    const egress = this.#options.egress?.open({ virtualBrowserId: id, tenant, onDenied });
    try {
      return await lease.resource.open({
        id,
        tenant,
        limits,
        lifetime: shortest(limits.lifetime, timeout),
        initialPage,
        ...(proxyServer !== undefined && { proxyServer }),
        ...(proxyBypassList !== undefined && { proxyBypassList }),
        ...(egress && { egress }),
        policy: this.#policy,
        ...(this.#files && { files: this.#files.store(this.#options.outgoing.limits) }),
        onEnd: () => {
          release();
          onEnd();
        },
        onIdle,
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  async #serve(): Promise<ServedBrowser> {
    const options = {
      id: `b${++this.#lastBrowser}`,
      connections: { ...defaultConnectionLimits, ...this.#options.connections },
      counts: this.#metrics.connections,
    };
    return serveBrowser(await this.#source(), options, (lost) => this.#onLost(lost));
  }

  async #source(): Promise<BrowserSource> {
    const { env, tmpDir, noSandbox, browsers, egress } = this.#options;
    const url = browsers.upstreams[this.#nextUpstream++ % Math.max(1, browsers.upstreams.length)];
    if (url !== undefined) return { kind: 'connect', url };
    if (!this.#executable) throw new CdpmuxError('NO_CHROME', 'start() has not been called.');
    return {
      kind: 'launch',
      executable: this.#executable,
      options: {
        extraFlags: egress?.chromeFlags ?? [],
        tmpDir,
        noSandbox: noSandbox ?? (await needsNoSandbox()),
        baseEnv: env,
      },
    };
  }

  #onLost(served: ServedBrowser): void {
    this.#pool.lost(served);
    const reaped = served
      .close(REAP_DEADLINE)
      // What would not end stays for the next start's sweep; other Chromes' clients have nothing to do with it.
      .catch(() => undefined)
      .finally(() => this.#reaping.delete(reaped));
    this.#reaping.add(reaped);
  }

  #mustServe(): void {
    if (this.#state === 'closing') throw new CdpmuxError('CLOSING', 'cdpmux is stopping.');
  }

  #snapshot() {
    const { clients, virtualBrowsers, pendingCommands } = this.stats();
    return {
      ...connectionUse(this.#pool.resources, this.#options.browsers.virtualPerBrowser),
      clients,
      virtualBrowsers,
      pendingCommands,
    };
  }
}

/** The shorter of two times, of which 0 is none. */
function shortest(one: number, other: number): number {
  return one === 0 || other === 0 ? one + other : Math.min(one, other);
}
