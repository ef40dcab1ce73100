import type { EventFeed } from '../telemetry/event-feed.js';
import type { Supply } from './slot.js';

/** What the pool holds; made, judged and closed by whoever knows what it is. `W` is what one who wants a whole resource asks for. */
export interface Factory<R, W> {
  /** Makes one from a supply; `whole` is given where it is for one client alone. */
  create(supply: Supply, id: string, whole?: W): Promise<R>;
  /** Ends within about `deadline` ms; what is lost is closed, too. */
  close(resource: R, deadline: number): Promise<void>;
  /** What weighs on it beside its leases, 0..1. */
  load(resource: R): number;
  /** Makes all leases on it end, whose holders are told the reason. */
  evict(resource: R, reason: string): void;
}

/** Sizes and waits of a pool; all of them may change while it runs. Times are in ms. */
export interface PoolOptions {
  readonly supplies: readonly Supply[];
  /** Leases that one resource can carry. */
  readonly perResource: number;
  readonly maxWaiting: number;
  /** Longest wait for a place. */
  readonly timeout: number;
  /** Waiting so long counts as one priority more. */
  readonly aging: number;
  /** With a smaller share of free places than this, one more resource is made before it is asked for. */
  readonly freeShare: number;
  /** A resource that nobody used for so long is closed, unless it is one of the smallest number. */
  readonly idleTimeout: number;
  /** How long those who are on a resource that is to go may stay. */
  readonly drainTimeout: number;
  /** After so many leases, and at this age, a resource is replaced. */
  readonly maxUses: number;
  readonly maxAge: number;
}

/** What a pool works with. */
export interface PoolSurroundings<R, W> {
  readonly factory: Factory<R, W>;
  /** Its name in events; '' for the one without. */
  readonly name: string;
  readonly feed: EventFeed;
  /** Ids of slots, unlike those of any other pool. */
  readonly nextId: () => string;
  /** 0 to below 1. */
  readonly random: () => number;
}
