import { needsNoSandbox } from '../chrome/container.js';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import type { BatchSettings } from '../chrome/write-batch.js';
import { findChrome } from '../chrome/executable.js';
import { CdpmuxError } from '../errors.js';
import type { Factory, PoolOptions } from '../pool/options.js';
import { Pool, type Lease, type Wish } from '../pool/pool.js';
import type { Slot, Supply } from '../pool/slot.js';
import type { ConnectionCounts } from '../telemetry/connection-counts.js';
import type { EventFeed } from '../telemetry/event-feed.js';
import type { ConnectionSettings, MuxOptions, PoolSettings } from './options.js';
import type { StockCommon } from './stock.js';
import { serveBrowser, type BrowserSource, type ServedBrowser } from './served-browser.js';

/** The supply of Chromes that are launched here; those of remote ones are called as their URL. */
const LAUNCHED = 'launched';
/** How the reason begins of whatever is done to a browser that is ill. */
export const FAILED_CHECKS = 'failed health checks';
/** What a close frame can hold, bytes. */
const LONGEST_REASON = 123;
/** So many targets for each place weigh as much as a browser should carry. */
const TARGETS_A_PLACE = 4;

/** What one asks for who wants a whole Chrome. */
export interface WholeChrome {
  /** Further flags of its command line. */
  readonly flags: readonly string[];
}

/** A place in one of the Chromes. */
export type BrowserLease = Lease<ServedBrowser>;

/** What a pool of Chromes is made with. */
export interface BrowserPoolOptions {
  /** '' for the one without. */
  readonly name: string;
  readonly settings: PoolSettings;
  readonly mux: MuxOptions;
  readonly feed: EventFeed;
  readonly nextId: () => string;
  readonly counts: ConnectionCounts;
  readonly connections: () => ConnectionSettings;
  readonly stock: StockCommon;
  readonly batch: () => BatchSettings;
}

/** One pool of real Chromes: launched ones of one kind, and remote ones. */
export class BrowserPool implements Factory<ServedBrowser, WholeChrome> {
  readonly name: string;
  readonly #options: BrowserPoolOptions;
  readonly #pool: Pool<ServedBrowser, WholeChrome>;
  #settings: PoolSettings;
  #executable: ChromeExecutable | undefined;

  constructor(options: BrowserPoolOptions) {
    const { name, feed, nextId, settings, mux } = options;
    this.name = name;
    this.#options = options;
    this.#settings = settings;
    const around = { factory: this, name, feed, nextId, random: Math.random };
    this.#pool = new Pool(around, sizesOf(settings, mux.queue));
  }

  /** Finds the Chrome and launches the first ones; rejects with NO_CHROME or LAUNCH_FAILED. */
  async start(): Promise<void> {
    const { chrome, browsers } = this.#settings;
    const { env, tmpDir } = this.#options.mux;
    if (browsers.max > 0) {
      this.#executable = await findChrome({
        ...(chrome !== undefined && { chrome }),
        kind: browsers.kind,
        env,
        tmpDir,
      });
    }
    await this.#pool.start();
  }

  /** The Chrome that is launched; undefined before `start`, and where there are remote ones only. */
  get executable(): ChromeExecutable | undefined {
    return this.#executable;
  }

  /** Places on one browser. */
  get capacity(): number {
    return this.#settings.browsers.virtualPerBrowser;
  }

  /** How many Chromes may be launched. */
  get mostLaunched(): number {
    return this.#settings.browsers.max;
  }

  get slots(): Slot<ServedBrowser>[] {
    return this.#pool.slots;
  }

  /** Those that are there, whether or not they take new clients. */
  get browsers(): ServedBrowser[] {
    return this.#pool.resources;
  }

  /** Waiting, order and control: see `Pool`. */
  get line(): Pool<ServedBrowser, WholeChrome> {
    return this.#pool;
  }

  acquire(wish: Wish<WholeChrome>): Promise<BrowserLease> {
    return this.#pool.acquire(wish);
  }

  /** Why nobody could be served now; empty when somebody could. */
  troubles(): string[] {
    const which = this.name === '' ? '' : `pool ${this.name}: `;
    if (this.#pool.paused) return [`${which}paused by an operator`];
    const failed = this.#pool.supplies.flatMap(({ supply, backoff }) =>
      backoff.reason ? [`${which}${supply.name}: ${backoff.reason.message}`] : [],
    );
    const kinds = this.slots
      .filter(({ exclusive, isBarred }) => !exclusive && !isBarred)
      .map(({ state }) => state.kind);
    const isMade = kinds.includes('launching') || this.#pool.mayLaunch;
    if (kinds.includes('ready') || (failed.length === 0 && isMade)) return [];
    return failed.length > 0
      ? failed
      : [`${which}no browser is ready: all are lost, ill, cordoned or draining`];
  }

  reconfigure(settings: PoolSettings, queue: MuxOptions['queue']): void {
    this.#settings = { ...settings, browsers: { ...settings.browsers, kind: this.#settings.browsers.kind } };
    this.#pool.reconfigure(sizesOf(settings, queue));
  }

  close(deadline: number): Promise<void>;
  /** As the pool's factory: closes one browser. */
  close(served: ServedBrowser, deadline: number): Promise<void>;
  close(one: ServedBrowser | number, deadline = 0): Promise<void> {
    return typeof one === 'number' ? this.#pool.close(one) : one.close(deadline);
  }

  async create(supply: Supply, id: string, whole?: WholeChrome): Promise<ServedBrowser> {
    const source = supply.name === LAUNCHED ? await this.#launch(whole) : connectTo(supply.name);
    const { counts, connections, batch, mux } = this.#options;
    const isHere = supply.name === LAUNCHED;
    const stock = { ...this.#options.stock, isHere, serves: () => this.#takesClients(id) };
    const options = {
      id,
      exclusive: whole !== undefined,
      counts,
      connections,
      batch,
      stock,
      onFault: mux.onFault,
    };
    return serveBrowser(source, options, (served, reason) => this.#pool.lost(served, reason));
  }

  load(served: ServedBrowser): number {
    const targets = served.hosts.reduce((sum, { targetCount }) => sum + targetCount, 0);
    return Math.min(1, targets / (TARGETS_A_PLACE * this.capacity) + served.handicap());
  }

  evict(served: ServedBrowser, reason: string): void {
    const code = reason.startsWith(FAILED_CHECKS) ? 4502 : 4503;
    for (const virtual of served.virtuals) {
      virtual.end({
        code,
        reason: `the browser is replaced, connect again: ${reason}`.slice(0, LONGEST_REASON),
      });
    }
  }

  #takesClients(id: string): boolean {
    const slot = this.slots.find((one) => one.id === id);
    return slot?.state.kind === 'ready' && !slot.isBarred && slot.tooHeavy === undefined;
  }

  async #launch(whole?: WholeChrome): Promise<BrowserSource> {
    const { env, tmpDir, noSandbox, egress, memory } = this.#options.mux;
    if (!this.#executable) throw new CdpmuxError('NO_CHROME', 'start() has not been called.');
    return {
      kind: 'launch',
      executable: this.#executable,
      options: {
        extraFlags: [
          ...(egress?.chromeFlags ?? []),
          ...isolateFlags(memory),
          ...this.#settings.browsers.flags,
          ...(whole?.flags ?? []),
        ],
        tmpDir,
        noSandbox: noSandbox ?? (await needsNoSandbox()),
        baseEnv: env,
      },
    };
  }
}

/** V8's own limit of each isolate, beneath those of cdpmux. */
function isolateFlags({ isolateMb }: MuxOptions['memory']): string[] {
  return isolateMb === 0 ? [] : [`--js-flags=--max-old-space-size=${isolateMb}`];
}

function connectTo(url: string): BrowserSource {
  return { kind: 'connect', url };
}

/** The pool's sizes and waits as the settings have them. */
function sizesOf({ browsers }: PoolSettings, queue: MuxOptions['queue']): PoolOptions {
  const { min, max, upstreams, virtualPerBrowser, freeShare, idleTimeout, drainTimeout, maxUses, maxAge } =
    browsers;
  const launched = max > 0 ? [{ name: LAUNCHED, min, max, exclusive: true }] : [];
  const remote = upstreams.map((name) => ({ name, min: 1, max: 1, exclusive: false }));
  return {
    supplies: [...remote, ...launched],
    perResource: virtualPerBrowser,
    maxWaiting: queue.maxLength,
    timeout: queue.timeout,
    aging: queue.aging,
    freeShare,
    idleTimeout,
    drainTimeout,
    maxUses,
    maxAge,
  };
}
