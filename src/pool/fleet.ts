import { CdpmuxError } from '../errors.js';
import { Backoff } from './backoff.js';
import type { PoolSurroundings } from './options.js';
import { Slot, type Supply, type SupplyState } from './slot.js';

/** How long a lost resource may take to end, ms. */
const REAP_DEADLINE = 2_000;
/** How long a broken one is shown, ms. */
const BROKEN_SHOWN = 30_000;
/** What is lost sooner than this after its launch counts as a failed launch, or a resource that dies at once would be launched without end, ms. */
const TOO_SOON = 10_000;

/** The resources of a pool: launches them, keeps as many as there must be, and sees each of them to its end. */
export class Fleet<R, W> {
  readonly #around: PoolSurroundings<R, W>;
  readonly #onChange: () => void;
  #supplies: SupplyState[];
  /** Added when a launch begins; taken off when its resource is closed, or at the next launch when it is broken. */
  readonly #slots = new Map<string, Slot<R>>();
  readonly #closing = new Set<Promise<void>>();
  #retry: NodeJS.Timeout | undefined;
  #state: 'open' | 'closing' = 'open';

  /** `onChange` is called whenever there may be room where there was none. */
  constructor(around: PoolSurroundings<R, W>, supplies: readonly Supply[], onChange: () => void) {
    this.#around = around;
    this.#onChange = onChange;
    this.#supplies = supplies.map((supply) => ({ supply, backoff: new Backoff(around.random) }));
  }

  get slots(): Slot<R>[] {
    return [...this.#slots.values()];
  }

  get supplies(): readonly SupplyState[] {
    return this.#supplies;
  }

  /** Other sizes from now on; a supply keeps its slots by its name. */
  resize(supplies: readonly Supply[]): void {
    const known = new Map(this.#supplies.map((one) => [one.supply.name, one]));
    this.#supplies = supplies.map((supply) => {
      const state = known.get(supply.name);
      return state ? Object.assign(state, { supply }) : { supply, backoff: new Backoff(this.#around.random) };
    });
    for (const slot of this.slots) {
      if (!this.#supplies.includes(slot.from)) slot.stale ??= 'it is not in the configuration any more';
    }
    this.refill();
  }

  /** Makes those that are always there; rejects with the first failure when none comes. */
  async start(): Promise<void> {
    const started = this.#launchMissing();
    const failures = (await Promise.allSettled(started.map((slot) => ready(slot)))).filter(
      (one) => one.status === 'rejected',
    );
    if (failures[0] && failures.length === started.length) throw failures[0].reason;
  }

  find(id: string): Slot<R> {
    const slot = this.#slots.get(id);
    if (slot) return slot;
    throw new CdpmuxError('NOT_FOUND', `No browser has the id ${id}.`);
  }

  /** Whether a supply is still in the configuration. */
  isCurrent(from: SupplyState): boolean {
    return this.#supplies.includes(from);
  }

  /** Those of a supply that count towards its most. */
  count({ supply }: SupplyState): number {
    return this.slots.filter((slot) => slot.from.supply.name === supply.name && slot.counts).length;
  }

  /** Whether one more may be made; `surge` more than there may be are allowed for successors. */
  mayLaunch(from: SupplyState, surge = 0): boolean {
    if (this.#state === 'closing' || !this.isCurrent(from)) return false;
    if (from.backoff.remaining(performance.now()) > 0) return false;
    return this.count(from) < from.supply.max + surge;
  }

  launch(from: SupplyState, whole?: W): Slot<R> {
    for (const slot of this.slots) {
      if (slot.from === from && slot.state.kind === 'broken') this.#remove(slot);
    }
    const id = this.#around.nextId();
    const { factory } = this.#around;
    const made = factory.create(from.supply, id, whole);
    const slot: Slot<R> = new Slot<R>(
      {
        id,
        from,
        exclusive: whole !== undefined,
        ready: made.then((resource) => this.#onReady(slot, resource)),
      },
      performance.now(),
    );
    this.#slots.set(id, slot);
    this.#tell('info', 'launching', slot, 'A browser is started');
    ready(slot).catch((error: unknown) => this.#onFailed(slot, error as Error));
    return slot;
  }

  /** Launches what is missing of the smallest number, now or when it may be tried again. */
  refill(): void {
    if (this.#state === 'closing') return;
    this.#launchMissing();
    clearTimeout(this.#retry);
    const waits = this.#supplies
      .map(({ backoff }) => backoff.remaining(performance.now()))
      .filter((wait) => wait > 0);
    if (waits.length === 0) return;
    this.#retry = setTimeout(
      () => {
        this.refill();
        this.#onChange();
      },
      Math.ceil(Math.min(...waits)),
    );
    this.#retry.unref();
  }

  /** A resource is no more: its leases are void, and its place is free. */
  lost(resource: R, reason: string): void {
    const slot = this.slots.find((one) => one.resource === resource);
    if (!slot) return;
    const age = performance.now() - slot.launchedAt;
    this.#tell('warn', 'lost', slot, `A browser was lost: ${reason}`);
    slot.move({ kind: 'broken', reason }, performance.now());
    const { backoff } = slot.from;
    if (age < TOO_SOON) backoff.diedSoon(new CdpmuxError('BROWSER_LOST', reason), performance.now());
    this.#close(slot, resource, REAP_DEADLINE, () => undefined);
    this.refill();
    this.#onChange();
  }

  cordon(slot: Slot<R>, reason: string): void {
    if (slot.state.kind === 'cordoned') return;
    const resource = mustHave(slot, 'cordoned');
    slot.move({ kind: 'cordoned', resource, reason }, performance.now());
    this.#tell('info', 'cordoned', slot, `A browser takes nobody new: ${reason}`);
  }

  uncordon(slot: Slot<R>): void {
    if (slot.state.kind === 'ready') return;
    slot.move({ kind: 'ready', resource: mustHave(slot, 'uncordoned') }, performance.now());
    this.#tell('info', 'uncordoned', slot, 'A browser takes new clients again');
    this.#onChange();
  }

  /** Keeps newcomers from it, beside an operator's cordon and without touching that; `by` is whose bar it is. */
  bar(slot: Slot<R>, by: string, reason: string): void {
    const isNew = !slot.isBarred;
    slot.bars.set(by, reason);
    if (!isNew) return;
    this.refill();
    this.#onChange();
  }

  /** Takes one's own bar away. */
  unbar(slot: Slot<R>, by: string): void {
    if (slot.bars.delete(by) && !slot.isBarred) this.#onChange();
  }

  /** Takes nobody new, and is closed with its last lease or after `within` ms. */
  drain(slot: Slot<R>, reason: string, within: number): void {
    if (slot.state.kind === 'draining') return;
    const resource = mustHave(slot, 'drained');
    const now = performance.now();
    slot.move({ kind: 'draining', resource, reason, deadline: now + within }, now);
    this.#tell('info', 'draining', slot, `A browser is drained: ${reason}`);
    if (slot.used === 0) this.closeIfDrained(slot);
    else {
      this.refill();
      this.#onChange();
    }
  }

  /** Ends the leases of what had time enough to drain. */
  evictLate(): void {
    for (const slot of this.slots) {
      const { state } = slot;
      if (state.kind !== 'draining' || slot.used === 0 || performance.now() < state.deadline) continue;
      this.#tell(
        'warn',
        'evicted',
        slot,
        `${slot.used} clients of a drained browser had to go: ${state.reason}`,
      );
      this.#around.factory.evict(state.resource, state.reason);
    }
  }

  /** A resource that has stayed for long enough makes its supply trusted again. */
  settle(): void {
    for (const { state, launchedAt, from } of this.slots) {
      if (state.kind === 'ready' && performance.now() - launchedAt >= TOO_SOON)
        from.backoff.settled(launchedAt);
    }
  }

  /** Forgets what is broken and was told of long enough, unless a successor is still to be tried. */
  forgetBroken(): void {
    const now = performance.now();
    for (const slot of this.slots) {
      const isOver = now - slot.since > BROKEN_SHOWN && slot.from.backoff.remaining(now) === 0;
      if (slot.state.kind === 'broken' && isOver) this.#remove(slot);
    }
  }

  /** To be called when a lease was given back. */
  closeIfDrained(slot: Slot<R>): void {
    if (slot.state.kind !== 'draining' || slot.used > 0) return;
    const { resource, reason } = slot.state;
    slot.move({ kind: 'gone' }, performance.now());
    const what = slot.stale === undefined ? 'closed' : 'recycled';
    this.#tell('info', what, slot, `A browser is closed: ${reason}`);
    this.#close(slot, resource, REAP_DEADLINE, () => this.#remove(slot));
    this.refill();
    this.#onChange();
  }

  /** Makes nothing new, closes everything; what is being launched is closed as it arrives. */
  async close(deadline: number): Promise<void> {
    this.#state = 'closing';
    clearTimeout(this.#retry);
    for (const slot of this.slots) {
      const { resource } = slot;
      if (resource === undefined) {
        if (slot.state.kind === 'launching') this.#closing.add(this.#closeNewcomer(slot, deadline));
        continue;
      }
      slot.move({ kind: 'gone' }, performance.now());
      this.#close(slot, resource, deadline, () => this.#remove(slot));
    }
    await Promise.all(this.#closing);
    this.#slots.clear();
  }

  async #closeNewcomer(slot: Slot<R>, deadline: number): Promise<void> {
    const resource = await ready(slot).catch(() => undefined);
    if (resource === undefined) return;
    slot.move({ kind: 'gone' }, performance.now());
    await this.#around.factory.close(resource, deadline).catch(() => undefined);
  }

  #close(slot: Slot<R>, resource: R, deadline: number, done: () => void): void {
    const closed = this.#around.factory
      .close(resource, deadline)
      // What would not end stays for the next start's sweep; other browsers' clients have nothing to do with it.
      .catch((error: unknown) => this.#tell('warn', 'stuck', slot, (error as Error).message))
      .then(() => {
        this.#closing.delete(closed);
        done();
      });
    this.#closing.add(closed);
  }

  #launchMissing(): Slot<R>[] {
    const launched: Slot<R>[] = [];
    for (const from of this.#supplies) {
      // Those that are leaving are replaced before they have gone; of an endpoint there is no other than the one that is unfit.
      const staying = (): Slot<R>[] =>
        this.slots.filter(
          (slot) =>
            slot.from === from &&
            slot.counts &&
            slot.state.kind !== 'draining' &&
            !(slot.isBarred && from.supply.exclusive),
        );
      const { min, max } = from.supply;
      while (
        staying().filter(({ exclusive }) => !exclusive).length < min &&
        staying().length < max &&
        this.mayLaunch(from, 1)
      ) {
        launched.push(this.launch(from));
      }
    }
    return launched;
  }

  #onReady(slot: Slot<R>, resource: R): R {
    slot.from.backoff.succeeded();
    const now = performance.now();
    const took = Math.round(now - slot.launchedAt);
    slot.idleSince = now;
    slot.move({ kind: 'ready', resource }, now);
    this.#tell('info', 'ready', slot, `A browser is ready after ${took} ms`);
    queueMicrotask(() => {
      // The one it was made for went while it was launched.
      if (slot.exclusive && slot.used === 0 && slot.state.kind === 'ready') {
        this.drain(slot, 'its client has gone', 0);
      } else this.#onChange();
    });
    return resource;
  }

  #onFailed(slot: Slot<R>, error: Error): void {
    slot.from.backoff.failed(error, performance.now());
    slot.move({ kind: 'broken', reason: error.message }, performance.now());
    this.#tell('warn', 'launch-failed', slot, `A browser did not start: ${error.message}`);
    this.refill();
    this.#onChange();
  }

  #remove(slot: Slot<R>): void {
    this.#slots.delete(slot.id);
  }

  #tell(level: 'info' | 'warn', what: string, { id, from }: Slot<R>, message: string): void {
    const { feed, name } = this.#around;
    feed.emit(level, `browser.${what}`, message, { browser: id, pool: name, supply: from.supply.name });
  }
}

/** The resource of a slot, once it is launched. */
export function ready<R>({ state }: Slot<R>): Promise<R> {
  if (state.kind === 'launching') return state.ready;
  if ('resource' in state) return Promise.resolve(state.resource);
  return Promise.reject(new CdpmuxError('BROWSER_LOST', 'The browser was lost; connect again.'));
}

function mustHave<R>(slot: Slot<R>, what: string): R {
  if (slot.resource !== undefined) return slot.resource;
  const message = `The browser ${slot.id} is ${slot.state.kind} and can't be ${what} now.`;
  throw new CdpmuxError('CONFLICT', message);
}
