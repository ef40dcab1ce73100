/** What p-queue runs; starts at once, and resolves when it is done. */
type RunFunction = () => Promise<unknown>;

/** What the queue needs to know of one who waits. */
export interface Waiter {
  /** Higher ones are served first; 0 is the least urgent. */
  readonly priority: number;
  /** Whose it is: among equally urgent ones, owners take turns. */
  readonly owner: string;
  /** Turns of this owner for each turn of one of weight 1; above 0. */
  readonly weight: number;
  /** When it came, on `now`'s clock, ms. */
  readonly since: number;
}

/** What p-queue passes on of the options of `add`. */
export interface WaiterOptions<W extends Waiter> {
  readonly id?: string;
  readonly priority?: number;
  readonly waiter?: W;
}

/** How a queue decides. */
export interface FairPolicy<W extends Waiter> {
  /** Whether there is what this one waits for; whoever comes after it may go first when there is not. */
  readonly fits: (waiter: W) => boolean;
  /** Waiting so long counts as one priority more, ms. */
  readonly aging: () => number;
  readonly now: () => number;
}

interface Entry<W> {
  readonly id: string;
  readonly run: RunFunction;
  readonly waiter: W;
}

/** Owners that are not waiting are remembered up to this many, so that leaving and coming back gains no turn. */
const REMEMBERED = 1_000;

/**
 * The order in which those who wait are served: the more urgent first, where time spent waiting makes more urgent; among equals
 * owners take turns by weight (stride scheduling); and each owner's own in the order in which they came.
 */
export class FairQueue<W extends Waiter> {
  readonly #policy: FairPolicy<W>;
  /** In the order of arrival; an owner's line is made with its first waiter and taken off with its last. */
  readonly #lines = new Map<string, Entry<W>[]>();
  /** How far each owner has got: the one that is behind has its turn. */
  readonly #passes = new Map<string, number>();
  /** Where the last one served was; newcomers start here. */
  #pass = 0;
  #length = 0;

  constructor(policy: FairPolicy<W>) {
    this.#policy = policy;
  }

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** How many p-queue may believe to be there: none while there is nothing for any of them. */
  get size(): number {
    return this.#length > 0 && this.#best() ? this.#length : 0;
  }

  enqueue(run: RunFunction, { id = '', waiter }: Partial<WaiterOptions<W>> = {}): void {
    if (!waiter) throw new TypeError('FairQueue takes only who has a waiter.');
    const line = this.#lines.get(waiter.owner);
    const entry = { id, run, waiter };
    if (line) line.push(entry);
    else this.#lines.set(waiter.owner, [entry]);
    this.#length++;
  }

  dequeue(): RunFunction | undefined {
    const best = this.#best();
    if (!best) return undefined;
    const { owner, weight } = best.waiter;
    this.#take(best);
    this.#pass = this.#passOf(owner);
    this.#passes.set(owner, this.#pass + 1 / weight);
    this.#forgetOwners();
    return best.run;
  }

  remove(id: string): void {
    for (const line of this.#lines.values()) {
      const entry = line.find((one) => one.id === id);
      if (entry) return this.#take(entry);
    }
  }

  /** For p-queue only, which asks how many of one priority wait. */
  filter({ priority }: Readonly<Partial<WaiterOptions<W>>>): RunFunction[] {
    return [...this.#entries()].filter(({ waiter }) => waiter.priority === priority).map(({ run }) => run);
  }

  setPriority(): void {
    throw new Error('A priority is given once, on arrival.');
  }

  /** Those who wait, in the order in which they would be served if everything fitted; at most `limit`. */
  inOrder(limit: number): W[] {
    const copy = new FairQueue<W>({ ...this.#policy, fits: () => true });
    for (const [owner, line] of this.#lines) copy.#lines.set(owner, [...line]);
    for (const [owner, pass] of this.#passes) copy.#passes.set(owner, pass);
    copy.#pass = this.#pass;
    copy.#length = this.#length;
    const order: W[] = [];
    while (order.length < limit) {
      const best = copy.#best();
      if (!best) break;
      order.push(best.waiter);
      copy.dequeue();
    }
    return order;
  }

  /** The one that is to be served next, whether or not it can be. */
  front(): W | undefined {
    return this.#choose(() => true)?.waiter;
  }

  /** When the one who waits longest came; undefined with nobody. */
  get oldest(): number | undefined {
    let oldest: number | undefined;
    for (const [first] of this.#lines.values()) {
      if (first && first.waiter.since < (oldest ?? Infinity)) oldest = first.waiter.since;
    }
    return oldest;
  }

  #best(): Entry<W> | undefined {
    return this.#choose(this.#policy.fits);
  }

  #choose(fits: (waiter: W) => boolean): Entry<W> | undefined {
    let best: Entry<W> | undefined;
    for (const line of this.#lines.values()) {
      const seen = new Set<number>();
      for (const entry of line) {
        // Of one owner and priority the first came before all others, and is as urgent.
        if (seen.has(entry.waiter.priority) || !fits(entry.waiter)) continue;
        seen.add(entry.waiter.priority);
        if (!best || this.#isBefore(entry.waiter, best.waiter)) best = entry;
      }
    }
    return best;
  }

  #isBefore(one: W, other: W): boolean {
    const more = this.#urgency(one) - this.#urgency(other);
    if (more !== 0) return more > 0;
    if (one.owner === other.owner) return one.since < other.since;
    const ahead = this.#passOf(one.owner) - this.#passOf(other.owner);
    return ahead !== 0 ? ahead < 0 : one.since < other.since;
  }

  #urgency({ priority, since }: W): number {
    return priority + Math.floor((this.#policy.now() - since) / this.#policy.aging());
  }

  #passOf(owner: string): number {
    return Math.max(this.#passes.get(owner) ?? 0, this.#pass);
  }

  #take(entry: Entry<W>): void {
    const { owner } = entry.waiter;
    const line = this.#lines.get(owner) ?? [];
    line.splice(line.indexOf(entry), 1);
    if (line.length === 0) this.#lines.delete(owner);
    this.#length--;
  }

  #forgetOwners(): void {
    if (this.#passes.size <= REMEMBERED) return;
    for (const [owner, pass] of this.#passes) {
      if (pass <= this.#pass && !this.#lines.has(owner)) this.#passes.delete(owner);
    }
  }

  *#entries(): Generator<Entry<W>> {
    for (const line of this.#lines.values()) yield* line;
  }
}
