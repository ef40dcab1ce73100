import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Upstream } from '../src/cdp/upstream.js';
import { everybody, type EgressGate, type Tenant } from '../src/index.js';
import { Departures } from '../src/virtual/departures.js';
import { FileStore } from '../src/virtual/file-store.js';
import type { EndReason, VirtualBrowserOptions } from '../src/virtual/virtual-browser.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { hostedOptions, openHost, type Hosted } from './support/hosted.js';

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

describe('what is left of those who have gone', () => {
  beforeEach(() => {
    jest.useFakeTimers();
    line = new Line();
    departures = new Departures(line as unknown as Upstream);
  });
  afterEach(() => void jest.useRealTimers());

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

describe('the pages of one that has gone', () => {
  let chrome: DirectChrome;
  let hosted: Hosted;
  beforeAll(async () => {
    chrome = await startChrome();
    hosted = await openHost(chrome.wsUrl);
  }, 60_000);
  afterAll(async () => {
    await hosted.close();
    await chrome.close();
  });

  const stranger: Tenant = { ...everybody, trust: 'tenant' };
  const left = { code: 1000, reason: 'left' };

  /** Whether they are still there, in answer to what was asked of Chrome right after it had ended. */
  async function linger(
    how: Partial<VirtualBrowserOptions>,
    { reason = left, files }: { reason?: EndReason; files?: readonly string[] } = {},
  ): Promise<boolean> {
    const { host } = hosted;
    const directory = await mkdtemp(join(tmpdir(), 'cdpmux-departures-'));
    const store = new FileStore(() => directory, { total: 1_000_000, upload: 1_000_000 });
    const virtual = await host.open({ ...hostedOptions('v'), files: store, ...how });
    for (const name of files ?? []) await store.write(name, Readable.from([Buffer.from('x')]));
    const page = virtual.targets().find(({ info }) => info.type === 'page');
    virtual.end(reason);
    const { targetInfos } = await host.upstream.request('Target.getTargets', {}, '');
    host.departures.flush();
    await rm(directory, { recursive: true, force: true });
    return targetInfos.some(({ targetId }) => targetId === page!.info.targetId);
  }

  it('stay for a moment, where nothing bounds what they do', async () => {
    expect(await linger({})).toBe(true);
  });

  it('go at once of one that was made to end', async () => {
    expect(await linger({}, { reason: { code: 4408, reason: 'time limit' } })).toBe(false);
  });

  it('go at once of a stranger', async () => {
    expect(await linger({ tenant: stranger })).toBe(false);
  });

  it('go at once where there were files', async () => {
    expect(await linger({}, { files: ['a.txt'] })).toBe(false);
  });

  it('go at once where what goes out is looked at', async () => {
    const gate = { proxyFor: () => Promise.resolve({}), close: () => undefined };
    expect(await linger({ egress: gate as unknown as EgressGate })).toBe(false);
  });
});
