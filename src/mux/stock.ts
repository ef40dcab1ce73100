import type { StockCounts } from '../telemetry/stock-counts.js';
import type { Egress } from '../virtual/egress.js';
import { ReadyContext } from '../virtual/ready-context.js';
import type { VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import type { VirtualHost } from '../virtual/virtual-host.js';
import { StockMemory } from './stock-memory.js';
import {
  atMost,
  noGroup,
  QUIET,
  shares,
  waitToMake,
  withOneMore,
  type StockSettings,
} from './stock-policy.js';
import { Shelf } from './stock-shelf.js';
import { commonWay, readyWay, wayOf, type Way } from './stock-way.js';

/** What all stocks have in common. */
export interface StockCommon {
  /** As they are now. */
  readonly settings: () => StockSettings;
  readonly counts: StockCounts;
  /** Looks at what goes out, for those that it is for. */
  readonly egress: Egress | undefined;
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
/** Proxies of clients' own that are kept in mind, at most. */
const MOST_WAYS = 64;
/** How much one measurement counts. */
const SMOOTHING = 0.3;

/** Virtual browsers kept ready on one connection, made while nobody is being let in there. */
export class Stock {
  readonly #options: StockOptions;
  readonly #memory: StockMemory;
  /** By way out. */
  readonly #shelves = new Map<string, Shelf>();
  #state: 'open' | 'closed' = 'open';
  #making: ReadyContext | undefined;
  #opening = 0;
  #openedAt = -Infinity;
  #lastGroup = noGroup;
  #makingMs = FIRST_MAKING;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StockOptions) {
    this.#options = options;
    this.#memory = new StockMemory(options.host.upstream, options.isHere);
    // Who will come is not known yet: where there is a filter, mostly those that it is for.
    this.#shelf(commonWay(options.egress !== undefined));
    options.host.unseen.onGiven = () => void options.counts.pages++;
    this.#lookIn(0);
  }

  /** Those that are complete. */
  get size(): number {
    let size = 0;
    for (const { ready } of this.#shelves.values())
      for (const { isComplete } of ready) if (isComplete) size++;
    return size;
  }

  /** How many there should be now. */
  get wanted(): number {
    if (this.#state === 'closed' || this.#options.host.exclusive || !this.#options.serves()) return 0;
    return this.#counts(this.#inOrder()).reduce((sum, count) => sum + count, 0);
  }

  /** Opens a virtual browser, out of the stock where it can be had there. */
  async open<T>(options: VirtualBrowserOptions, open: (ready?: ReadyContext) => Promise<T>): Promise<T> {
    this.#opening++;
    this.#lastGroup = withOneMore(this.#lastGroup, performance.now());
    const shelf = this.#shelfFor(options);
    const ready = shelf?.take();
    if (shelf) this.#options.counts.asked(ready !== undefined);
    try {
      return await open(ready);
    } catch (error) {
      shelf?.failed();
      throw error;
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
    for (const shelf of this.#shelves.values()) shelf.trim(0, () => false);
  }

  #shelfFor(options: VirtualBrowserOptions): Shelf | undefined {
    const { settings, host } = this.#options;
    // how pages look is not what they were made with
    if (options.appearance || host.exclusive || this.#state === 'closed' || !settings().enabled)
      return undefined;
    const shelf = this.#shelf(wayOf(options));
    shelf.arrived(options.initialPage);
    return shelf;
  }

  #shelf(way: Way): Shelf {
    let shelf = this.#shelves.get(way.key);
    if (shelf) return shelf;
    shelf = new Shelf(way);
    if (way.proxy) this.#forgetWays();
    this.#shelves.set(way.key, shelf);
    return shelf;
  }

  #forgetWays(): void {
    const ways = [...this.#shelves].filter(([, { way }]) => way.proxy);
    const tooMany = ways.length - MOST_WAYS + 1;
    ways.forEach(([key, shelf], index) => {
      if (index >= tooMany && !shelf.isForgotten) return;
      shelf.trim(0, () => false);
      this.#shelves.delete(key);
    });
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
    const { serves, pendingCommands, host } = this.#options;
    const now = performance.now();
    const short = this.#trim(now);
    if (this.#making || host.exclusive || !short) return TICK;
    const wait = waitToMake({
      serves: serves(),
      opening: this.#opening,
      sinceOpening: now - this.#openedAt,
      lastGroup: this.#lastGroup.count,
      pendingCommands: pendingCommands(),
    });
    if (wait === 0) this.#make(short);
    return wait === 0 ? TICK : wait;
  }

  /** Gives back what is not wanted, and gives the first shelf on which one is missing. */
  #trim(now: number): Shelf | undefined {
    const { settings, serves } = this.#options;
    const { maxAge } = settings();
    const shelves = this.#inOrder();
    const counts = this.#counts(shelves);
    let short: Shelf | undefined;
    const isGood = (ready: ReadyContext): boolean =>
      serves() && !(ready.isComplete && now - ready.madeAt > maxAge);
    shelves.forEach((shelf, index) => {
      const count = counts[index] ?? 0;
      shelf.trim(count, isGood);
      const isShort = shelf.ready.size < count && this.#canMake(shelf.way);
      // Who has none comes before who has too few.
      if (isShort && (!short || shelf.ready.size < short.ready.size)) short = shelf;
    });
    return short;
  }

  /** How many there should be on each of these shelves. */
  #counts(shelves: readonly Shelf[]): number[] {
    const settings = this.#options.settings();
    const itemMb = this.#memory.mb;
    const wishes = shelves.map((shelf) => shelf.wanted(settings, { makingMs: this.#makingMs, itemMb }));
    return shares(atMost(settings, itemMb), wishes);
  }

  /** Those for who brings no proxy first; always the same order, or what was made for one would be given back for another. */
  #inOrder(): Shelf[] {
    const all = [...this.#shelves.values()];
    return [...all.filter(({ way }) => !way.proxy), ...all.filter(({ way }) => way.proxy)];
  }

  #canMake({ isFiltered }: Way): boolean {
    return !isFiltered || this.#options.egress?.openAhead !== undefined;
  }

  #make(shelf: Shelf): void {
    const way = readyWay(shelf.way, this.#options.egress);
    if (!way) return;
    let isLost = false;
    const measure = this.#memory.begin();
    const ready = new ReadyContext(this.#options.host, { way, withSpare: shelf.withSpare }, (lost) => {
      isLost = true;
      shelf.ready.delete(lost);
    });
    this.#making = ready;
    shelf.ready.add(ready);
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
