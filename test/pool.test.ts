import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fill, poolOf, settle, watch, wish } from './support/test-pool.js';

describe('a pool', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] }));
  afterEach(() => void jest.useRealTimers());

  it('makes its smallest number at start, and no more', async () => {
    const { factory, pool } = poolOf({ min: 2, max: 5 });
    await pool.start();
    expect(factory.launches).toHaveLength(2);
    expect(pool.resources).toEqual(['r1', 'r2']);
    expect(pool.leased).toBe(0);
  });

  it('rejects the start with what the first launch failed of', async () => {
    const { factory, pool } = poolOf({ min: 1 }, false);
    const started = expect(pool.start()).rejects.toThrow('no Chrome here');
    factory.launches[0]!.fail(new Error('no Chrome here'));
    await started;
    expect(pool.resources).toEqual([]);
  });

  it('fills a resource before it makes another, and uses the emptiest of those that are there', async () => {
    const { factory, pool } = poolOf();
    const leases = await fill(pool, 3);
    expect(leases.map(({ resource }) => resource)).toEqual(['r1', 'r1', 'r2']);
    leases[0]!.release();
    leases[1]!.release();
    await settle();
    expect((await pool.acquire(wish())).resource).toBe('r1');
    expect(factory.launches).toHaveLength(2);
  });

  it('gives the places of one launch to all who came while it was under way', async () => {
    const { factory, pool } = poolOf({ max: 1 }, false);
    const both = Promise.all([pool.acquire(wish()), pool.acquire(wish())]);
    factory.launches[0]!.succeed();
    expect((await both).map(({ resource }) => resource)).toEqual(['r1', 'r1']);
    expect(factory.launches).toHaveLength(1);
  });

  it('serves those who wait in the order in which they came', async () => {
    const { pool } = poolOf();
    const leases = await fill(pool, 4);
    const served: number[] = [];
    for (const nth of [1, 2, 3]) void pool.acquire(wish()).then(() => served.push(nth));
    expect(pool.waiting).toBe(3);
    for (const lease of leases.slice(0, 3)) {
      lease.release();
      await settle();
    }
    expect(served).toEqual([1, 2, 3]);
    expect(pool.waiting).toBe(0);
  });

  it('serves the more urgent first, and equals in order', async () => {
    const { pool } = poolOf({ maxWaiting: 4 });
    const leases = await fill(pool, 4);
    const served: string[] = [];
    const come = (name: string, priority: number): void =>
      void pool.acquire(wish({ priority })).then(() => served.push(name));
    come('normal 1', 1);
    come('low', 0);
    come('critical', 3);
    come('normal 2', 1);
    for (const lease of leases) {
      lease.release();
      await settle();
    }
    expect(served).toEqual(['critical', 'normal 1', 'normal 2', 'low']);
  });

  it('refuses at once when as many wait as may', async () => {
    const { pool } = poolOf();
    await fill(pool, 4);
    const waiting = [1, 2, 3].map(() => watch(pool.acquire(wish())));
    await expect(pool.acquire(wish())).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(waiting.map(({ outcome }) => outcome)).toEqual([undefined, undefined, undefined]);
  });

  it('lets one who does not want to wait in when there is a place, and refuses it when there is none', async () => {
    const { pool } = poolOf();
    const leases = await Promise.all([1, 2, 3, 4].map(() => pool.acquire(wish({ timeout: 0 }))));
    await expect(pool.acquire(wish({ timeout: 0 }))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    leases[0]!.release();
    await settle();
    await expect(pool.acquire(wish({ timeout: 0 }))).resolves.toMatchObject({ resource: 'r1' });
  });

  it('lets one who does not want to wait have the launch that it needs', async () => {
    const { factory, pool } = poolOf({}, false);
    const first = watch(pool.acquire(wish({ timeout: 0 })));
    await jest.advanceTimersByTimeAsync(900);
    expect(first.outcome).toBeUndefined();
    factory.launches[0]!.succeed();
    await settle();
    expect(first.outcome).toBe('r1');
  });

  it('rejects whoever waits when the deadline passes, not before, and nobody else', async () => {
    const { pool } = poolOf();
    await fill(pool, 4);
    const short = watch(pool.acquire(wish({ timeout: 300 })));
    const long = watch(pool.acquire(wish()));
    await jest.advanceTimersByTimeAsync(299);
    expect(short.outcome).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    expect(short.outcome).toBe('QUEUE_TIMEOUT');
    expect(pool.waiting).toBe(1);
    await jest.advanceTimersByTimeAsync(700);
    expect(long.outcome).toBe('QUEUE_TIMEOUT');
    expect(pool.waiting).toBe(0);
  });

  it('forgets one who goes while it waits, and gives the place to the next', async () => {
    const { pool } = poolOf();
    const leases = await fill(pool, 4);
    const gone = new AbortController();
    const first = watch(pool.acquire(wish({ signal: gone.signal })));
    const second = watch(pool.acquire(wish()));
    gone.abort();
    await settle();
    expect(first.outcome).toBe('ABORTED');
    leases[0]!.release();
    await settle();
    expect(second.outcome).toBe('r1');
  });

  it('takes nobody who has gone before it came, and no place for it', async () => {
    const { factory, pool } = poolOf();
    await expect(pool.acquire(wish({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'ABORTED',
    });
    expect(pool.leased).toBe(0);
    expect(factory.launches).toHaveLength(0);
  });

  it('lets all wait on who waited for a launch that failed, before those who came later', async () => {
    const { factory, pool } = poolOf({ max: 1 }, false);
    const both = [watch(pool.acquire(wish())), watch(pool.acquire(wish()))];
    const third = watch(pool.acquire(wish()));
    factory.launches[0]!.fail(new Error('does not start'));
    await settle();
    expect(pool.waiting).toBe(3);
    expect(factory.launches).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(250);
    factory.launches[1]!.succeed();
    await settle();
    expect(both.map(({ outcome }) => outcome)).toEqual(['r2', 'r2']);
    expect(third.outcome).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(third.outcome).toBe('QUEUE_TIMEOUT');
  });

  it('tells at once what launches fail of, when several have failed in a row', async () => {
    const { factory, pool } = poolOf({ max: 1, timeout: 60_000 }, false);
    const waiting = watch(pool.acquire(wish()));
    for (const [nth, wait] of [250, 500, 1_000].entries()) {
      factory.launches[nth]!.fail(new Error('does not start'));
      await settle();
      expect(waiting.outcome).toBe(nth < 2 ? undefined : 'LAUNCH_FAILED');
      if (nth < 2) await jest.advanceTimersByTimeAsync(wait);
    }
    const refusal = { code: 'LAUNCH_FAILED', message: 'does not start', details: { retryAfter: '1' } };
    await expect(pool.acquire(wish())).rejects.toMatchObject(refusal);
    expect(pool.waiting).toBe(0);
    await jest.advanceTimersByTimeAsync(1_000);
    const next = watch(pool.acquire(wish()));
    factory.launches[3]!.succeed();
    await settle();
    expect(next.outcome).toBe('r4');
  });

  it('lets wait who comes while resources keep dying that do start', async () => {
    const { pool } = poolOf({ max: 1, timeout: 60_000 });
    for (let n = 1; n <= 5; n++) {
      const coming = watch(pool.acquire(wish()));
      await jest.advanceTimersByTimeAsync(9_000);
      expect(coming.outcome).toBe(`r${n}`);
      pool.lost(`r${n}`, 'it died');
    }
    await pool.close(0);
  });

  it('counts a launch into the time that one waits, but for one who does not want to wait', async () => {
    const { factory, pool } = poolOf({ max: 1, timeout: 1_000 }, false);
    const short = watch(pool.acquire(wish({ timeout: 300 })));
    const none = watch(pool.acquire(wish({ timeout: 0 })));
    const long = watch(pool.acquire(wish({ timeout: 99_999 })));
    await jest.advanceTimersByTimeAsync(300);
    expect([short.outcome, none.outcome, long.outcome]).toEqual(['QUEUE_TIMEOUT', undefined, undefined]);
    factory.launches[0]!.succeed();
    await settle();
    expect([none.outcome, long.outcome]).toEqual(['r1', 'r1']);
    // no longer than the pool allows
    const late = watch(pool.acquire(wish({ timeout: 99_999 })));
    await jest.advanceTimersByTimeAsync(1_000);
    expect(late.outcome).toBe('QUEUE_TIMEOUT');
  });

  it('replaces a lost resource down to its smallest number, and gives nobody the lost one', async () => {
    const { factory, pool } = poolOf({ min: 1 });
    await pool.start();
    const lease = await pool.acquire(wish());
    pool.lost('r1', 'it died');
    await settle();
    expect(pool.resources).toEqual(['r2']);
    expect((await pool.acquire(wish())).resource).toBe('r2');
    expect(pool.leased).toBe(1);
    lease.release();
    await settle();
    expect(pool.leased).toBe(1);
    expect(factory.launches).toHaveLength(2);
  });

  it('tries a successor again, ever more seldom, until it comes', async () => {
    const { factory, pool } = poolOf({ min: 1 }, false);
    const started = pool.start();
    factory.launches[0]!.succeed();
    await started;
    pool.lost('r1', 'it died');
    await settle();
    factory.launches[1]!.fail(new Error('does not start'));
    await jest.advanceTimersByTimeAsync(249);
    expect(factory.launches).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(1);
    factory.launches[2]!.fail(new Error('does not start'));
    await jest.advanceTimersByTimeAsync(499);
    expect(factory.launches).toHaveLength(3);
    await jest.advanceTimersByTimeAsync(1);
    factory.launches[3]!.succeed();
    await settle();
    expect(pool.resources).toEqual(['r4']);
  });

  it('leaves no timer behind when it closes while a successor is to be tried again', async () => {
    const { factory, pool } = poolOf({ min: 1 }, false);
    const started = pool.start();
    factory.launches[0]!.succeed();
    await started;
    pool.lost('r1', 'it died');
    await settle();
    factory.launches[1]!.fail(new Error('does not start'));
    await settle();
    expect(jest.getTimerCount()).toBe(2);
    await pool.close(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('makes another for who waits as soon as one is lost, and takes what its leases give back for nothing', async () => {
    const { pool } = poolOf({ max: 1 });
    const leases = await fill(pool, 2);
    const waiting = watch(pool.acquire(wish()));
    pool.lost('r1', 'it died');
    await settle();
    expect(waiting.outcome).toBe('r2');
    for (const lease of leases) lease.release();
    await settle();
    expect(pool.leased).toBe(1);
    expect(pool.available).toBe(1);
  });

  it('frees a place once, however often its lease is released', async () => {
    const { pool } = poolOf({ max: 1 });
    const leases = await fill(pool, 2);
    const waiting = [watch(pool.acquire(wish())), watch(pool.acquire(wish()))];
    leases[0]!.release();
    leases[0]!.release();
    await settle();
    leases[0]!.release();
    await settle();
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['r1', undefined]);
    expect(pool.leased).toBe(2);
  });

  it('closes every resource, and takes nobody afterwards', async () => {
    const { factory, pool } = poolOf();
    await fill(pool, 3);
    await pool.close(100);
    expect(factory.closed.sort()).toEqual(['r1', 'r2']);
    await expect(pool.acquire(wish())).rejects.toMatchObject({ code: 'CLOSING' });
    expect(pool.resources).toEqual([]);
  });

  it('tells those who wait when it closes', async () => {
    const { pool } = poolOf();
    await fill(pool, 4);
    const waiting = [watch(pool.acquire(wish())), watch(pool.acquire(wish()))];
    await pool.close(100);
    await settle();
    expect(waiting.map(({ outcome }) => outcome)).toEqual(['CLOSING', 'CLOSING']);
    expect(pool.waiting).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('closes a resource that arrives while it closes, and gives it to nobody', async () => {
    const { factory, pool } = poolOf({}, false);
    const acquiring = watch(pool.acquire(wish()));
    const closing = pool.close(100);
    await settle();
    expect(factory.closed).toEqual([]);
    factory.launches[0]!.succeed();
    await closing;
    await settle();
    expect(factory.closed).toEqual(['r1']);
    expect(acquiring.outcome).toBe('CLOSING');
  });

  it('makes no successor for what is lost while it closes', async () => {
    const { factory, pool } = poolOf({ min: 1 });
    await pool.start();
    const closing = pool.close(100);
    pool.lost('r1', 'it died');
    await closing;
    expect(factory.launches).toHaveLength(1);
  });

  it('leaves no timer behind', async () => {
    const { pool } = poolOf();
    const leases = await fill(pool, 4);
    const last = pool.acquire(wish());
    leases[0]!.release();
    (await last).release();
    expect(jest.getTimerCount()).toBe(0);
  });
});
