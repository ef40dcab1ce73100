import type { ReadyContext } from '../virtual/ready-context.js';
import {
  expectedAtOnce,
  isForgotten,
  noArrivals,
  rateAt,
  wanted,
  wantedOnOwnWay,
  withArrival,
  type Arrivals,
  type Demand,
  type StockSettings,
} from './stock-policy.js';
import type { Way } from './stock-way.js';

/** What is kept ready for one way out, and how often clients come for it. */
export class Shelf {
  readonly way: Way;
  /** The oldest first; complete ones and, last, the one that is being made. Taken off when they are taken or lost. */
  readonly ready = new Set<ReadyContext>();
  /** Whether the next one gets a spare page: as the last client wanted it. */
  withSpare = true;
  #arrivals: Arrivals = noArrivals(performance.now());
  #seen = 0;

  constructor(way: Way) {
    this.way = way;
  }

  /** Takes note of a client, and whether it wants a first page: who does not is given that one when it asks for a page, and a second would be a process for nothing. */
  arrived(wantsPage: boolean): void {
    this.withSpare = wantsPage;
    this.#seen++;
    this.#arrivals = withArrival(this.#arrivals, performance.now());
  }

  /** A client could not be let in by this way: it may be none at all. */
  failed(): void {
    this.#seen = 0;
  }

  /** Takes the oldest off; one that is being made is that much nearer than a new one, and goes on being made for whoever has it. */
  take(): ReadyContext | undefined {
    const [ready] = this.ready;
    if (ready) this.ready.delete(ready);
    return ready;
  }

  /** How many there should be. */
  wanted(settings: StockSettings, { makingMs, itemMb }: Pick<Demand, 'makingMs' | 'itemMb'>): number {
    const now = performance.now();
    const arrivals = this.#arrivals;
    const demand = {
      perSecond: rateAt(arrivals, now),
      atOnce: expectedAtOnce(arrivals, now),
      makingMs,
      itemMb,
    };
    if (!this.way.proxy) return wanted(settings, demand);
    return wantedOnOwnWay(settings, this.#ownWay(now), demand);
  }

  /** Gives back what is too much, and what is no good any more. */
  trim(count: number, isGood: (ready: ReadyContext) => boolean): void {
    for (const ready of [...this.ready]) if (this.ready.size > count || !isGood(ready)) ready.discard();
  }

  get isForgotten(): boolean {
    return this.way.proxy !== undefined && isForgotten(this.#ownWay(performance.now()));
  }

  #ownWay(now: number): { seen: number; sinceLast: number } {
    return { seen: this.#seen, sinceLast: now - this.#arrivals.at };
  }
}
