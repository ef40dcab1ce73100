import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { fill, optionsOf, poolOf, settle, sizes, watch, wish } from './support/test-pool.js';

const second = 1_000;

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] }));
afterEach(() => void jest.useRealTimers());

/** What each slot of a pool is. */
const states = (pool: ReturnType<typeof poolOf>['pool']): Record<string, string> =>
  Object.fromEntries(pool.slots.map(({ id, state }) => [id, state.kind]));

describe('a browser that is to go', () => {
  it('takes nobody while it is cordoned, and who is there stays', async () => {
    const { pool } = poolOf({ min: 1, max: 1 });
    await pool.start();
    const lease = await pool.acquire(wish());
    pool.cordon('s1');
    const waiting = watch(pool.acquire(wish()));
    await settle();
    expect(waiting.outcome).toBeUndefined();
    expect(pool.resources).toEqual(['r1']);
    pool.uncordon('s1');
    await settle();
    expect(waiting.outcome).toBe('r1');
    lease.release();
    await pool.close(0);
  });

  it('is drained with its last client, and replaced down to the smallest number', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1 });
    await pool.start();
    const lease = await pool.acquire(wish());
    pool.drain('s1');
    // its successor is there before it has gone
    expect(states(pool)).toEqual({ s1: 'draining', s2: 'launching' });
    expect((await pool.acquire(wish())).resource).toBe('r2');
    expect(factory.closed).toEqual([]);
    lease.release();
    await settle();
    expect(factory.closed).toEqual(['r1']);
    await pool.close(0);
  });

  it('tells those who are still there when its time to drain is over, and is closed when they have gone', async () => {
    const { factory, pool } = poolOf({ max: 1, drainTimeout: 5 * second });
    await pool.start();
    const lease = await pool.acquire(wish());
    pool.drain('s1');
    await jest.advanceTimersByTimeAsync(4 * second);
    expect(factory.evicted).toEqual([]);
    await jest.advanceTimersByTimeAsync(2 * second);
    expect(factory.evicted[0]).toEqual(['r1', 'recycled by an operator']);
    lease.release();
    await settle();
    expect(factory.closed).toEqual(['r1']);
    await pool.close(0);
  });

  it('is recycled only when its successor is there, though no more than that may be', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1 }, false);
    const started = pool.start();
    factory.launches[0]!.succeed();
    await started;
    await pool.acquire(wish());
    pool.recycle('s1');
    expect(states(pool)).toEqual({ s1: 'ready', s2: 'launching' });
    factory.launches[1]!.succeed();
    await settle();
    expect(states(pool)).toEqual({ s1: 'draining', s2: 'ready' });
    expect((await pool.acquire(wish())).resource).toBe('r2');
    await pool.close(0);
  });

  it('stays when its successor does not start, which is tried again', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1 }, false);
    const started = pool.start();
    factory.launches[0]!.succeed();
    await started;
    pool.recycle('s1');
    factory.launches[1]!.fail(new Error('does not start'));
    await settle();
    expect(pool.resources).toEqual(['r1']);
    expect((await pool.acquire(wish())).resource).toBe('r1');
    await jest.advanceTimersByTimeAsync(2 * second);
    factory.launches[2]!.succeed();
    await settle();
    expect(states(pool)).toMatchObject({ s1: 'draining', s3: 'ready' });
    await pool.close(0);
  });

  it('is replaced after its uses and at its age, and nobody has to wait', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1, maxUses: 2 });
    await pool.start();
    for (let n = 0; n < 2; n++) (await pool.acquire(wish())).release();
    await jest.advanceTimersByTimeAsync(second);
    expect(factory.closed).toEqual(['r1']);
    expect((await pool.acquire(wish())).resource).toBe('r2');
    pool.reconfigure(optionsOf({ ...sizes, min: 1, max: 1, maxAge: 60 * second }));
    await jest.advanceTimersByTimeAsync(62 * second);
    expect(factory.launches).toHaveLength(3);
    expect(pool.resources).toContain('r3');
    await pool.close(0);
  });

  it('goes one after the other when all are replaced', async () => {
    const { factory, pool } = poolOf({ min: 2, max: 2 }, false);
    const started = pool.start();
    for (const launch of factory.launches) launch.succeed();
    await started;
    const leases = await fill(pool, 4);
    pool.reconnect();
    await jest.advanceTimersByTimeAsync(second);
    expect(factory.launches).toHaveLength(3);
    factory.launches[2]!.succeed();
    await settle();
    await jest.advanceTimersByTimeAsync(second);
    // one more than there may be, and no second one before the first has gone
    expect(factory.launches).toHaveLength(3);
    for (const lease of leases) lease.release();
    await jest.advanceTimersByTimeAsync(second);
    factory.launches[3]!.succeed();
    await jest.advanceTimersByTimeAsync(second);
    expect([...factory.closed].sort()).toEqual(['r1', 'r2']);
    expect([...pool.resources].sort()).toEqual(['r3', 'r4']);
    await pool.close(0);
  });

  it('says what can not be done, and of which there is none', async () => {
    const { factory, pool } = poolOf({ max: 1 }, false);
    void pool.acquire(wish()).catch(() => undefined);
    for (const order of ['cordon', 'drain', 'recycle'] as const) {
      expect(() => pool[order]('s1')).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
      expect(() => pool[order]('s9')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
    }
    factory.launches[0]!.succeed();
    await settle();
    pool.drain('s1');
    expect(() => pool.uncordon('s1')).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
    await pool.close(0);
  });
});

describe('a browser that is broken', () => {
  it('is shown for a while, and forgotten though no successor is needed', async () => {
    const { pool } = poolOf({ min: 1, max: 2, perResource: 1 });
    await pool.start();
    const [one, two] = await fill(pool, 2);
    for (const lease of [one!, two!]) {
      pool.lost(lease.resource, 'it died');
      lease.release();
    }
    const kinds = (): string[] => Object.values(states(pool)).sort();
    await jest.advanceTimersByTimeAsync(5 * second);
    pool.lost(pool.resources[0]!, 'it died again');
    await jest.advanceTimersByTimeAsync(5 * second);
    const again = await pool.acquire(wish());
    const second_ = await pool.acquire(wish());
    pool.lost(second_.resource, 'it died, and nobody needs another');
    second_.release();
    expect(kinds()).toEqual(['broken', 'ready']);
    await jest.advanceTimersByTimeAsync(40 * second);
    expect(kinds()).toEqual(['ready']);
    again.release();
    await pool.close(0);
  });

  it('is tried again ever more seldom though another one has been well for long', async () => {
    const { factory, pool } = poolOf({ min: 2, max: 2 }, false);
    const started = pool.start();
    factory.launches[0]!.succeed();
    factory.launches[1]!.succeed();
    await started;
    await jest.advanceTimersByTimeAsync(20 * second);
    pool.lost('r2', 'it died');
    for (let n = 2; n < 7; n++) {
      factory.launches[n]!.fail(new Error('does not start'));
      // 250, 500, 1000, 2000 and 4000 ms
      await jest.advanceTimersByTimeAsync(250 * 2 ** (n - 2) - 1);
      expect(factory.launches).toHaveLength(n + 1);
      await jest.advanceTimersByTimeAsync(1);
      expect(factory.launches).toHaveLength(n + 2);
    }
    factory.launches[7]!.succeed();
    await pool.close(0);
  });
});

describe('a supply that is not in the configuration any more', () => {
  it('is used until its clients have gone, and makes nothing more', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1 });
    await pool.start();
    const lease = await pool.acquire(wish());
    const supply = { name: 'other', min: 1, max: 1, exclusive: false };
    pool.reconfigure({ ...optionsOf(sizes), supplies: [supply] });
    await jest.advanceTimersByTimeAsync(3 * second);
    expect(states(pool)).toEqual({ s1: 'draining', s2: 'ready' });
    lease.release();
    await jest.advanceTimersByTimeAsync(3 * second);
    expect(factory.closed).toEqual(['r1']);
    expect(factory.launches).toHaveLength(2);
    await pool.close(0);
  });
});

describe('how many there are', () => {
  it('makes one more before the last places are taken, and closes it when nobody needs it', async () => {
    const { factory, pool } = poolOf({
      min: 1,
      max: 3,
      perResource: 10,
      freeShare: 0.2,
      idleTimeout: 5 * second,
    });
    await pool.start();
    const leases = await fill(pool, 8);
    expect(factory.launches).toHaveLength(1);
    leases.push(await pool.acquire(wish()));
    expect(factory.launches).toHaveLength(2);
    await jest.advanceTimersByTimeAsync(20 * second);
    // without it the places would be scarce again
    expect(pool.resources).toHaveLength(2);
    for (const lease of leases) lease.release();
    await jest.advanceTimersByTimeAsync(7 * second);
    expect(pool.resources).toHaveLength(1);
    await pool.close(0);
  });

  it('uses the less loaded one, by places and by what else weighs on it', async () => {
    const { factory, pool } = poolOf({ min: 2, max: 2, perResource: 10 });
    await pool.start();
    factory.loads.set('r1', 1);
    const leases = await fill(pool, 5);
    expect(leases.map(({ resource }) => resource)).toEqual(['r2', 'r2', 'r2', 'r2', 'r2']);
    expect((await fill(pool, 2)).map(({ resource }) => resource).sort()).toEqual(['r1', 'r2']);
    await pool.close(0);
  });

  it('prefers the one that served the same affinity, unless it is full or takes nobody', async () => {
    const { pool } = poolOf({ min: 2, max: 2, perResource: 2 });
    await pool.start();
    const first = await pool.acquire(wish({ affinity: 'example.com' }));
    const second_ = await pool.acquire(wish({ affinity: 'example.com' }));
    expect(second_.resource).toBe(first.resource);
    const third = await pool.acquire(wish({ affinity: 'example.com' }));
    expect(third.resource).not.toBe(first.resource);
    await pool.close(0);
  });
});

describe('a pool that is paused', () => {
  it('lets everybody wait, refuses who does not want to, and goes on in order', async () => {
    const { pool } = poolOf();
    pool.pause();
    expect(pool.paused).toBe(true);
    const both = [watch(pool.acquire(wish())), watch(pool.acquire(wish()))];
    await expect(pool.acquire(wish({ timeout: 0 }))).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    await settle();
    expect(pool.waiting).toBe(2);
    pool.resume();
    await settle();
    expect(both.map(({ outcome }) => outcome)).toEqual(['r1', 'r1']);
  });
});

describe('one who wants a whole browser', () => {
  it('gets one that is launched for it, which nobody else gets, and which is closed after it', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 2 });
    await pool.start();
    const whole = await pool.acquire(wish({ whole: '--lang=de' }));
    expect(whole.resource).toBe('r2');
    expect(factory.whole).toEqual([['r2', '--lang=de']]);
    expect((await fill(pool, 2)).map(({ resource }) => resource)).toEqual(['r1', 'r1']);
    const waiting = watch(pool.acquire(wish()));
    await settle();
    expect(waiting.outcome).toBeUndefined();
    whole.release();
    await settle();
    expect(factory.closed).toEqual(['r2']);
    expect(waiting.outcome).toBe('r3');
    await pool.close(0);
  });

  it('makes an idle one give way', async () => {
    const { factory, pool } = poolOf({ min: 1, max: 1 });
    await pool.start();
    const whole = await pool.acquire(wish({ whole: '' }));
    expect(whole.resource).toBe('r2');
    expect(factory.closed).toEqual(['r1']);
    whole.release();
    await settle();
    expect(pool.resources).toHaveLength(1);
    await pool.close(0);
  });

  it('gets its turn though others would take each place that comes free', async () => {
    const { pool } = poolOf({ min: 1, max: 1, maxWaiting: 10 });
    await pool.start();
    const [one, two] = await fill(pool, 2);
    const whole = watch(pool.acquire(wish({ whole: '' })));
    const later = watch(pool.acquire(wish()));
    one!.release();
    await settle();
    expect([whole.outcome, later.outcome]).toEqual([undefined, undefined]);
    two!.release();
    await settle();
    expect(whole.outcome).toBe('r2');
    expect(later.outcome).toBeUndefined();
    await pool.close(0);
  });

  it('leaves nothing when it goes while its browser is launched', async () => {
    const { factory, pool } = poolOf({ max: 1 }, false);
    const gone = new AbortController();
    const whole = watch(pool.acquire(wish({ whole: '', signal: gone.signal })));
    gone.abort();
    await settle();
    expect(whole.outcome).toBe('ABORTED');
    factory.launches[0]!.succeed();
    await settle();
    expect(factory.closed).toEqual(['r1']);
    const next = watch(pool.acquire(wish()));
    factory.launches[1]!.succeed();
    await settle();
    expect(next.outcome).toBe('r2');
    await pool.close(0);
  });

  it('gives back what was kept for it when it goes', async () => {
    const { pool } = poolOf({ min: 1, max: 1, maxWaiting: 10 });
    await pool.start();
    const [one] = await fill(pool, 2);
    const gone = new AbortController();
    const whole = watch(pool.acquire(wish({ whole: '', signal: gone.signal })));
    one!.release();
    const later = watch(pool.acquire(wish()));
    await settle();
    expect(later.outcome).toBeUndefined();
    gone.abort();
    await settle();
    expect(whole.outcome).toBe('ABORTED');
    expect(later.outcome).toBe('r1');
    await pool.close(0);
  });
});
