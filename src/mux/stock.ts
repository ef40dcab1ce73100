import type { StockCounts } from '../telemetry/stock-counts.js';
import { ReadyContext } from '../virtual/ready-context.js';
import type { VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import type { VirtualHost } from '../virtual/virtual-host.js';
import { StockMemory } from './stock-memory.js';
import {
  QUIET,
  rateAt,
  waitToMake,
  wanted,
  withArrival,
  type Arrivals,
  type StockSettings,
} from './stock-policy.js';

/** What all stocks have in common. */
export interface StockCommon {
  /** As they are now. */
  readonly settings: () => StockSettings;
  readonly counts: StockCounts;
}

/** Who keeps the stocks of one browser. */
export interface StockKeeper extends StockCommon {
  /** Whether the browser takes new clients, and goes on taking them. */
  readonly serves: () => boolean;
  /** Whether its processes are this machine's. */
  readonly isHere: boolean;
}

/** What a stock is made with. */
export interface StockOptions extends StockKeeper {
  readonly host: VirtualHost;
  readonly pendingCommands: () => number;
}

/** How often it is looked at whether one is missing, too old, or too many, ms. */
const TICK = 1_000;
/** After one that could not be made, ms. */
const RETRY = 5_000;
/** How long one is taken to need until some were made, ms. */
const FIRST_MAKING = 500;
/** How much one measurement counts. */
const SMOOTHING = 0.3;

/** Virtual browsers kept ready on one connection, made while nobody is being let in there. */
export class Stock {
  readonly #options: StockOptions;
  readonly #memory: StockMemory;
  /** The oldest first; complete ones and, last, the one that is being made. Taken off when they are taken or lost. */
  readonly #ready = new Set<ReadyContext>();
  #state: 'open' | 'closed' = 'open';
  #making: ReadyContext | undefined;
  #arrivals: Arrivals = { perSecond: 0, at: performance.now() };
  #opening = 0;
  #openedAt = -Infinity;
  /** Whether the next one gets a spare page: as the last client wanted it. */
  #withSpare = true;
  #makingMs = FIRST_MAKING;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StockOptions) {
    this.#options = options;
    this.#memory = new StockMemory(options.host.upstream, options.isHere);
    options.host.unseen.onGiven = () => void options.counts.pages++;
    this.#lookIn(0);
  }

  /** Those that are complete. */
  get size(): number {
    let size = 0;
    for (const { isComplete } of this.#ready) if (isComplete) size++;
    return size;
  }

  /** How many there should be now. */
  get wanted(): number {
    if (this.#state === 'closed' || this.#options.host.exclusive || !this.#options.serves()) return 0;
    return this.#wanted(this.#options.settings(), performance.now());
  }

  /** Opens a virtual browser, out of the stock where it can be had there. */
  async open<T>(options: VirtualBrowserOptions, open: (ready?: ReadyContext) => Promise<T>): Promise<T> {
    this.#opening++;
    const ready = this.#take(options);
    try {
      return await open(ready);
    } finally {
      // Where it has not come to that.
      ready?.discard();
      this.#opening--;
      this.#openedAt = performance.now();
      this.#lookIn(QUIET);
    }
  }

  /** Nothing is kept any more: the connection takes nobody new, or is gone. */
  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    for (const ready of [...this.#ready]) ready.discard();
  }

  #take({
    proxyServer,
    proxyBypassList,
    egress,
    initialPage,
  }: VirtualBrowserOptions): ReadyContext | undefined {
    const { settings, counts, host } = this.#options;
    if (host.exclusive || this.#state === 'closed' || !settings().enabled) return undefined;
    if (proxyServer !== undefined || proxyBypassList !== undefined || egress) return undefined;
    // Who does not want a first page is given that one when it asks for a page: a second one would be a process for nothing.
    this.#withSpare = initialPage;
    this.#arrivals = withArrival(this.#arrivals, performance.now());
    const [ready] = this.#ready;
    counts.asked(ready !== undefined);
    if (ready) this.#ready.delete(ready);
    // One that is being made is that much nearer than a new one, and goes on being made for whoever has taken it.
    return ready;
  }

  /** The next look is in so many ms. */
  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#state === 'closed') return;
    this.#timer = setTimeout(() => this.#look(), ms).unref();
  }

  #look(): void {
    this.#lookIn(this.#tend());
  }

  /** Does what is due, and gives the time until there may be more to do, ms. */
  #tend(): number {
    const { settings, serves, pendingCommands, host } = this.#options;
    const now = performance.now();
    const inForce = settings();
    const count = this.#wanted(inForce, now);
    for (const ready of [...this.#ready]) {
      const isOld = ready.isComplete && now - ready.madeAt > inForce.maxAge;
      if (isOld || this.#ready.size > count || !serves()) ready.discard();
    }
    if (this.#making || host.exclusive || this.#ready.size >= count) return TICK;
    const wait = waitToMake({
      serves: serves(),
      opening: this.#opening,
      sinceOpening: now - this.#openedAt,
      pendingCommands: pendingCommands(),
    });
    if (wait === 0) this.#make();
    return wait === 0 ? TICK : wait;
  }

  #wanted(settings: StockSettings, now: number): number {
    const perSecond = rateAt(this.#arrivals, now);
    return wanted(settings, { perSecond, makingMs: this.#makingMs, itemMb: this.#memory.mb });
  }

  #make(): void {
    let isLost = false;
    const measure = this.#memory.begin();
    const ready = new ReadyContext(this.#options.host, this.#withSpare, (lost) => {
      isLost = true;
      this.#ready.delete(lost);
    });
    this.#making = ready;
    this.#ready.add(ready);
    void ready.complete.then((complete) => {
      this.#making = undefined;
      if (complete) {
        this.#makingMs += SMOOTHING * (performance.now() - ready.madeAt - this.#makingMs);
        void measure();
      }
      this.#lookIn(isLost ? RETRY : 0);
    });
  }
}
