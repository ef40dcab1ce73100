import type { VirtualLimits } from './limits.js';

/** What is counted for a virtual browser as a whole. */
export type Countable = 'targets' | 'contexts' | 'sessions';

/** What one client has asked for: `expected` is not there yet, `arrived` is there and not answered yet. */
interface Claim {
  expected: number;
  arrived: number;
}

/**
 * Counts what a virtual browser has, and what its clients have asked for and not got yet: a thousand commands in one
 * write are all looked at before Chrome has answered the first.
 */
export class Quota {
  readonly #limits: VirtualLimits;
  readonly #have: Record<Countable, number> = { targets: 0, contexts: 0, sessions: 0 };
  /** By client; added by `reserve`, taken off by `forget` when the client has gone. */
  readonly #claims: Record<Countable, Map<object, Claim>> = {
    targets: new Map(),
    contexts: new Map(),
    sessions: new Map(),
  };

  constructor(limits: VirtualLimits) {
    this.#limits = limits;
  }

  limit(kind: Countable): number {
    return this.#limits[kind];
  }

  /** There now, and about to be. */
  count(kind: Countable): number {
    let count = this.#have[kind];
    for (const { expected } of this.#claims[kind].values()) count += expected;
    return count;
  }

  isFull(kind: Countable): boolean {
    return this.count(kind) >= this.#limits[kind];
  }

  /** A client's command for one more is on its way. */
  reserve(kind: Countable, client: object): void {
    const claim = this.#claims[kind].get(client);
    if (claim) claim.expected++;
    else this.#claims[kind].set(client, { expected: 1, arrived: 0 });
  }

  /** That command was answered, in whatever way. */
  settle(kind: Countable, client: object): void {
    const claim = this.#claims[kind].get(client);
    if (!claim) return;
    if (claim.arrived > 0) claim.arrived--;
    else claim.expected--;
  }

  /** One more is there; false when it is one too many, which nobody reserved a place for. */
  added(kind: Countable): boolean {
    this.#have[kind]++;
    for (const claim of this.#claims[kind].values()) {
      if (claim.expected === 0) continue;
      // Its event comes before the answer: it must not count twice until then.
      claim.expected--;
      claim.arrived++;
      return true;
    }
    return this.count(kind) <= this.#limits[kind];
  }

  removed(kind: Countable): void {
    this.#have[kind]--;
  }

  /** A client has gone, and what it asked for will not be answered. */
  forget(client: object): void {
    for (const claims of Object.values(this.#claims)) claims.delete(client);
  }
}
