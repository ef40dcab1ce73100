import { CdpmuxError } from '../errors.js';
import type { Tenant } from '../virtual/tenant.js';

/** What may come at once after a pause: so many ms of the steady rate. */
const COMMAND_BURST = 250;
/** Sums of fractions of a ms miss the whole by less, ms. */
const TOLERANCE = 1e-6;

/**
 * So many per second, and some at once after a pause: a token bucket that is one number, the time at which what was
 * taken so far would have been taken at the steady rate.
 */
export class RateLimit {
  /** Ms for each. */
  readonly #each: number;
  /** What may be taken ahead of time, ms. */
  readonly #burst: number;
  #due = 0;

  /** After a pause, what comes in `burst` ms may come at once; one may always. */
  constructor(perSecond: number, burst: number) {
    this.#each = 1_000 / perSecond;
    this.#burst = Math.max(burst, this.#each);
  }

  /** Takes `count` whether they are there or not, and gives the ms to wait before taking more; `now` in ms. */
  take(now: number, count: number): number {
    this.#due = Math.max(this.#due, now) + count * this.#each;
    return this.wait(now);
  }

  /** Takes one if it is there; otherwise gives the ms until it is, and takes nothing. */
  tryTake(now: number): number {
    const due = Math.max(this.#due, now) + this.#each;
    if (due - now > this.#burst + TOLERANCE) return due - now - this.#burst;
    this.#due = due;
    return 0;
  }

  /** How long to wait before taking more, ms. */
  wait(now: number): number {
    return Math.max(0, this.#due - now - this.#burst);
  }
}

/** `auto` lets those of this machine do as they like, and holds strangers to a rate. */
export type PerSecond = number | 'auto';

/** One rate limit for each tenant, whose clients share it; there are as many tenants as tokens. */
export class TenantRates {
  #setting: PerSecond;
  readonly #ofStrangers: number;
  readonly #limits = new Map<string, RateLimit>();

  constructor(setting: PerSecond, ofStrangers: number) {
    this.#setting = setting;
    this.#ofStrangers = ofStrangers;
  }

  /** Another setting, for clients that come from now on. */
  reconfigure(setting: PerSecond): void {
    if (setting === this.#setting) return;
    this.#setting = setting;
    this.#limits.clear();
  }

  /** What may come per second from a tenant; 0 for no limit. */
  perSecond({ trust }: Tenant): number {
    if (this.#setting !== 'auto') return this.#setting;
    return trust === 'tenant' ? this.#ofStrangers : 0;
  }

  /** The limit of a tenant; undefined for none. */
  of(tenant: Tenant): RateLimit | undefined {
    const perSecond = this.perSecond(tenant);
    if (perSecond === 0) return undefined;
    const known = this.#limits.get(tenant.name);
    if (known) return known;
    const limit = new RateLimit(perSecond, COMMAND_BURST);
    this.#limits.set(tenant.name, limit);
    return limit;
  }

  /** Counts one request over HTTP; throws LIMIT when it is one too many. */
  countRequest(tenant: Tenant): void {
    const wait = this.of(tenant)?.tryTake(performance.now()) ?? 0;
    if (wait === 0) return;
    const message = `More than ${this.perSecond(tenant)} requests and commands per second (limits.commandsPerSecond); come again in ${Math.ceil(wait)} ms.`;
    throw new CdpmuxError('LIMIT', message, { details: { retryAfter: String(Math.ceil(wait / 1_000)) } });
  }
}
