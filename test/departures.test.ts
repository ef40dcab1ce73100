import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Upstream } from '../src/cdp/upstream.js';
import { Departures } from '../src/virtual/departures.js';

/** A connection that only takes note: how Chrome closes what is left is shown with a real one, by clients that come and go. */
class Line {
  pendingCount = 0;
  readonly detached: string[] = [];
  readonly call = (method: string, { sessionId }: { sessionId: string }): void => {
    expect(method).toBe('Target.detachFromTarget');
    this.detached.push(sessionId);
  };
}

let line: Line;
let departures: Departures;
const leave = (...ids: string[]): void => {
  for (const id of ids) departures.add(id, 2);
};

beforeEach(() => {
  jest.useFakeTimers();
  line = new Line();
  departures = new Departures(line as unknown as Upstream);
});
afterEach(() => void jest.useRealTimers());

describe('what is left of those who have gone', () => {
  it('is closed one after the other while nobody waits for Chrome', () => {
    leave('a', 'b');
    expect(line.detached).toEqual([]);
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a']);
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a', 'b']);
  });

  it('stays while others wait, for 400 ms, and is closed then two at a time', () => {
    line.pendingCount = 1;
    leave('a', 'b', 'c');
    jest.advanceTimersByTime(375);
    expect(line.detached).toEqual([]);
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a', 'b']);
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a', 'b', 'c']);
  });

  it('is never more than 64 pages', () => {
    line.pendingCount = 1;
    leave(...Array.from({ length: 35 }, (_, index) => `${index}`));
    expect(line.detached).toEqual(['0', '1', '2']);
    departures.add('many', 100);
    expect(line.detached).toHaveLength(36);
    expect(jest.getTimerCount()).toBeLessThanOrEqual(1);
  });

  it('goes at once when the connection does, and nothing is left to do', () => {
    leave('a', 'b');
    departures.flush();
    expect(line.detached).toEqual(['a', 'b']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
