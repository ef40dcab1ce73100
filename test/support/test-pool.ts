import { jest } from '@jest/globals';
import type { Factory, PoolOptions } from '../../src/pool/options.js';
import { Pool, type Lease, type Wish } from '../../src/pool/pool.js';
import type { Supply } from '../../src/pool/slot.js';
import { EventFeed } from '../../src/telemetry/event-feed.js';

/** A launch that the test decides about. */
export interface Launch {
  readonly name: string;
  succeed(): void;
  fail(error: Error): void;
}

/** Makes names; a test says when each launch ends, and how. */
export class TestFactory implements Factory<string, string> {
  readonly launches: Launch[] = [];
  readonly closed: string[] = [];
  readonly #immediately: boolean;

  constructor(immediately: boolean) {
    this.#immediately = immediately;
  }

  /** Resources whose holders were told to go, with the reason. */
  readonly evicted: [string, string][] = [];
  /** What those asked for who wanted a whole one, with its name. */
  readonly whole: [string, string][] = [];
  /** How loaded each is beside its leases. */
  readonly loads = new Map<string, number>();

  load(resource: string): number {
    return this.loads.get(resource) ?? 0;
  }

  evict(resource: string, reason: string): void {
    this.evicted.push([resource, reason]);
  }

  create(_supply: Supply, _id: string, whole?: string): Promise<string> {
    const name = `r${this.launches.length + 1}`;
    return new Promise((resolve, reject) => {
      const launch = { name, succeed: () => resolve(name), fail: reject };
      this.launches.push(launch);
      if (whole !== undefined) this.whole.push([name, whole]);
      if (this.#immediately) launch.succeed();
    });
  }

  close(resource: string): Promise<void> {
    this.closed.push(resource);
    return Promise.resolve();
  }
}

/** Sizes and waits that a test changes what it needs of; nothing is replaced or made in advance by itself. */
export const sizes = {
  min: 0,
  max: 2,
  perResource: 2,
  maxWaiting: 3,
  timeout: 1_000,
  aging: 10_000,
  freeShare: 0,
  idleTimeout: 1e9,
  drainTimeout: 60_000,
  maxUses: 1e9,
  maxAge: 1e9,
};

/** The pool's options of sizes. */
export function optionsOf({ min, max, ...rest }: typeof sizes): PoolOptions {
  return { ...rest, supplies: [{ name: 'made', min, max, exclusive: true }] };
}

/** The signal of a client that stays. */
export const never = new AbortController().signal;

/** What a client wants: a place, as long as it takes, like everybody else. */
export function wish(wanted: Partial<Wish<string>> = {}): Wish<string> {
  return { signal: never, priority: 0, owner: 'someone', weight: 1, ...wanted };
}

/** A pool of names with its factory. */
export function poolOf(options: Partial<typeof sizes> = {}, immediately = true) {
  const factory = new TestFactory(immediately);
  const feed = new EventFeed();
  let last = 0;
  const around = { factory, name: '', feed, nextId: () => `s${++last}`, random: () => 0 };
  return { factory, feed, pool: new Pool<string, string>(around, optionsOf({ ...sizes, ...options })) };
}

/** Lets all that is already decided come through. */
export const settle = (): Promise<unknown> => jest.advanceTimersByTimeAsync(0);

/** What became of a promise so far: its lease's resource, its error's code or message, or nothing yet. */
export function watch(acquiring: Promise<Lease<string>>): { outcome: string | undefined } {
  const watched: { outcome: string | undefined } = { outcome: undefined };
  acquiring.then(
    ({ resource }) => (watched.outcome = resource),
    (error: Error & { code?: string }) => (watched.outcome = error.code ?? error.message),
  );
  return watched;
}

/** Takes every place there is. */
export async function fill(pool: Pool<string, string>, places: number): Promise<Lease<string>[]> {
  return Promise.all(Array.from({ length: places }, () => pool.acquire(wish())));
}
