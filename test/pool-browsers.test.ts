import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BrowserReport } from '../src/index.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';

/** Launches, drains and the look of each second, on a busy machine. */
const SOON = 20_000;

let cdpmux: TestCdpmux;
afterEach(() => cdpmux.close());

const title = async (client: CdpClient): Promise<unknown> => {
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
    url: 'data:text/html,<title>here</title>',
  });
  const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  const expression = `new Promise((resolve) => document.readyState === 'complete' ? resolve(document.title) : addEventListener('load', () => resolve(document.title)))`;
  const params = { expression, awaitPromise: true, returnByValue: true };
  return (await client.send<{ result: { value: unknown } }>('Runtime.evaluate', params, sessionId)).result
    .value;
};

const connect = (query = ''): Promise<CdpClient> =>
  CdpClient.connect(`${cdpmux.wsUrl}?initialPage=false${query}`);
const browsers = (): BrowserReport[] => cdpmux.mux.browsers();
const stateOf = (id: string): string | undefined => browsers().find((one) => one.id === id)?.state;
const browserOf = (): string => cdpmux.mux.virtualBrowsers()[0]!.browser;

describe('the Chromes of a pool', () => {
  it('are replaced in turn while clients work on, and no client notices', async () => {
    cdpmux = await startCdpmux({ 'browsers.min': 2, 'browsers.max': 2, 'browsers.virtualPerBrowser': 50 });
    const pids = browsers().map(({ pid }) => pid);
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect()));
    let running = true;
    const worked = clients.map(async (client) => {
      let done = 0;
      while (running) {
        expect(await title(client)).toBe('here');
        done++;
      }
      await client.close();
      return done;
    });
    cdpmux.mux.reconnect();
    await eventually(() => browsers().some(({ pid, state }) => state === 'ready' && !pids.includes(pid)), {
      within: SOON,
      what: 'a successor',
    });
    const newcomer = await connect();
    expect(await title(newcomer)).toBe('here');
    running = false;
    for (const done of await Promise.all(worked)) expect(done).toBeGreaterThan(0);
    await eventually(() => browsers().every(({ pid }) => !pids.includes(pid)), {
      within: SOON,
      what: 'all new',
    });
    expect(browsers().filter(({ state }) => state === 'ready')).toHaveLength(2);
    await newcomer.close();
  });

  it('are drained with a deadline, upon which who is still there is closed with 4503', async () => {
    cdpmux = await startCdpmux({ 'browsers.max': 2, 'browsers.drainTimeout': 100 });
    const client = await connect();
    const id = browserOf();
    cdpmux.mux.drain(id);
    expect(await client.closed).toMatchObject({ code: 4503, reason: expect.stringMatching(/operator/) });
    await eventually(() => stateOf(id) === undefined, { within: SOON, what: 'its end' });
    expect(await title(await connect())).toBe('here');
  });

  it('take nobody while they are cordoned, and one is launched beside them where there may be', async () => {
    cdpmux = await startCdpmux({ 'browsers.max': 2 });
    const id = browsers()[0]!.id;
    cdpmux.mux.cordon(id);
    const client = await connect();
    expect(browserOf()).not.toBe(id);
    expect(stateOf(id)).toBe('cordoned');
    cdpmux.mux.uncordon(id);
    expect(stateOf(id)).toBe('ready');
    await client.close();
    expect(() => cdpmux.mux.cordon('b99')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });

  it('are of their own kind and number in each named pool', async () => {
    cdpmux = await startCdpmux({
      'pools.full.browsers.kind': 'chrome',
      'pools.full.chrome': chromeExecutable('chrome'),
      'pools.full.browsers.min': 0,
      'pools.full.browsers.max': 1,
    });
    const [shell, full] = [await connect(), await connect('&pool=full')];
    const product = async (client: CdpClient): Promise<string> =>
      (await client.send<{ product: string }>('Browser.getVersion')).product;
    expect(await product(shell)).toMatch(/^HeadlessChrome\//);
    expect(await product(full)).toMatch(/^Chrome\//);
    expect(cdpmux.mux.virtualBrowsers().map(({ pool }) => pool)).toEqual(['', 'full']);
    await expect(connect('&pool=none')).rejects.toThrow('404');
  });

  it('are counted out while cdpmux is paused: clients wait, and are served when it goes on', async () => {
    cdpmux = await startCdpmux();
    cdpmux.mux.pause();
    expect(cdpmux.mux.readiness()).toEqual({ ready: false, reasons: ['paused by an operator'] });
    const waiting = connect('&priority=high');
    await eventually(() => cdpmux.mux.queue().length === 1, { what: 'one who waits' });
    expect(cdpmux.mux.queue()).toMatchObject({
      paused: true,
      waiting: [{ place: 1, priority: 'high', mode: 'shared', pool: '', tenant: '' }],
    });
    cdpmux.mux.resume();
    expect(await title(await waiting)).toBe('here');
  });

  it('are left to those who are there when cdpmux drains; nobody new comes in, but to them', async () => {
    cdpmux = await startCdpmux();
    const client = await connect();
    cdpmux.mux.drainAll(60_000);
    expect(cdpmux.mux.readiness()).toEqual({ ready: false, reasons: ['draining'] });
    await expect(connect()).rejects.toThrow('503');
    const { id } = cdpmux.mux.virtualBrowsers()[0]!;
    const second = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${id}`);
    expect(await title(second)).toBe('here');
    expect(await title(client)).toBe('here');
  });
});

describe('a Chrome that does not start', () => {
  let directory: string;
  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'cdpmux-broken-'))));
  afterAll(() => rm(directory, { recursive: true }));

  it('is told by readiness with its own words, and to who asks; another one serves meanwhile', async () => {
    const script = join(directory, 'chrome');
    await writeFile(script, '#!/bin/sh\necho "no such library" >&2\nexit 1\n');
    await chmod(script, 0o755);
    cdpmux = await startCdpmux({
      'pools.broken.chrome': script,
      'pools.broken.browsers.kind': 'shell',
      'pools.broken.browsers.min': 0,
    });
    await expect(connect('&pool=broken')).rejects.toThrow('503');
    const { ready, reasons } = cdpmux.mux.readiness();
    expect(ready).toBe(true);
    expect(reasons.join()).toMatch(/pool broken.*no such library/s);
    const failed = browsers().find(({ pool }) => pool === 'broken');
    expect(failed).toMatchObject({ state: 'broken', reason: expect.stringMatching(/no such library/) });
    expect(cdpmux.mux.feed.after(0).map(({ type }) => type)).toContain('browser.launch-failed');
    expect(await title(await connect())).toBe('here');
  });
});

describe('a remote Chrome that nobody may use', () => {
  it('is told by readiness, and one that does not come stops no other pool', async () => {
    const remote = await startChrome();
    try {
      cdpmux = await startCdpmux({
        'browsers.upstreams': remote.url,
        'pools.gone.browsers.upstreams': 'http://127.0.0.1:1',
      });
      const { ready, reasons } = cdpmux.mux.readiness();
      expect([ready, reasons.join()]).toEqual([true, expect.stringMatching(/pool gone: .*127\.0\.0\.1:1/)]);
      cdpmux.mux.cordon(browsers().find(({ state }) => state === 'ready')!.id);
      expect(cdpmux.mux.readiness().ready).toBe(false);
    } finally {
      await remote.close();
    }
  });
});

describe('remote and launched Chromes in one pool', () => {
  let remote: DirectChrome;
  beforeAll(async () => void (remote = await startChrome()));
  afterAll(() => remote.close());

  it('serve side by side, and a remote one that goes is not missed', async () => {
    cdpmux = await startCdpmux({
      'browsers.upstreams': `${remote.url},http://127.0.0.1:1`,
      'browsers.min': 1,
      'browsers.max': 1,
    });
    const sources = browsers().filter(({ state }) => state === 'ready');
    expect(sources.map(({ source }) => source).sort()).toEqual(['launched', 'remote']);
    const launched = sources.find(({ source }) => source === 'launched')!;
    cdpmux.mux.cordon(launched.id);
    const client = await connect();
    expect(browserOf()).not.toBe(launched.id);
    cdpmux.mux.uncordon(launched.id);
    process.kill(remote.pid, 'SIGKILL');
    expect((await client.closed).code).toBe(4502);
    expect(await title(await connect())).toBe('here');
    expect(browserOf()).toBe(launched.id);
    expect(cdpmux.mux.readiness().ready).toBe(true);
  });
});
