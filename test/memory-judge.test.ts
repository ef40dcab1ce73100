import { describe, expect, it } from '@jest/globals';
import { causing, judge, largest, MB, mayCollect, unjudged } from '../src/mux/memory/judge.js';
import { lookDelay, sampleDelay } from '../src/mux/memory/pace.js';
import { PerMinute } from '../src/mux/memory/rate.js';
import { limitsOf } from '../src/mux/memory/settings.js';
import { slopeOf, Trend } from '../src/mux/memory/trend.js';
import { problemsOf } from './support/config-problems.js';

const limits = { softLimitMb: 400, hardLimitMb: 500 };
const none = { softLimitMb: 0, hardLimitMb: 0 };

describe('the limits of a Chrome', () => {
  it('are 400 and 500 MB for one virtual browser, and more for each further one', () => {
    const auto = { softLimitMb: 'auto', hardLimitMb: 'auto' } as const;
    expect(limitsOf(auto, 1)).toEqual(limits);
    expect(limitsOf(auto, 25)).toEqual({ softLimitMb: 2_320, hardLimitMb: 2_900 });
  });

  it('are those that are set, and keep their order where only one is', () => {
    expect(limitsOf({ softLimitMb: 300, hardLimitMb: 500 }, 25)).toEqual({
      softLimitMb: 300,
      hardLimitMb: 500,
    });
    expect(limitsOf({ softLimitMb: 'auto', hardLimitMb: 300 }, 25)).toEqual({
      softLimitMb: 240,
      hardLimitMb: 300,
    });
    expect(limitsOf({ softLimitMb: 4_000, hardLimitMb: 'auto' }, 1).hardLimitMb).toBe(5_000);
    expect(limitsOf({ softLimitMb: 'auto', hardLimitMb: 0 }, 1)).toEqual({
      softLimitMb: 400,
      hardLimitMb: 0,
    });
  });

  it('are refused where the soft one is not below the hard one', () => {
    const sources = { flags: { set: ['memory.virtual.softLimitMb=500', 'memory.virtual.hardLimitMb=400'] } };
    expect(problemsOf(sources).join()).toContain('memory.virtual.hardLimitMb');
  });
});

describe('judging', () => {
  it('warns once above the soft limit, and again after it was well below', () => {
    const judged = unjudged();
    const verdicts = [100, 401, 450, 390, 330, 319, 401].map((mb, at) => judge(judged, mb * MB, limits, at));
    expect(verdicts).toEqual(['well', 'warn', 'well', 'well', 'well', 'recovered', 'warn']);
  });

  it('takes for well whoever was above limits that are there no more', () => {
    const judged = unjudged();
    expect(judge(judged, 401 * MB, limits, 0)).toBe('warn');
    expect(judge(judged, 401 * MB, none, 1)).toBe('recovered');
  });

  it('asks for a collection above the hard limit, and evicts when that was of no use or can not be done', () => {
    const judged = unjudged();
    expect(judge(judged, 501 * MB, limits, 0)).toBe('collect');
    judged.collection = { askedAt: 0, doneAt: undefined };
    expect(judge(judged, 520 * MB, limits, 50)).toBe('collect');
    expect(judge(judged, 520 * MB, limits, 100)).toBe('evict');
    judged.collection = { askedAt: 0, doneAt: 20 };
    expect(judge(judged, 520 * MB, limits, 50)).toBe('evict');
    expect(judge(judged, 450 * MB, limits, 60)).toBe('well');
    expect(judge(judged, 501 * MB, limits, 2_001)).toBe('collect');
    expect(mayCollect(judged, 2_001)).toBe(true);
  });

  it('does not wait for a collection far past the hard limit', () => {
    expect(judge(unjudged(), 751 * MB, limits, 0)).toBe('evict');
  });

  it('takes 0 for no limit', () => {
    expect(judge(unjudged(), 1e6 * MB, none, 0)).toBe('well');
  });
});

describe('who has to go', () => {
  const all = [{ held: 10 }, { held: 50 }, { held: 30 }, { held: 0 }];

  it('are the largest, until the rest fits', () => {
    expect(largest(all, 1)).toEqual([{ held: 50 }]);
    expect(largest(all, 50)).toEqual([{ held: 50 }]);
    expect(largest(all, 51)).toEqual([{ held: 50 }, { held: 30 }]);
    expect(largest(all, 1_000)).toEqual([{ held: 50 }, { held: 30 }, { held: 10 }]);
    expect(largest(all, -1)).toEqual([]);
  });

  it('is warned when it holds more than an equal share', () => {
    expect(causing(all)).toEqual([{ held: 50 }, { held: 30 }]);
    expect(causing([{ held: 7 }])).toEqual([{ held: 7 }]);
    expect(causing([{ held: 0 }])).toEqual([]);
  });

  it('are no more than so many in a minute', () => {
    const rate = new PerMinute(() => 2);
    expect([0, 1, 2, 60_000, 60_001, 60_002].map((now) => rate.tryTake(now))).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('the pace', () => {
  it('follows the time that is left until the next limit', () => {
    const trend = new Trend();
    const left = [0, 100, 200].map((now) => trend.add(now, now * MB, limits));
    expect(left).toEqual([Infinity, 300, 200]);
    expect(trend.add(300, 600 * MB, limits)).toBe(Infinity);
    expect(slopeOf([0, 1, 2], [1, 3, 5])).toBe(2);
  });

  it('is 250 ms for processes and the interval for heaps, and quicker before a limit', () => {
    expect([Infinity, 400, 0].map(lookDelay)).toEqual([250, 100, 50]);
    expect([Infinity, 8_000, 0].map((left) => sampleDelay(5_000, left, false))).toEqual([5_000, 2_000, 100]);
    expect(sampleDelay(5_000, 0, true)).toBe(20_000);
  });
});
