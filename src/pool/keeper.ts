import type { Fleet } from './fleet.js';
import { isScarce } from './placement.js';
import type { PoolOptions } from './options.js';
import type { Slot } from './slot.js';

/** Of the age at which a resource is replaced, up to so much is left to chance, or those launched together would go together. */
const AGE_SPREAD = 0.1;

/** Looks after the fleet now and then: grows and shrinks it, and replaces what is old. */
export class Keeper<R, W> {
  readonly #fleet: Fleet<R, W>;
  readonly #options: () => PoolOptions;
  readonly #random: () => number;
  /** When each slot is too old; made at the first look, gone with the slot. */
  readonly #oldAt = new WeakMap<Slot<R>, number>();
  /** Stale slots with the successors that are launched for them. */
  readonly #successors = new Map<Slot<R>, Slot<R>>();

  constructor(fleet: Fleet<R, W>, options: () => PoolOptions, random: () => number) {
    this.#fleet = fleet;
    this.#options = options;
    this.#random = random;
  }

  /** One look; cheap enough for every second. */
  look(): void {
    this.#fleet.evictLate();
    this.#fleet.settle();
    this.#fleet.forgetBroken();
    this.#markStale();
    this.replaceStale();
    this.#shrink();
    this.grow();
  }

  /** Makes one more where few places are free. */
  grow(): void {
    const { freeShare, perResource } = this.#options();
    const open = this.#open();
    const total = open.length * perResource;
    const free = open.reduce((sum, { used }) => sum + perResource - used, 0);
    if (!isScarce(free, total, freeShare) && !this.#areAllHeavy()) return;
    const from = this.#fleet.supplies.find((one) => this.#fleet.mayLaunch(one));
    if (from) this.#fleet.launch(from);
  }

  /** Whether all that there are take nobody new because of what they hold: whoever comes would wait for a launch. */
  #areAllHeavy(): boolean {
    const shared = this.#fleet.slots.filter(({ alive, exclusive }) => alive && !exclusive);
    return shared.length > 0 && shared.every(({ tooHeavy }) => tooHeavy !== undefined);
  }

  /** Drains what is stale, the least used first; where its places are needed, a successor is there before. */
  replaceStale(): void {
    const stale = this.#fleet.slots.filter(isReplaceable).sort((a, b) => a.used - b.used);
    for (const slot of stale) {
      const successor = this.#successors.get(slot);
      if (!this.#isNeeded(slot) || successor?.state.kind === 'ready') this.#drain(slot);
      else if (!successor?.alive && !this.#isStarting() && this.#fleet.mayLaunch(slot.from, 1)) {
        this.#successors.set(slot, this.#fleet.launch(slot.from));
      }
    }
  }

  #drain(slot: Slot<R>): void {
    this.#successors.delete(slot);
    this.#fleet.drain(slot, slot.stale ?? 'recycled', this.#options().drainTimeout);
  }

  #markStale(): void {
    const { maxUses, maxAge } = this.#options();
    const now = performance.now();
    for (const slot of this.#fleet.slots) {
      if (slot.state.kind !== 'ready' || slot.exclusive || slot.stale !== undefined) continue;
      if (slot.uses >= maxUses) slot.stale = `it has served ${slot.uses} clients (browsers.maxUses)`;
      else if (now >= this.#oldAtOf(slot, maxAge)) slot.stale = `it is ${maxAge} ms old (browsers.maxAge)`;
    }
    for (const slot of this.#successors.keys()) {
      if (!isReplaceable(slot)) this.#successors.delete(slot);
    }
  }

  #oldAtOf(slot: Slot<R>, maxAge: number): number {
    let at = this.#oldAt.get(slot);
    if (at === undefined) {
      at = slot.launchedAt + maxAge * (1 - AGE_SPREAD * this.#random());
      this.#oldAt.set(slot, at);
    }
    return at;
  }

  /** Whether its places would be missed. */
  #isNeeded(slot: Slot<R>): boolean {
    if (slot.exclusive || !this.#fleet.isCurrent(slot.from)) return false;
    const { freeShare, perResource } = this.#options();
    const others = this.#open().filter((one) => one !== slot && one.state.kind === 'ready');
    if (others.filter(({ from }) => from === slot.from).length < slot.from.supply.min) return true;
    const free = others.reduce((sum, { used }) => sum + perResource - used, 0);
    // Who is on it goes on elsewhere when coming back.
    return free < slot.used || isScarce(free - slot.used, others.length * perResource, freeShare);
  }

  #shrink(): void {
    const now = performance.now();
    const { idleTimeout } = this.#options();
    for (const slot of this.#fleet.slots) {
      const isIdle = slot.state.kind === 'ready' && slot.used === 0 && now - slot.idleSince >= idleTimeout;
      if (isIdle && !this.#isSuccessor(slot) && !this.#isNeeded(slot))
        this.#fleet.drain(slot, 'nobody uses it', 0);
    }
  }

  /** One after the other, or a pool that is replaced would be there twice. */
  #isStarting(): boolean {
    return [...this.#successors.values()].some(({ state }) => state.kind === 'launching');
  }

  #isSuccessor(slot: Slot<R>): boolean {
    return [...this.#successors.values()].includes(slot);
  }

  /** Those that take new clients, or will. */
  #open(): Slot<R>[] {
    return this.#fleet.slots.filter(
      ({ state, exclusive, isBarred, tooHeavy }) =>
        !exclusive &&
        !isBarred &&
        tooHeavy === undefined &&
        (state.kind === 'launching' || state.kind === 'ready'),
    );
  }
}

function isReplaceable<R>({ stale, state }: Slot<R>): boolean {
  return stale !== undefined && (state.kind === 'ready' || state.kind === 'cordoned');
}
