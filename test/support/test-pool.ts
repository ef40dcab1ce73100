import { jest } from '@jest/globals';
import { Pool, type Factory, type Lease, type PoolOptions } from '../../src/pool/pool.js';

/** A launch that the test decides about. */
export interface Launch {
  readonly name: string;
  succeed(): void;
  fail(error: Error): void;
}

/** Makes names; a test says when each launch ends, and how. */
export class TestFactory implements Factory<string> {
  readonly launches: Launch[] = [];
  readonly closed: string[] = [];
  readonly #immediately: boolean;

  constructor(immediately: boolean) {
    this.#immediately = immediately;
  }

  create(): Promise<string> {
    const name = `r${this.launches.length + 1}`;
    return new Promise((resolve, reject) => {
      const launch = { name, succeed: () => resolve(name), fail: reject };
      this.launches.push(launch);
      if (this.#immediately) launch.succeed();
    });
  }

  close(resource: string): Promise<void> {
    this.closed.push(resource);
    return Promise.resolve();
  }
}

/** Sizes that a test changes what it needs of. */
export const sizes: PoolOptions = { min: 0, max: 2, perResource: 2, maxWaiting: 3, timeout: 1_000 };
/** The signal of a client that stays. */
export const never = new AbortController().signal;

/** A pool of names with its factory. */
export function poolOf(options: Partial<PoolOptions> = {}, immediately = true) {
  const factory = new TestFactory(immediately);
  return { factory, pool: new Pool<string>(factory, { ...sizes, ...options }) };
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
export async function fill(pool: Pool<string>, places: number): Promise<Lease<string>[]> {
  return Promise.all(Array.from({ length: places }, () => pool.acquire(never)));
}
