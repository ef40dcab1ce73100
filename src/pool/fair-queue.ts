/** What p-queue runs; starts at once, and resolves when it is done. */
type RunFunction = () => Promise<unknown>;

/** A place among others, or a whole resource. */
export type Kind = 'shared' | 'whole';

/** What the queue needs to know of one who waits. */
export interface Waiter {
  /** Higher ones are served first; 0 is the least urgent. */
  readonly priority: number;
  readonly kind: Kind;
  /** Whose it is: among equally urgent ones, owners take turns. */
  readonly owner: string;
  /** Turns of this owner for each turn of one of weight 1; above 0. */
  readonly weight: number;
  /** When it came, on `now`'s clock, ms. */
  readonly since: number;
  /** The how manieth it was, which it keeps when it has to wait again. */
  readonly nth: number;
}

/** What p-queue passes on of the options of `add`. */
export interface WaiterOptions<W extends Waiter> {
  readonly id?: string;
  readonly priority?: number;
  readonly waiter?: W;
}

/** How a queue decides. */
export interface FairPolicy {
  /** Whether there is what those of a kind wait for; others may go first when there is not. */
  readonly fits: (kind: Kind) => boolean;
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

/** Those of one priority: each owner's in the order of their arrival, and the owners in turns by weight (stride scheduling). */
class Tier<W extends Waiter> {
  readonly priority: number;
  /** By kind and owner; a line is made with its first waiter and taken off with its last. */
  readonly #lines: Record<Kind, Map<string, Entry<W>[]>> = { shared: new Map(), whole: new Map() };
  /** How far each owner has got: the one that is behind has its turn. */
  readonly #passes = new Map<string, number>();
  /** Where the last one served was; newcomers start here. */
  #pass = 0;

  constructor(priority: number) {
    this.priority = priority;
  }

  get isEmpty(): boolean {
    return this.#lines.shared.size + this.#lines.whole.size === 0;
  }

  add(entry: Entry<W>): void {
    const { kind, owner, nth } = entry.waiter;
    const line = this.#lines[kind].get(owner);
    if (!line) this.#lines[kind].set(owner, [entry]);
    else {
      // Who comes back has kept its place.
      const behind = line.findLastIndex(({ waiter }) => waiter.nth < nth);
      line.splice(behind + 1, 0, entry);
    }
  }

  remove(entry: Entry<W>): void {
    const lines = this.#lines[entry.waiter.kind];
    const line = lines.get(entry.waiter.owner) ?? [];
    line.splice(line.indexOf(entry), 1);
    if (line.length === 0) lines.delete(entry.waiter.owner);
  }

  /** The one of these kinds that came first. */
  oldest(kinds: readonly Kind[]): W | undefined {
    let oldest: W | undefined;
    for (const { waiter } of this.#heads(kinds)) if (!oldest || waiter.nth < oldest.nth) oldest = waiter;
    return oldest;
  }

  /** The one of these kinds whose turn it is. */
  next(kinds: readonly Kind[]): Entry<W> | undefined {
    let next: Entry<W> | undefined;
    for (const head of this.#heads(kinds)) {
      if (!next || this.#isBefore(head.waiter, next.waiter)) next = head;
    }
    return next;
  }

  /** It was its turn. */
  served({ owner, weight }: W): void {
    this.#pass = this.#passOf(owner);
    this.#passes.set(owner, this.#pass + 1 / weight);
    if (this.#passes.size <= REMEMBERED) return;
    for (const [one, pass] of this.#passes) {
      const waits = this.#lines.shared.has(one) || this.#lines.whole.has(one);
      if (pass <= this.#pass && !waits) this.#passes.delete(one);
    }
  }

  *entries(): Generator<Entry<W>> {
    for (const lines of Object.values(this.#lines)) for (const line of lines.values()) yield* line;
  }

  copy(): Tier<W> {
    const copy = new Tier<W>(this.priority);
    for (const entry of this.entries()) copy.add(entry);
    for (const [owner, pass] of this.#passes) copy.#passes.set(owner, pass);
    copy.#pass = this.#pass;
    return copy;
  }

  *#heads(kinds: readonly Kind[]): Generator<Entry<W>> {
    for (const kind of kinds) for (const [first] of this.#lines[kind].values()) if (first) yield first;
  }

  #isBefore(one: W, other: W): boolean {
    const ahead = this.#passOf(one.owner) - this.#passOf(other.owner);
    return one.owner === other.owner || ahead === 0 ? one.nth < other.nth : ahead < 0;
  }

  #passOf(owner: string): number {
    return Math.max(this.#passes.get(owner) ?? 0, this.#pass);
  }
}

const everyKind: readonly Kind[] = ['shared', 'whole'];

/**
 * The order in which those who wait are served: first the priority whose longest waiting one is the most urgent, where each
 * `aging` of waiting counts as one priority more; within it owners take turns by weight.
 */
export class FairQueue<W extends Waiter> {
  readonly #policy: FairPolicy;
  /** Made with the first waiter of a priority, and kept with its turns. */
  readonly #tiers = new Map<number, Tier<W>>();
  #length = 0;

  constructor(policy: FairPolicy) {
    this.#policy = policy;
  }

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** How many p-queue may believe to be there: none while there is nothing for any of them. */
  get size(): number {
    return this.#length > 0 && this.#best(this.#fitting()) ? this.#length : 0;
  }

  enqueue(run: RunFunction, { id = '', waiter }: Partial<WaiterOptions<W>> = {}): void {
    if (!waiter) throw new TypeError('FairQueue takes only who has a waiter.');
    this.#tierOf(waiter).add({ id, run, waiter });
    this.#length++;
  }

  /** One is served who need not wait: it was its turn all the same. */
  passed(waiter: W): void {
    this.#tierOf(waiter).served(waiter);
  }

  dequeue(): RunFunction | undefined {
    return this.#serve(this.#fitting())?.run;
  }

  remove(id: string): void {
    for (const tier of this.#tiers.values()) {
      for (const entry of tier.entries()) {
        if (entry.id !== id) continue;
        tier.remove(entry);
        this.#length--;
        return;
      }
    }
  }

  /** For p-queue only, which asks how many of one priority wait. */
  filter({ priority }: Readonly<Partial<WaiterOptions<W>>>): RunFunction[] {
    const tier = priority === undefined ? undefined : this.#tiers.get(priority);
    return [...(tier?.entries() ?? [])].map(({ run }) => run);
  }

  setPriority(): void {
    throw new Error('A priority is given once, on arrival.');
  }

  /** Those who wait, in the order in which they would be served if there were a place for each; at most `limit`. */
  inOrder(limit: number): W[] {
    const copy = new FairQueue<W>(this.#policy);
    for (const [priority, tier] of this.#tiers) copy.#tiers.set(priority, tier.copy());
    const order: W[] = [];
    while (order.length < limit) {
      const best = copy.#serve(everyKind);
      if (!best) break;
      order.push(best.waiter);
    }
    return order;
  }

  /** The one that is to be served next, whether or not it can be. */
  front(): W | undefined {
    return this.#length === 0 ? undefined : this.#best(everyKind)?.next(everyKind)?.waiter;
  }

  /** When the one who waits longest came; undefined with nobody. */
  get oldest(): number | undefined {
    const all = [...this.#tiers.values()].map((tier) => tier.oldest(everyKind)?.since ?? Infinity);
    return this.#length === 0 ? undefined : Math.min(...all);
  }

  #tierOf({ priority }: W): Tier<W> {
    let tier = this.#tiers.get(priority);
    if (!tier) this.#tiers.set(priority, (tier = new Tier(priority)));
    return tier;
  }

  #serve(kinds: readonly Kind[]): Entry<W> | undefined {
    const tier = this.#best(kinds);
    const entry = tier?.next(kinds);
    if (!tier || !entry) return undefined;
    tier.remove(entry);
    tier.served(entry.waiter);
    this.#length--;
    return entry;
  }

  #fitting(): Kind[] {
    return everyKind.filter((kind) => this.#policy.fits(kind));
  }

  /** The priority whose turn it is. */
  #best(kinds: readonly Kind[]): Tier<W> | undefined {
    let best: { tier: Tier<W>; urgency: number; nth: number } | undefined;
    for (const tier of this.#tiers.values()) {
      const oldest = tier.oldest(kinds);
      if (!oldest) continue;
      const { since, nth } = oldest;
      const urgency = tier.priority + Math.floor((this.#policy.now() - since) / this.#policy.aging());
      const isFirst = !best || urgency > best.urgency || (urgency === best.urgency && nth < best.nth);
      if (isFirst) best = { tier, urgency, nth };
    }
    return best?.tier;
  }
}
