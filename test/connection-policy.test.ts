import { describe, expect, it } from '@jest/globals';
import {
  BYTES_MARK,
  COMMANDS_MARK,
  RECEIVED_MARK,
  dueChanges,
  isAnotherWanted,
  isBusy,
  leastLoaded,
  type ConnectionLoad,
} from '../src/mux/connection-policy.js';

const idle: ConnectionLoad = {
  virtualBrowsers: 0,
  pendingCommands: 0,
  backlogBytes: 0,
  receivedPerSecond: 0,
  ageMs: 0,
  idleMs: 0,
};
const busy: ConnectionLoad = { ...idle, virtualBrowsers: 1, pendingCommands: COMMANDS_MARK };
const limits = { maxPerBrowser: 3, idleTimeout: 100, maxLifetime: 1_000 };

/** A connection of the name with that load. */
const named = (name: string, load: Partial<ConnectionLoad>, isOpen = true) => ({
  name,
  load: { ...idle, ...load },
  isOpen,
});
const names = (all: readonly { name: string }[]): string[] => all.map(({ name }) => name);

describe('whether a connection is busy', () => {
  it('goes by commands on their way, bytes that wait, and what Chrome sends', () => {
    const almost = {
      pendingCommands: COMMANDS_MARK - 1,
      backlogBytes: BYTES_MARK - 1,
      receivedPerSecond: RECEIVED_MARK - 1,
    };
    expect(isBusy({ ...idle, ...almost })).toBe(false);
    expect(isBusy({ ...idle, receivedPerSecond: RECEIVED_MARK })).toBe(true);
    expect(isBusy({ ...idle, pendingCommands: COMMANDS_MARK })).toBe(true);
    expect(isBusy({ ...idle, backlogBytes: BYTES_MARK })).toBe(true);
  });
});

describe('whether another connection is wanted', () => {
  it('is when all are busy and there may be more', () => {
    expect(isAnotherWanted([busy, busy], limits)).toBe(true);
    expect(isAnotherWanted([busy, idle], limits)).toBe(false);
    expect(isAnotherWanted([busy, busy, busy], limits)).toBe(false);
    expect(isAnotherWanted([], limits)).toBe(true);
  });
});

describe('the least loaded connection', () => {
  it('is not busy where one is not, then has the fewest virtual browsers, then the least to do', () => {
    const [a, b, c, d] = [
      named('busy', { ...busy, virtualBrowsers: 0 }),
      named('three', { virtualBrowsers: 3 }),
      named('two, at work', { virtualBrowsers: 2, pendingCommands: 5 }),
      named('two', { virtualBrowsers: 2 }),
    ];
    expect(leastLoaded([a, b, c, d])).toBe(d);
    expect(leastLoaded([a, b, c])).toBe(c);
    expect(leastLoaded([a, b])).toBe(b);
    expect(leastLoaded([a])).toBe(a);
    expect(leastLoaded([])).toBeUndefined();
  });

  it('is the oldest of equals', () => {
    expect(leastLoaded([named('old', {}), named('new', {})])?.name).toBe('old');
  });
});

describe('what is due', () => {
  const due = (...all: ReturnType<typeof named>[]) => {
    const { retire, close, needsSuccessor } = dueChanges(all, limits);
    return { retire: names(retire), close: names(close), needsSuccessor };
  };
  const nothing = { retire: [], close: [], needsSuccessor: false };

  it('closes idle ones, and always leaves one', () => {
    const idleNow = { idleMs: 100 };
    expect(due(named('a', idleNow), named('b', { idleMs: 99 }))).toEqual({ ...nothing, close: ['a'] });
    expect(due(named('a', idleNow), named('b', idleNow))).toEqual({ ...nothing, close: ['a'] });
    expect(due(named('a', idleNow))).toEqual(nothing);
  });

  it('retires old ones once there is a younger one, and asks for that before', () => {
    const old = { ageMs: 1_000 };
    expect(due(named('a', old))).toEqual({ ...nothing, needsSuccessor: true });
    expect(due(named('a', old), named('b', old))).toEqual({ ...nothing, needsSuccessor: true });
    expect(due(named('a', old), named('b', {}))).toEqual({ ...nothing, retire: ['a'] });
  });

  it('does not close the one for which an old one is retired', () => {
    const all = [named('a', { ageMs: 1_000, virtualBrowsers: 1 }), named('b', { idleMs: 100 })];
    expect(due(...all)).toEqual({ ...nothing, retire: ['a'] });
  });

  it('leaves those alone that are retiring already, and counts on none of them', () => {
    const retiring = named('r', { idleMs: 500, ageMs: 2_000 }, false);
    expect(due(retiring, named('a', { idleMs: 100 }))).toEqual(nothing);
    expect(due(retiring)).toEqual({ ...nothing, needsSuccessor: true });
  });
});
