import type { Fleet } from './fleet.js';
import type { Keeper } from './keeper.js';
import type { Slot } from './slot.js';

/** What those may order who watch resources from outside of the pool; orders about one that is gone do nothing. */
export class Upkeep<R> {
  readonly #fleet: Pick<Fleet<R, never>, 'slots' | 'bar' | 'unbar'>;
  readonly #keeper: Pick<Keeper<R, never>, 'replaceStale'>;

  constructor(
    fleet: Pick<Fleet<R, never>, 'slots' | 'bar' | 'unbar'>,
    keeper: Pick<Keeper<R, never>, 'replaceStale'>,
  ) {
    this.#fleet = fleet;
    this.#keeper = keeper;
  }

  /** Gives a resource nobody new until `unbar`; where too few are left another one is made. `by` is whose bar it is. */
  bar(resource: R, by: string, reason: string): void {
    const slot = this.#find(resource);
    if (slot) this.#fleet.bar(slot, by, reason);
  }

  unbar(resource: R, by: string): void {
    const slot = this.#find(resource);
    if (slot) this.#fleet.unbar(slot, by);
  }

  /** Replaces a resource, its successor first; who is on it stays until it has drained. */
  replace(resource: R, reason: string): void {
    const slot = this.#find(resource);
    if (!slot || slot.exclusive) return;
    slot.stale = reason;
    this.#keeper.replaceStale();
  }

  #find(resource: R): Slot<R> | undefined {
    return this.#fleet.slots.find((slot) => slot.resource === resource);
  }
}
