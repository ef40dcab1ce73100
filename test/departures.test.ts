import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Upstream } from '../src/cdp/upstream.js';
import { Departures } from '../src/virtual/departures.js';

/** A connection that only takes note: how Chrome closes what is left is shown with a real one, by clients that come and go. */
class Line {
  pendingCount = 0;
  readonly detached: string[] = [];
  readonly call = (
    method: string,
    { sessionId }: { sessionId: string },
    _to: string,
    reply: () => void,
  ): void => {
    expect(method).toBe('Target.detachFromTarget');
    this.detached.push(sessionId);
    reply();
  };
}

let line: Line;
let departures: Departures;
const gone: string[] = [];
const leave = (...ids: string[]): void => {
  for (const id of ids) departures.add(id, () => void gone.push(id));
};

beforeEach(() => {
  jest.useFakeTimers();
  gone.length = 0;
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
    expect(gone).toEqual(['a', 'b']);
  });

  it('stays while others wait, and for half a second at most', () => {
    line.pendingCount = 1;
    leave('a');
    jest.advanceTimersByTime(200);
    leave('b');
    jest.advanceTimersByTime(275);
    expect(line.detached).toEqual([]);
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a']);
    line.pendingCount = 0;
    jest.advanceTimersByTime(25);
    expect(line.detached).toEqual(['a', 'b']);
  });

  it('is never more than that of 32', () => {
    line.pendingCount = 1;
    leave(...Array.from({ length: 40 }, (_, index) => `${index}`));
    expect(line.detached).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  it('goes at once when the connection does, and nothing is left to do', () => {
    leave('a', 'b');
    departures.flush();
    expect(gone).toEqual(['a', 'b']);
    expect(jest.getTimerCount()).toBe(0);
  });
});
