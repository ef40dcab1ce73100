import { LRUCache } from 'lru-cache';
import { CdpmuxError, RateLimit, type PerSecond, type Tenant } from '../../src/index.js';

/** What `limits.upgradesPerSecond` is for strangers where it is `auto`. */
const STRANGERS_RATE = 50;
/** How many tenants and addresses are kept in mind; one that is forgotten begins anew. */
const REMEMBERED = 10_000;
/** What may come at once: a second's worth, as of clients that start together. */
const BURST = 1_000;

/** So many upgrades per second for each tenant, or, where nobody needs a token, for each address they come from. */
export class UpgradeRate {
  readonly #setting: PerSecond;
  readonly #limits = new LRUCache<string, RateLimit>({ max: REMEMBERED });

  constructor(setting: PerSecond) {
    this.#setting = setting;
  }

  /** Counts one upgrade; throws LIMIT when it is one too many. */
  check({ name, trust }: Tenant, address: string | undefined): void {
    const perSecond = this.#setting === 'auto' ? (trust === 'tenant' ? STRANGERS_RATE : 0) : this.#setting;
    if (perSecond === 0) return;
    const key = name === '' ? `address ${address ?? ''}` : `token ${name}`;
    let limit = this.#limits.get(key);
    if (!limit) this.#limits.set(key, (limit = new RateLimit(perSecond, BURST)));
    const wait = limit.tryTake(performance.now());
    if (wait === 0) return;
    const retryAfter = String(Math.ceil(wait / 1000));
    const message = `Too many upgrades from the ${key}: ${perSecond} per second; come again in ${retryAfter} s, or raise limits.upgradesPerSecond.`;
    const details = { limit: 'limits.upgradesPerSecond', value: String(perSecond), retryAfter };
    throw new CdpmuxError('LIMIT', message, { details });
  }
}
