import { describe, expect, it } from '@jest/globals';
import {
  expectedAtOnce,
  isForgotten,
  noArrivals,
  rateAt,
  shares,
  waitToMake,
  wanted,
  wantedOnOwnWay,
  withArrival,
} from '../src/mux/stock-policy.js';

const settings = { enabled: true, max: 4, memoryMb: 256, maxAge: 600_000 };
const demand = { perSecond: 0, atOnce: 0, makingMs: 500, itemMb: 40 };

/** The rate after clients came at equal distances, ms, at the moment of the last one. */
function rateOf(count: number, apart: number): number {
  let arrivals = noArrivals(0);
  for (let one = 1; one <= count; one++) arrivals = withArrival(arrivals, one * apart);
  return rateAt(arrivals, count * apart);
}

describe('the rate of arrival', () => {
  it('comes near to how often clients come', () => {
    expect(rateOf(200, 500)).toBeCloseTo(2, 0);
    expect(rateOf(2_000, 50)).toBeCloseTo(20, 0);
  });

  it('falls while nobody comes', () => {
    const arrivals = withArrival({ ...noArrivals(0), perSecond: 4 }, 0);
    expect(rateAt(arrivals, 10_000)).toBeCloseTo(arrivals.perSecond / Math.E, 5);
    expect(rateAt(arrivals, 120_000)).toBeLessThan(0.001);
  });
});

describe('those who come at once', () => {
  const crowd = (count: number, from: number, before = noArrivals(0)) => {
    let arrivals = before;
    for (let one = 0; one < count; one++) arrivals = withArrival(arrivals, from + one * 10);
    return arrivals;
  };

  it('are all expected again for a minute, and then fewer and fewer', () => {
    const arrivals = crowd(20, 1_000);
    expect(expectedAtOnce(arrivals, 1_190)).toBe(20);
    expect(expectedAtOnce(arrivals, 61_000)).toBe(20);
    expect(expectedAtOnce(arrivals, 361_000)).toBeCloseTo(20 / Math.E, 5);
    expect(expectedAtOnce(arrivals, 1_861_000)).toBeLessThan(0.1);
  });

  it('are as many as came at once, not all who came', () => {
    const arrivals = crowd(3, 20_000, crowd(3, 10_000, crowd(5, 1_000)));
    expect(expectedAtOnce(arrivals, 20_020)).toBe(5);
  });

  it('are forgotten though others come, one at a time', () => {
    let arrivals = crowd(20, 1_000);
    for (let at = 1_500; at < 661_000; at += 500) arrivals = withArrival(arrivals, at);
    expect(expectedAtOnce(arrivals, 661_000)).toBeCloseTo(20 / Math.E ** 2, 5);
    expect(expectedAtOnce(crowd(4, 661_000, arrivals), 661_040)).toBe(4);
  });

  it('are one at a time where clients come one at a time', () => {
    let arrivals = noArrivals(0);
    for (let at = 300; at < 30_000; at += 300) arrivals = withArrival(arrivals, at);
    expect(expectedAtOnce(arrivals, 30_000)).toBe(1);
  });

  it('are none before anybody has come', () => {
    expect(expectedAtOnce(noArrivals(0), 1_000)).toBe(0);
  });
});

describe('how many are wanted', () => {
  it('is one for whoever comes next, while nobody comes', () => {
    expect(wanted(settings, demand)).toBe(1);
  });

  it('grows with those who will come while one is made', () => {
    expect(wanted(settings, { ...demand, perSecond: 2 })).toBe(2);
    expect(wanted(settings, { ...demand, perSecond: 2, makingMs: 1_500 })).toBe(4);
  });

  it('is as many as came at once lately', () => {
    expect(wanted({ ...settings, max: 20, memoryMb: 4_000 }, { ...demand, atOnce: 12.3 })).toBe(13);
    expect(wanted(settings, { ...demand, atOnce: 0.1 })).toBe(1);
    expect(wanted(settings, { ...demand, perSecond: 4, atOnce: 2 })).toBe(3);
  });

  it('is no more than there may be, by number and by memory', () => {
    expect(wanted(settings, { ...demand, perSecond: 100 })).toBe(4);
    expect(wanted(settings, { ...demand, perSecond: 100, itemMb: 100 })).toBe(2);
    expect(wanted({ ...settings, max: 1 }, { ...demand, perSecond: 100 })).toBe(1);
  });

  it('is none where it is off, or one alone would be too much', () => {
    expect(wanted({ ...settings, enabled: false }, { ...demand, perSecond: 3 })).toBe(0);
    expect(wanted({ ...settings, max: 0 }, demand)).toBe(0);
    expect(wanted({ ...settings, memoryMb: 30 }, demand)).toBe(0);
  });
});

describe('how many are wanted for a proxy that clients bring', () => {
  const way = { seen: 2, sinceLast: 0 };

  it('is none for one that came once, as where each brings another one', () => {
    expect(wantedOnOwnWay(settings, { ...way, seen: 1 }, { ...demand, perSecond: 3 })).toBe(0);
  });

  it('is as many as will come while one is made, until it is forgotten', () => {
    expect(wantedOnOwnWay(settings, way, { ...demand, perSecond: 0.2 })).toBe(1);
    expect(wantedOnOwnWay(settings, way, { ...demand, perSecond: 5 })).toBe(3);
    const late = { ...way, sinceLast: 61_000 };
    expect(isForgotten(late)).toBe(true);
    expect(wantedOnOwnWay(settings, late, demand)).toBe(0);
  });

  it('is none where it is off', () => {
    expect(wantedOnOwnWay({ ...settings, enabled: false }, way, demand)).toBe(0);
  });
});

describe('what there may be', () => {
  it('is one for each who wants any, and then more for the first', () => {
    expect(shares(4, [4, 2, 2])).toEqual([2, 1, 1]);
    expect(shares(4, [1, 0, 2])).toEqual([1, 0, 2]);
    expect(shares(2, [4, 1, 1])).toEqual([1, 1, 0]);
    expect(shares(0, [2, 1])).toEqual([0, 0]);
  });
});

describe('when one is made', () => {
  const quiet = { serves: true, opening: 0, sinceOpening: 10_000, lastGroup: 1, pendingCommands: 0 };

  it('is at once in a browser that is quiet', () => {
    expect(waitToMake(quiet)).toBe(0);
  });

  it('is not while a client is let in, nor right after', () => {
    expect(waitToMake({ ...quiet, opening: 1 })).toBeGreaterThan(0);
    expect(waitToMake({ ...quiet, sinceOpening: 0 })).toBe(100);
    expect(waitToMake({ ...quiet, sinceOpening: 60 })).toBe(40);
  });

  it('is later where many came at once', () => {
    expect(waitToMake({ ...quiet, sinceOpening: 100, lastGroup: 5 })).toBe(400);
    expect(waitToMake({ ...quiet, sinceOpening: 501, lastGroup: 5 })).toBe(0);
    expect(waitToMake({ ...quiet, sinceOpening: 501, lastGroup: 5, pendingCommands: 1 })).toBeGreaterThan(0);
    expect(waitToMake({ ...quiet, sinceOpening: 2_001, lastGroup: 500 })).toBe(0);
  });

  it('waits a little for the commands of clients, and not for ever', () => {
    expect(waitToMake({ ...quiet, pendingCommands: 1, sinceOpening: 200 })).toBeGreaterThan(0);
    expect(waitToMake({ ...quiet, pendingCommands: 1, sinceOpening: 501 })).toBe(0);
  });

  it('is never in a browser that takes no new clients', () => {
    expect(waitToMake({ ...quiet, serves: false })).toBeGreaterThan(0);
  });
});
