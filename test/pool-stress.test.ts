import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Lease } from '../src/pool/pool.js';
import { poolOf, wish } from './support/test-pool.js';

describe('a pool', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] }));
  afterEach(() => void jest.useRealTimers());

  it.each([1, 2, 3])('keeps its promises in any order of things (seed %i)', async (seed) => {
    const random = randomOf(seed);
    const { factory, pool } = poolOf({ min: 1, max: 3, perResource: 3, maxWaiting: 5 }, false);
    const live = new Map<string, number>();
    const held: Lease<string>[] = [];
    let undecided = 0;
    let asked = 0;
    let decided = 0;
    const codes = new Set<string>();
    const ask = (): void => {
      const leaving = new AbortController();
      asked++;
      undecided++;
      const timeout = Math.floor(random() * 50);
      const priority = Math.floor(random() * 4);
      pool.acquire(wish({ signal: leaving.signal, timeout, priority })).then(
        (lease) => {
          undecided--;
          decided++;
          held.push(lease);
          live.set(lease.resource, (live.get(lease.resource) ?? 0) + 1);
        },
        (error: Error & { code?: string }) => {
          undecided--;
          decided++;
          codes.add(error.code ?? error.message);
        },
      );
      if (random() < 0.1) leaving.abort();
    };
    const giveBack = (): void => {
      const [lease] = held.splice(Math.floor(random() * held.length), 1);
      if (!lease) return;
      live.set(lease.resource, live.get(lease.resource)! - 1);
      lease.release();
    };
    let launchesDecided = 0;
    const decideLaunch = (): void => {
      const launch = factory.launches[launchesDecided];
      if (!launch) return;
      launchesDecided++;
      if (random() < 0.2) launch.fail(new Error('does not start'));
      else launch.succeed();
    };
    const lose = (): void => {
      const resource = pool.resources[Math.floor(random() * pool.resources.length)];
      if (resource === undefined) return;
      pool.lost(resource, 'it died');
      // whoever is on it ends, as virtual browsers do
      for (const lease of held.filter((one) => one.resource === resource)) {
        held.splice(held.indexOf(lease), 1);
        lease.release();
      }
      live.delete(resource);
    };
    const steps = [ask, ask, ask, ask, giveBack, giveBack, decideLaunch, decideLaunch];
    for (let step = 0; step < 1_000; step++) {
      if (random() < 0.03) lose();
      else steps[Math.floor(random() * steps.length)]!();
      if (random() < 0.5) await jest.advanceTimersByTimeAsync(Math.floor(random() * 20));
      expect(Math.max(0, ...live.values())).toBeLessThanOrEqual(3);
      expect(pool.leased).toBeLessThanOrEqual(9);
      expect(pool.waiting).toBeLessThanOrEqual(5);
      expect(pool.resources.length).toBeLessThanOrEqual(3);
    }
    while (launchesDecided < factory.launches.length || undecided > 0 || held.length > 0) {
      decideLaunch();
      giveBack();
      await jest.advanceTimersByTimeAsync(10);
    }
    expect(decided).toBe(asked);
    const known = ['ABORTED', 'QUEUE_FULL', 'QUEUE_TIMEOUT', 'LAUNCH_FAILED'];
    expect([...codes].filter((code) => !known.includes(code))).toEqual([]);
    expect([...codes]).toEqual(expect.arrayContaining(['ABORTED', 'QUEUE_FULL', 'QUEUE_TIMEOUT']));
    expect(pool.leased).toBe(0);
    await pool.close(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});

/** The same numbers from 0 to 1 for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
