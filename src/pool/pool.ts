import PQueue from 'p-queue';
import { CdpmuxError } from '../errors.js';
import { FairQueue, type Kind, type Waiter, type WaiterOptions } from './fair-queue.js';
import { Fleet, ready } from './fleet.js';
import { Keeper } from './keeper.js';
import type { PoolOptions, PoolSurroundings } from './options.js';
import { Places, type PlaceWish } from './places.js';
import { closing, untilAborted, wentAway } from './refusals.js';
import { ServiceRate } from './service-rate.js';
import type { Slot, SupplyState } from './slot.js';
import { Upkeep } from './upkeep.js';

/** How often the fleet is looked after, ms. */
const LOOK_INTERVAL = 1_000;

/** After so many failed launches in a row those who come are told at once. */
const HOPELESS = 3;

/** What one who comes wants. */
export interface Wish<W> extends PlaceWish<W> {
  /** Aborted when it goes away. */
  readonly signal: AbortSignal;
  /** Longest wait, ms; 0 does not wait. */
  readonly timeout?: number | undefined;
  readonly priority: number;
  readonly owner: string;
  readonly weight: number;
}

/** A place on a resource; given back once. */
export interface Lease<R> {
  readonly resource: R;
  /** The id of its slot. */
  readonly slot: string;
  /** How long it was waited for a place, without the launch, ms. */
  readonly waited: number;
  /** Whether its resource had to be launched for it. */
  readonly launched: boolean;
  release(): void;
}

/** One who waits, with what it waits for. */
export interface Waiting<W> extends Waiter {
  readonly wish: Wish<W>;
}

/** Hands out places on a bounded number of resources, or whole ones; the rest wait in a fair order, with a deadline. */
export class Pool<R, W = never> {
  readonly #line: FairQueue<Waiting<W>>;
  readonly #queue: PQueue<FairQueue<Waiting<W>>, WaiterOptions<Waiting<W>> & { signal?: AbortSignal }>;
  /** For those who look after resources from outside. */
  readonly upkeep: Upkeep<R>;
  readonly #fleet: Fleet<R, W>;
  readonly #keeper: Keeper<R, W>;
  readonly #rate = new ServiceRate();
  readonly #places: Places<R, W>;
  /** Who waits: added when one comes, taken off when its turn comes or it gives up. */
  readonly #waits = new Set<AbortController>();
  /** How many have come. */
  #arrivals = 0;
  #options: PoolOptions;
  #state: 'open' | 'paused' | 'closing' = 'open';
  #look: NodeJS.Timeout | undefined;

  constructor(around: PoolSurroundings<R, W>, options: PoolOptions) {
    this.#options = options;
    const line = new FairQueue<Waiting<W>>({
      fits: (kind) => this.#fits(kind),
      aging: () => this.#options.aging,
      now: () => performance.now(),
    });
    this.#line = line;
    // p-queue makes its queue itself
    const queueClass = function theLine() {
      return line;
    } as unknown as new () => FairQueue<Waiting<W>>;
    this.#queue = new PQueue({ concurrency: Infinity, queueClass });
    this.#fleet = new Fleet(around, options.supplies, () => this.#onChange());
    this.#places = new Places(this.#fleet, () => this.#options, around);
    this.#keeper = new Keeper(this.#fleet, () => this.#options, around.random);
    this.upkeep = new Upkeep(this.#fleet, this.#keeper);
  }

  /** Makes the resources that are always there; rejects with the first failure when none comes. */
  async start(): Promise<void> {
    this.#look = setInterval(() => this.#keeper.look(), LOOK_INTERVAL).unref();
    await this.#fleet.start();
  }

  get slots(): Slot<R>[] {
    return this.#fleet.slots;
  }

  /** Those that are there, whether or not they take new clients. */
  get resources(): R[] {
    return this.slots.flatMap(({ resource }) => (resource === undefined ? [] : [resource]));
  }

  get supplies(): readonly SupplyState[] {
    return this.#fleet.supplies;
  }

  /** Whether one more may be launched now. */
  get mayLaunch(): boolean {
    return this.supplies.some((from) => this.#fleet.mayLaunch(from));
  }

  get waiting(): number {
    return this.#line.length;
  }

  get paused(): boolean {
    return this.#state === 'paused';
  }

  /** How long the one has waited who waits longest, ms. */
  get maxwait(): number {
    const { oldest } = this.#line;
    return oldest === undefined ? 0 : performance.now() - oldest;
  }

  /** Places in use. */
  get leased(): number {
    return this.slots.reduce((sum, { used }) => sum + used, 0);
  }

  /** Resources that could take one more. */
  get available(): number {
    return this.slots.filter((slot) => slot.state.kind === 'ready' && this.#places.hasRoom(slot)).length;
  }

  /** When one who comes now would be served if it had to wait, s. */
  get retryAfter(): number {
    return this.#rate.retryAfter(this.waiting, performance.now());
  }

  /** Those who wait, in the order in which they would be served. */
  inOrder(limit: number): Waiting<W>[] {
    return this.#line.inOrder(limit);
  }

  /** Whether one with this wish would have to wait. */
  mustWait(wish: PlaceWish<W>): boolean {
    return !this.#fits(kindOf(wish));
  }

  /**
   * A place, at once or after waiting at most `timeout` ms. Rejects with QUEUE_FULL, QUEUE_TIMEOUT, ABORTED, CLOSING, or with what
   * the launch failed of.
   */
  async acquire(wish: Wish<W>): Promise<Lease<R>> {
    if (this.#state === 'closing') throw closing();
    if (wish.whole !== undefined && !this.#fleet.supplies.some(({ supply }) => supply.exclusive)) {
      const message =
        'This pool has no Chrome that it could launch: there are remote ones only, which are never given away whole.';
      throw new CdpmuxError('BAD_PARAMETER', message, { details: { parameter: 'mode' } });
    }
    const timeout = Math.min(wish.timeout ?? Infinity, this.#options.timeout);
    if (this.mustWait(wish)) {
      const failure = this.#hopeless();
      if (failure) throw failure;
      if (timeout === 0 || this.waiting >= this.#options.maxWaiting) throw this.#full();
    }
    const since = performance.now();
    const nth = ++this.#arrivals;
    // Who does not want to wait is given the launch that it needs.
    const until = since + (timeout === 0 ? this.#options.timeout : timeout);
    for (let left = timeout; ; left = Math.max(0, until - performance.now())) {
      const slot = this.#atOnce(wish, { since, nth }) ?? (await this.#wait(wish, left, { since, nth }));
      const lease = await this.#lease(slot, wish, { since, until });
      if (lease) return lease;
    }
  }

  /** A resource is no more: its leases are void, and its place is free. */
  lost(resource: R, reason: string): void {
    this.#fleet.lost(resource, reason);
  }

  cordon(id: string): void {
    this.#fleet.cordon(this.#fleet.find(id), 'ordered by an operator');
  }

  uncordon(id: string): void {
    const slot = this.#fleet.find(id);
    this.#fleet.uncordon(slot);
    slot.stale = undefined;
  }

  /** Takes nobody new, and is closed with its last client or when drainTimeout is over. */
  drain(id: string): void {
    this.#fleet.drain(this.#fleet.find(id), 'recycled by an operator', this.#options.drainTimeout);
  }

  /** The same, with a successor started first. */
  recycle(id: string, reason = 'recycled by an operator'): void {
    const slot = this.#fleet.find(id);
    if (slot.resource === undefined) {
      throw new CdpmuxError('CONFLICT', `The browser ${id} is ${slot.state.kind} and can't be recycled now.`);
    }
    slot.stale = reason;
    this.#keeper.replaceStale();
  }

  /** Replaces all resources, one after the other. */
  reconnect(): void {
    for (const slot of this.slots) if (slot.alive && !slot.exclusive) slot.stale = 'recycled by an operator';
    this.#keeper.replaceStale();
  }

  /** New ones wait until `resume`; who has a place keeps it. */
  pause(): void {
    if (this.#state === 'open') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state === 'paused') this.#state = 'open';
    this.#poke();
  }

  /** Other sizes and waits from now on; who waits keeps the deadline it came with. */
  reconfigure(options: PoolOptions): void {
    this.#options = options;
    this.#fleet.resize(options.supplies);
    this.#poke();
  }

  /** Who waits, waits no more. */
  turnAway(why: () => CdpmuxError): void {
    for (const waited of [...this.#waits]) waited.abort(why());
  }

  /** Takes nobody new, closes every resource; launches under way are closed as they arrive. */
  async close(deadline: number): Promise<void> {
    this.#state = 'closing';
    clearInterval(this.#look);
    // Clearing the queue would leave those who wait without an answer.
    this.turnAway(closing);
    await this.#fleet.close(deadline);
  }

  /** What it wants, where nobody waits and it is there: most never see the line, whose timers and promises would be the most that they wait for. */
  #atOnce(wish: Wish<W>, came: Pick<Waiter, 'since' | 'nth'>): Slot<R> | undefined {
    if (this.waiting > 0 || wish.signal.aborted || this.mustWait(wish)) return undefined;
    this.#line.passed(waiterOf(wish, came));
    return this.#take(wish);
  }

  /** Waits until it is its turn and there is what it wants, which is taken at that moment. */
  #wait(wish: Wish<W>, timeout: number, came: Pick<Waiter, 'since' | 'nth'>): Promise<Slot<R>> {
    return new Promise((resolve, reject) => {
      const { signal } = wish;
      const waited = new AbortController();
      const timer = setTimeout(() => waited.abort(this.#timedOut(timeout)), timeout);
      const abort = (): void => waited.abort(wentAway());
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
      this.#waits.add(waited);
      const arrived = (): void => {
        this.#waits.delete(waited);
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const serve = (): Promise<void> => {
        arrived();
        resolve(this.#take(wish));
        return Promise.resolve();
      };
      this.#queue
        .add(serve, {
          signal: waited.signal,
          waiter: waiterOf(wish, came),
        })
        .catch((error: unknown) => {
          arrived();
          this.#poke();
          reject(waited.signal.aborted ? (waited.signal.reason as Error) : (error as Error));
        });
      this.#hold();
    });
  }

  /** The lease of a place that was taken; undefined when its browser did not come or was lost, upon which it is to be waited again. */
  async #lease(
    slot: Slot<R>,
    wish: Wish<W>,
    { since, until }: { since: number; until: number },
  ): Promise<Lease<R> | undefined> {
    const now = performance.now();
    const how = { waited: now - since, launched: slot.uses === 1 && slot.state.kind === 'launching' };
    const late = { ms: until - now, error: () => this.#timedOut(Math.round(until - since)) };
    try {
      const { state } = slot;
      const isThere = state.kind === 'ready' && !wish.signal.aborted;
      const resource = isThere ? state.resource : await untilAborted(ready(slot), wish.signal, late);
      if (this.#state === 'closing') throw closing();
      return this.#leaseOf(slot, resource, how);
    } catch (error) {
      this.#giveBack(slot);
      if (this.#state === 'closing') throw closing();
      if (wish.signal.aborted || slot.state.kind !== 'broken') throw error;
      const failure = this.#hopeless();
      if (failure) throw failure;
      return undefined;
    }
  }

  #leaseOf(slot: Slot<R>, resource: R, how: { waited: number; launched: boolean }): Lease<R> {
    let state: 'held' | 'released' = 'held';
    const release = (): void => {
      if (state === 'released') return;
      state = 'released';
      this.#rate.count(performance.now());
      this.#giveBack(slot);
    };
    return { resource, slot: slot.id, ...how, release };
  }

  #giveBack(slot: Slot<R>): void {
    slot.used--;
    slot.idleSince = performance.now();
    // Made for one client, whose state must not get to the next.
    if (slot.exclusive && slot.used === 0 && slot.resource !== undefined) {
      this.#fleet.drain(slot, 'its client has gone', 0);
    } else this.#fleet.closeIfDrained(slot);
    this.#poke();
  }

  #fits(kind: Kind): boolean {
    return this.#state === 'open' && this.#places.fits(kind);
  }

  #take(wish: Wish<W>): Slot<R> {
    const slot = this.#places.take(wish);
    this.#hold();
    this.#keeper.grow();
    return slot;
  }

  #hold(): void {
    this.#places.hold(this.#state === 'open' && this.#line.front()?.wish.whole !== undefined);
  }

  #onChange(): void {
    this.#keeper.replaceStale();
    this.#poke();
  }

  /** There may be room: whoever it is the turn of gets it. */
  #poke(): void {
    if (this.#state === 'closing') return;
    this.#hold();
    if (this.#line.length === 0) return;
    this.#queue.concurrency = Infinity;
    this.#keeper.grow();
  }

  #full(): CdpmuxError {
    const taken = this.paused ? 'cdpmux is paused' : `All ${this.leased} places are taken`;
    const message = `${taken} and ${this.waiting} clients wait; try later, or raise browsers.max or queue.maxLength.`;
    return this.#refusal('QUEUE_FULL', message);
  }

  #timedOut(timeout: number): CdpmuxError {
    const failed = this.supplies.find(({ backoff }) => backoff.reason !== undefined)?.backoff.reason;
    const why = failed ? ` A browser did not start: ${failed.message}` : '';
    return this.#refusal(
      'QUEUE_TIMEOUT',
      `No place came free within ${timeout} ms; try later, or raise queue.timeout.${why}`,
    );
  }

  /** What launches fail of, when none is there and several have failed in a row: nobody is made to wait for that. */
  #hopeless(): CdpmuxError | undefined {
    if (this.slots.some(({ alive }) => alive)) return undefined;
    const { supplies } = this;
    const [first] = supplies;
    if (!first?.backoff.reason || supplies.some(({ backoff }) => backoff.failedLaunches < HOPELESS))
      return undefined;
    const { reason } = first.backoff;
    const waits = supplies.map(({ backoff }) => backoff.remaining(performance.now()));
    const retryAfter = String(Math.max(1, Math.ceil(Math.min(...waits) / 1_000)));
    return new CdpmuxError('LAUNCH_FAILED', reason.message, { cause: reason, details: { retryAfter } });
  }

  #refusal(code: 'QUEUE_FULL' | 'QUEUE_TIMEOUT', message: string): CdpmuxError {
    return new CdpmuxError(code, message, { details: { retryAfter: String(this.retryAfter) } });
  }
}

function waiterOf<W>(wish: Wish<W>, came: Pick<Waiter, 'since' | 'nth'>): Waiting<W> {
  const { priority, owner, weight } = wish;
  return { wish, kind: kindOf(wish), priority, owner, weight, ...came };
}

function kindOf<W>({ whole }: PlaceWish<W>): Kind {
  return whole === undefined ? 'shared' : 'whole';
}
