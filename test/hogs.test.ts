import { describe, expect, it } from '@jest/globals';
import { Busyness, isContended } from '../src/mux/hogs-policy.js';

describe('a renderer (in life: npm run health)', () => {
  it('is a hog when it was busy for nearly all of 3 s, and calm when it was for little of 5 s', () => {
    const busy = new Busyness();
    for (const [second, ms, isHog, isCalm] of [
      [1, 950, false, false],
      [2, 1_000, false, false],
      [3, 600, true, false],
      [4, 100, false, false],
      [5, 1_000, false, false],
      [6, 100, false, false],
      [7, 0, false, false],
      [8, 200, false, true],
      [9, 900, false, false],
      [10, 900, false, false],
      [11, 900, true, false],
    ] as const) {
      busy.add(ms, 1_000);
      expect([second, busy.isHog, busy.isCalm]).toEqual([second, isHog, isCalm]);
    }
  });

  it('keeps others waiting only when somebody waits for a processor for more than a tenth of the time', () => {
    expect([isContended(99, 1_000), isContended(101, 1_000)]).toEqual([false, true]);
  });
});
