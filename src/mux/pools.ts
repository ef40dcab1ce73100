import type { BatchSettings } from '../chrome/write-batch.js';
import { CdpmuxError, hasCode } from '../errors.js';
import type { Slot } from '../pool/slot.js';
import type { EventFeed } from '../telemetry/event-feed.js';
import type { Metrics } from '../telemetry/metrics.js';
import { BrowserPool } from './browser-pool.js';
import type { ConnectionSettings, MuxOptions } from './options.js';
import type { BrowserReport, ConnectionReport, MemoryReport, QueueReport, WaitingReport } from './reports.js';
import type { ServedBrowser } from './served-browser.js';
import type { StockSettings } from './stock-policy.js';
import { priorities } from './types.js';

/** How many of those who wait are listed. */
const LISTED = 1_000;

/** The pool without a name, and those with one. */
export class Pools {
  readonly #pools: ReadonlyMap<string, BrowserPool>;
  /** For reports; set by who watches memory. */
  memoryOf: (served: ServedBrowser) => MemoryReport | undefined = () => undefined;
  #connections: ConnectionSettings;
  #stock: StockSettings;
  #batch: BatchSettings;

  constructor(
    options: MuxOptions,
    feed: EventFeed,
    { connections: counts, stock: stockCounts }: Pick<Metrics, 'connections' | 'stock'>,
  ) {
    this.#connections = options.connections;
    this.#stock = options.stock;
    const { egress } = options;
    const stock = { settings: (): StockSettings => this.#stock, counts: stockCounts, egress };
    this.#batch = options.batch;
    const connections = (): ConnectionSettings => this.#connections;
    const batch = (): BatchSettings => this.#batch;
    let last = 0;
    const nextId = (): string => `b${++last}`;
    const { chrome, browsers, pools } = options;
    const settings = new Map([
      ['', { ...(chrome !== undefined && { chrome }), browsers }],
      ...Object.entries(pools),
    ]);
    this.#pools = new Map(
      [...settings].map(([name, one]) => [
        name,
        new BrowserPool({
          name,
          settings: one,
          mux: options,
          feed,
          nextId,
          counts,
          connections,
          batch,
          stock,
        }),
      ]),
    );
  }

  /** All start, or those that did are left to `close`. A named one whose browsers do not come goes on trying, and readiness tells of it. */
  async start(): Promise<void> {
    const starts = this.all.map(async (pool) => {
      try {
        await pool.start();
      } catch (error) {
        const mayCome = hasCode(error, 'LAUNCH_FAILED');
        if (pool.name === '' || !mayCome) throw error;
      }
    });
    await Promise.all(starts);
  }

  get all(): BrowserPool[] {
    return [...this.#pools.values()];
  }

  /** The one that clients get who ask for none. */
  get main(): BrowserPool {
    return this.get('');
  }

  get(name: string): BrowserPool {
    const pool = this.#pools.get(name);
    if (pool) return pool;
    const names = [...this.#pools.keys()].filter((one) => one !== '');
    const known = names.length > 0 ? `there are ${names.join(', ')}` : 'none is configured';
    throw new CdpmuxError('NOT_FOUND', `No pool has the name ${JSON.stringify(name)}; ${known}.`);
  }

  /** All browsers that are there. */
  get browsers(): ServedBrowser[] {
    return this.all.flatMap(({ browsers }) => browsers);
  }

  get waiting(): number {
    return this.all.reduce((sum, { line }) => sum + line.waiting, 0);
  }

  /** The pool that has the browser of that id; throws NOT_FOUND. */
  withBrowser(id: string): BrowserPool {
    const found = this.all.find(({ slots }) => slots.some((slot) => slot.id === id));
    if (found) return found;
    throw new CdpmuxError('NOT_FOUND', `No browser has the id ${id}.`);
  }

  reports(): BrowserReport[] {
    return this.all.flatMap((pool) =>
      pool.slots
        .filter(({ state }) => state.kind !== 'gone')
        .map((slot) => reportOf(pool, slot, this.memoryOf)),
    );
  }

  connections(): ConnectionReport[] {
    return this.browsers.flatMap((served) => served.connections());
  }

  /** Connections that could take one more client. */
  get connectionsWithRoom(): number {
    const withRoom = this.all.flatMap(({ slots, capacity }) =>
      slots.filter(({ state, resource, exclusive, tooHeavy }) => {
        const room = (exclusive ? 1 : capacity) - (resource?.virtuals.length ?? 0);
        return state.kind === 'ready' && room > 0 && tooHeavy === undefined;
      }),
    );
    const connections = withRoom.flatMap(({ resource }) => resource?.connections() ?? []);
    return connections.filter(({ state }) => state === 'open').length;
  }

  /** The queue without those who wait: to list them in order takes its time when they are many. */
  queueFigures(): Omit<QueueReport, 'waiting'> {
    const lines = this.all.map(({ line }) => line);
    return {
      length: this.waiting,
      maxwaitMs: Math.round(Math.max(0, ...lines.map(({ maxwait }) => maxwait))),
      paused: lines.every(({ paused }) => paused),
      retryAfterSeconds: Math.max(...lines.map(({ retryAfter }) => retryAfter)),
    };
  }

  /** All who wait, or one tenant's. */
  queue(tenant?: string): QueueReport {
    const waiting = this.all
      .flatMap((pool) => waitingIn(pool))
      .filter((one) => tenant === undefined || one.tenant === tenant);
    const figures = this.queueFigures();
    if (tenant === undefined) return { ...figures, waiting };
    const maxwaitMs = Math.max(0, ...waiting.map(({ ageMs }) => ageMs));
    return { ...figures, length: waiting.length, maxwaitMs, waiting };
  }

  /** Named pools that are new or gone need a restart. */
  reconfigure({ chrome, browsers, pools, queue, connections, batch, stock }: MuxOptions): void {
    this.#connections = connections;
    this.#stock = stock;
    this.#batch = batch;
    for (const pool of this.all) {
      const settings =
        pool.name === '' ? { ...(chrome !== undefined && { chrome }), browsers } : pools[pool.name];
      if (settings) pool.reconfigure(settings, queue);
    }
  }

  async close(deadline: number): Promise<void> {
    await Promise.all(this.all.map((pool) => pool.close(deadline)));
  }
}

function waitingIn({ name, line }: BrowserPool): WaitingReport[] {
  const now = performance.now();
  return line.inOrder(LISTED).map(({ owner, priority, wish, since }, index) => ({
    pool: name,
    place: index + 1,
    tenant: owner,
    priority: priorities[priority] ?? 'normal',
    mode: wish.whole === undefined ? 'shared' : 'exclusive',
    ageMs: Math.round(now - since),
  }));
}

function reportOf(pool: BrowserPool, slot: Slot<ServedBrowser>, memoryOf: Pools['memoryOf']): BrowserReport {
  const { state, resource: served, from, exclusive } = slot;
  const isLaunched = from.supply.exclusive;
  const now = performance.now();
  const memory = served && memoryOf(served);
  return {
    id: slot.id,
    pool: pool.name,
    state: state.kind === 'gone' ? 'broken' : state.kind,
    ...('reason' in state
      ? { reason: state.reason }
      : slot.tooHeavy !== undefined && { reason: slot.tooHeavy }),
    source: isLaunched ? 'launched' : 'remote',
    mode: exclusive ? 'exclusive' : 'shared',
    ...(served && { product: served.version.product }),
    ...(served?.pid !== undefined && { pid: served.pid }),
    ...(!isLaunched && { endpoint: from.supply.name }),
    ageMs: Math.round(now - slot.launchedAt),
    uses: slot.uses,
    virtualBrowsers: served?.virtuals.length ?? 0,
    capacity: exclusive ? 1 : pool.capacity,
    targets: served?.hosts.reduce((sum, { targetCount }) => sum + targetCount, 0) ?? 0,
    connections: served?.connections().length ?? 0,
    stock: served?.stocked ?? 0,
    stockWanted: served?.stockWanted ?? 0,
    health: served?.health ?? 'closed',
    ...(slot.isBarred && { barred: [...slot.bars.values()].join('; ') }),
    crashes: served?.crashes ?? 0,
    idleMs: slot.used > 0 ? 0 : Math.round(now - slot.idleSince),
    ...(memory && { memory }),
  };
}
