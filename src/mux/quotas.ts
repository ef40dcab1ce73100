import { CdpmuxError } from '../errors.js';
import type { Tenant } from '../virtual/tenant.js';

/** How much one tenant may hold at once; without a number there is no limit of its own. */
export interface Quota {
  /** Virtual browsers that are open, or wait for a place. */
  readonly maxVirtual?: number;
  /** Those of them that wait. */
  readonly maxQueued?: number;
}

/** What one tenant holds. */
export interface Held {
  /** Open, or about to be; those that wait count. */
  readonly virtual: number;
  readonly waiting: number;
}

/** A virtual browser in the count: it waits or not, and leaves once. */
export interface Entry {
  /** It has its place. */
  placed(): void;
  left(): void;
}

const NOTHING: Held = { virtual: 0, waiting: 0 };

/** Counts what each tenant holds, and refuses what is over its quota. */
export class Quotas {
  /** Added with a tenant's first virtual browser, taken off with its last. */
  readonly #held = new Map<string, Held>();

  of(name: string): Held {
    return this.#held.get(name) ?? NOTHING;
  }

  /** Counts one more; throws OVER_QUOTA with the limit, its value and how to raise it. */
  enter({ name }: Tenant, quota: Quota, mustWait: boolean): Entry {
    const { virtual, waiting } = this.of(name);
    if (virtual >= (quota.maxVirtual ?? Infinity)) {
      throw over(name, 'maxVirtual', quota.maxVirtual, `${virtual} virtual browsers are open or wait`);
    }
    if (mustWait && waiting >= (quota.maxQueued ?? Infinity)) {
      throw over(
        name,
        'maxQueued',
        quota.maxQueued,
        `all places are taken and ${waiting} of its clients wait`,
      );
    }
    this.#add(name, 1, mustWait ? 1 : 0);
    let state: 'waiting' | 'placed' | 'left' = mustWait ? 'waiting' : 'placed';
    return {
      placed: () => {
        if (state !== 'waiting') return;
        state = 'placed';
        this.#add(name, 0, -1);
      },
      left: () => {
        if (state === 'left') return;
        this.#add(name, -1, state === 'waiting' ? -1 : 0);
        state = 'left';
      },
    };
  }

  #add(name: string, virtual: number, waiting: number): void {
    const before = this.of(name);
    const now = { virtual: before.virtual + virtual, waiting: before.waiting + waiting };
    if (now.virtual === 0) this.#held.delete(name);
    else this.#held.set(name, now);
  }
}

function over(name: string, limit: keyof Quota, value: number | undefined, now: string): CdpmuxError {
  const message = `The token ${name} has reached its ${limit}, which is ${value}: ${now}. Close one, or raise ${limit} of this token in auth.tokens.`;
  return new CdpmuxError('OVER_QUOTA', message, { details: { limit, value: String(value) } });
}
