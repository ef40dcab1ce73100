import { LRUCache } from 'lru-cache';
import type { Kind } from './fair-queue.js';
import type { Fleet } from './fleet.js';
import type { PoolOptions, PoolSurroundings } from './options.js';
import { choose, type Load } from './placement.js';
import type { Slot, SupplyState } from './slot.js';

/** Texts of affinity that are kept in mind. */
const AFFINITIES = 10_000;

/** What one wants a place for. */
export interface PlaceWish<W> {
  /** Prefers the resource that served the same text before. */
  readonly affinity?: string | undefined;
  /** Wants a resource for itself alone. */
  readonly whole?: W | undefined;
}

/** Which slot a wish gets: where there is room, where there may be, and what is kept for whom. */
export class Places<R, W> {
  readonly #fleet: Fleet<R, W>;
  readonly #options: () => PoolOptions;
  readonly #around: PoolSurroundings<R, W>;
  /** Text to slot. */
  readonly #affinities = new LRUCache<string, Slot<R>>({ maxSize: AFFINITIES, sizeCalculation: () => 1 });
  /** Kept from new clients until it is idle, for one who wants a whole one. */
  #held: Slot<R> | undefined;

  constructor(fleet: Fleet<R, W>, options: () => PoolOptions, around: PoolSurroundings<R, W>) {
    this.#fleet = fleet;
    this.#options = options;
    this.#around = around;
  }

  /** Whether there is a place of this kind, or may be made at once. */
  fits(kind: Kind): boolean {
    if (kind === 'whole') return this.#supplyFor(kind) !== undefined;
    return this.#fleet.slots.some((slot) => this.hasRoom(slot)) || this.#supplyFor(kind) !== undefined;
  }

  hasRoom(slot: Slot<R>): boolean {
    const { kind } = slot.state;
    return (
      (kind === 'ready' || kind === 'launching') &&
      !slot.exclusive &&
      !slot.isBarred &&
      slot.tooHeavy === undefined &&
      slot !== this.#held &&
      slot.used < this.#options().perResource
    );
  }

  /** Where one more may be launched; for a whole one an idle slot makes room. */
  #supplyFor(kind: Kind): SupplyState | undefined {
    return this.#fleet.supplies.find((from) => {
      if (this.#fleet.mayLaunch(from)) return kind === 'shared' || from.supply.exclusive;
      if (kind === 'shared' || !from.supply.exclusive || !this.#fleet.mayLaunch(from, 1)) return false;
      return this.#idle(from) !== undefined;
    });
  }

  #idle(from: SupplyState): Slot<R> | undefined {
    return this.#fleet.slots.find(
      (slot) => slot.from === from && slot.used === 0 && !slot.exclusive && slot.state.kind === 'ready',
    );
  }

  /** Takes a place; there must be one. */
  take(wish: PlaceWish<W>): Slot<R> {
    const slot = wish.whole === undefined ? this.#shared(wish) : this.#whole(wish.whole);
    slot.used++;
    slot.uses++;
    if (wish.affinity !== undefined && !slot.exclusive) this.#affinities.set(wish.affinity, slot);
    return slot;
  }

  #shared({ affinity }: PlaceWish<W>): Slot<R> {
    const before = affinity === undefined ? undefined : this.#affinities.get(affinity);
    if (before && before.state.kind === 'ready' && this.hasRoom(before)) return before;
    const open = this.#fleet.slots.filter((slot) => this.hasRoom(slot));
    // One that is there is better than one that is still launching.
    const there = open.filter(({ state }) => state.kind === 'ready');
    const chosen = choose(there.length > 0 ? there : open, (slot) => this.#loadOf(slot), this.#around.random);
    return chosen ?? this.#fleet.launch(mustBeThere(this.#supplyFor('shared')));
  }

  #whole(whole: W): Slot<R> {
    const from = mustBeThere(this.#supplyFor('whole'));
    const room = this.#fleet.mayLaunch(from)
      ? undefined
      : mustBeThere(this.#held?.used === 0 ? this.#held : this.#idle(from));
    const slot = this.#fleet.launch(from, whole);
    if (room) {
      this.#held = undefined;
      this.#fleet.drain(room, 'makes room for a client that wants a whole browser', 0);
    }
    return slot;
  }

  #loadOf(slot: Slot<R>): Load {
    const other = slot.resource === undefined ? 0 : this.#around.factory.load(slot.resource);
    return { places: slot.used / this.#options().perResource, other };
  }

  /**
   * Keeps the least used resource where `isWanted`, for one at the front who wants a whole one: others would take each place that
   * comes free. Gives it back otherwise.
   */
  hold(isWanted: boolean): void {
    if (!isWanted) this.#held = undefined;
    else if (this.#held?.state.kind !== 'ready') {
      const candidates = this.#fleet.slots.filter(
        (slot) =>
          slot.state.kind === 'ready' && !slot.isBarred && !slot.exclusive && slot.from.supply.exclusive,
      );
      this.#held = candidates.sort((a, b) => a.used - b.used)[0];
    }
  }
}

function mustBeThere<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('a place was promised that is not there');
  return found;
}
