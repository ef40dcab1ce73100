import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../proxy/config.js';
import type { MemoryReport } from '../src/index.js';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startChrome } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { evaluate, type Page } from './support/page.js';

const within = 30_000;
/** Keeps so many MB, each in a way of its own. */
const keeping: Readonly<Record<string, (mb: number) => string>> = {
  arrays: (mb) => `k=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()));1`,
  'typed arrays': (mb) => `k=Array.from({length:${mb}},()=>new Float64Array(131072).fill(1));1`,
  'a worker': (mb) =>
    `w=new Worker(URL.createObjectURL(new Blob(['k=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()));` +
    `postMessage(1)'])));new Promise((done)=>w.onmessage=done).then(()=>1)`,
};

const heldBy = (cdpmux: TestCdpmux, label: string): number =>
  cdpmux.mux.virtualBrowsers().find(({ labels }) => labels['who'] === label)?.memory?.heldMb ?? 0;
/** Has a page keep so many MB; it may be closed before it answers. */
const growUnanswered = (client: CdpClient, { sessionId }: Page, mb: number): void => {
  const params = { expression: keeping['arrays']!(mb) };
  client.raw(JSON.stringify({ id: 1_000_000, method: 'Runtime.evaluate', params, sessionId }));
};
const eventsOf = (client: CdpClient, name: string): Message[] =>
  client.received.filter(({ method }) => method === name);

describe('what a virtual browser holds', () => {
  let cdpmux: TestCdpmux;
  beforeAll(async () => void (cdpmux = await startCdpmux({ 'memory.interval': 200 })));
  afterAll(() => cdpmux.close());

  it.each(Object.entries(keeping))(
    'is told within 10 % for %s',
    async (who, keep) => {
      const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=${encodeURIComponent(who)}`);
      const page = await client.newPage();
      await evaluate(client, page, keep(100));
      await client.send('HeapProfiler.collectGarbage', {}, page.sessionId);
      const isExact = (): boolean => Math.abs(heldBy(cdpmux, who) - 100) < 10;
      await eventually(isExact, { within, what: `100 MB, not ${heldBy(cdpmux, who)}` });
      await client.close();
    },
    60_000,
  );

  it('comes with what V8 tells of its heaps, and with the processes of its Chrome', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=heap`);
    const page = await client.newPage();
    await evaluate(client, page, `${keeping['arrays']!(50)};t=new Uint8Array(20*1024*1024);1`);
    let memory: MemoryReport | undefined;
    const isTold = (): boolean => {
      memory = cdpmux.mux.virtualBrowsers().find(({ labels }) => labels['who'] === 'heap')?.memory;
      return memory !== undefined && memory.heapUsedMb > 48 && memory.backingMb > 19;
    };
    await eventually(isTold, { within, what: 'the heap' }).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(memory)}`);
    });
    expect(memory).toMatchObject({ timeouts: 0 });
    const [browser] = cdpmux.mux.browsers();
    expect(browser).toMatchObject({ idleMs: 0, crashes: 0 });
    expect(browser!.memory!.residentMb).toBeGreaterThan(browser!.memory!.heldMb);
    await client.close();
  }, 60_000);
});

describe('memory that was not watched', () => {
  it('is looked at from the reload on that asks for it, where clients are there already', async () => {
    const cdpmux = await startCdpmux({ 'memory.enabled': 'false' });
    const client = await CdpClient.connect(cdpmux.wsUrl);
    expect(cdpmux.mux.browsers()[0]!.memory).toBeUndefined();
    cdpmux.mux.reconfigure({ memory: loadConfig({}).memory });
    const isSeen = (): boolean => (cdpmux.mux.browsers()[0]!.memory?.residentMb ?? 0) > 0;
    await eventually(isSeen, { within, what: 'the size of its processes' });
    await client.close();
    await cdpmux.close();
  });
});

describe('a virtual browser past its limits', () => {
  let cdpmux: TestCdpmux;
  const limits = { 'memory.virtual.softLimitMb': 100, 'memory.virtual.hardLimitMb': 200 };
  beforeAll(async () => void (cdpmux = await startCdpmux({ ...limits, 'memory.interval': 1_000 })));
  afterAll(() => cdpmux.close());

  const types = (): string[] => cdpmux.mux.feed.after(0).map(({ type }) => type);

  it('is warned, then ended with the figures, while a page of it is stuck; its neighbour goes on', async () => {
    const neighbour = await CdpClient.connect(cdpmux.wsUrl);
    const theirs = await neighbour.newPage();
    const client = await CdpClient.connect(cdpmux.wsUrl);
    await client.send('Mux.getInfo');
    const page = await client.newPage();
    await evaluate(client, page, keeping['arrays']!(120));
    const warning = await client.waitFor(({ method }) => method === 'Mux.memoryWarning', 'a warning');
    expect(warning.params).toMatchObject({ of: 'virtualBrowser', softLimitMb: 100, hardLimitMb: 200 });
    expect(warning.params!['ownMb']).toBeGreaterThan(100);
    const expression = 'for(;;)k.push(new Array(1e5).fill(Math.random()))';
    const pending = client.ask('Runtime.evaluate', { expression }, page.sessionId);
    pending.catch(() => undefined);
    const { code, reason } = await client.closed;
    expect({ code, reason }).toEqual({
      code: 4413,
      reason: expect.stringMatching(/^memory: \d+ MB held, limit 200 MB \(memory\.virtual\.hardLimitMb\)$/),
    });
    expect(eventsOf(client, 'Mux.evicted').map(({ params }) => params)).toEqual([{ code, reason }]);
    expect(await evaluate(neighbour, theirs, '6*7')).toBe(42);
    expect(eventsOf(neighbour, 'Mux.memoryWarning')).toEqual([]);
    expect(types()).toEqual(expect.arrayContaining(['memory.warning', 'memory.evicted']));
    const { body } = await cdpmux.mux.metricsText();
    expect(body).toMatch(/^cdpmux_memory_evictions_total\{scope="virtual_browser"\} 1$/m);
    expect(body).toMatch(/^cdpmux_memory_warnings_total\{scope="virtual_browser"\} 1$/m);
    await neighbour.close();
  }, 60_000);

  it('is left alone when what it holds is garbage', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=tidy`);
    const page = await client.newPage();
    const wasteful = `for(let n=0;n<250;n++)new Array(131072).fill(Math.random());${keeping['arrays']!(20)}`;
    for (let nth = 0; nth < 3; nth++) expect(await evaluate(client, page, wasteful)).toBe(1);
    await eventually(() => Math.abs(heldBy(cdpmux, 'tidy') - 20) < 100, { within, what: 'its size' });
    expect(await evaluate(client, page, 'k.length')).toBe(20);
    await client.close();
  }, 60_000);
});

describe('a Chrome past its limits', () => {
  it('takes nobody new above the soft one, until it is well below', async () => {
    const cdpmux = await startCdpmux({
      'browsers.min': 1,
      'browsers.max': 2,
      'memory.softLimitMb': 100,
      'memory.hardLimitMb': 1_000,
    });
    const heavy = await CdpClient.connect(cdpmux.wsUrl);
    await heavy.send('Mux.getInfo');
    const page = await heavy.newPage();
    await evaluate(heavy, page, keeping['arrays']!(130));
    const warning = await heavy.waitFor(({ method }) => method === 'Mux.memoryWarning', 'a warning');
    expect(warning.params).toMatchObject({ of: 'browser', softLimitMb: 100 });
    const [first] = cdpmux.mux.browsers();
    expect(first!.reason).toMatch(/soft limit 100 MB \(memory\.softLimitMb\)$/);
    const areTwo = (): boolean => cdpmux.mux.browsers().filter(({ state }) => state === 'ready').length === 2;
    await eventually(areTwo, { within, what: 'a second Chrome, before anybody asks for one' });
    const newcomer = await CdpClient.connect(cdpmux.wsUrl);
    const places = cdpmux.mux.virtualBrowsers().map(({ browser }) => browser);
    expect(new Set(places).size).toBe(2);
    await evaluate(heavy, page, 'k=undefined;1');
    await heavy.send('HeapProfiler.collectGarbage', {}, page.sessionId);
    const isWell = (): boolean => cdpmux.mux.browsers().every(({ reason }) => reason === undefined);
    await eventually(isWell, { within, what: 'a Chrome that takes clients again' });
    expect(cdpmux.mux.feed.after(0).map(({ type }) => type)).toContain('memory.recovered');
    await Promise.all([heavy.close(), newcomer.close()]);
    await cdpmux.close();
  }, 60_000);

  it('lets the largest go first, and no more of them than it must, nor than may go in a minute', async () => {
    const cdpmux = await startCdpmux({
      'browsers.max': 1,
      'memory.softLimitMb': 150,
      'memory.hardLimitMb': 200,
      'memory.evictionsPerMinute': 1,
    });
    const small = await CdpClient.connect(cdpmux.wsUrl);
    const [large, page] = [await CdpClient.connect(cdpmux.wsUrl), await small.newPage()];
    await evaluate(small, page, keeping['arrays']!(60));
    growUnanswered(large, await large.newPage(), 160);
    const { code, reason } = await large.closed;
    expect(code).toBe(4413);
    expect(reason).toMatch(/MB of \d+ MB in this Chrome, limit 200 MB \(memory\.hardLimitMb\)$/);
    expect(await evaluate(small, page, 'k.length')).toBe(60);
    await evaluate(small, page, `l=k;${keeping['arrays']!(180)}`);
    const types = (): string[] => cdpmux.mux.feed.after(0).map(({ type }) => type);
    await eventually(() => types().includes('memory.held-back'), { within, what: 'an eviction held back' });
    expect(await evaluate(small, page, 'k.length')).toBe(180);
    await small.close();
    await cdpmux.close();
  }, 60_000);
});

describe('in a remote Chrome', () => {
  it('heaps are limited as V8 tells of them, and reports say what is not seen', async () => {
    const chrome = await startChrome();
    const cdpmux = await startCdpmux({
      'browsers.upstreams': chrome.wsUrl,
      'memory.interval': 100,
      'memory.virtual.softLimitMb': 50,
      'memory.virtual.hardLimitMb': 100,
    });
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=remote`);
    const page = await client.newPage();
    await evaluate(client, page, keeping['typed arrays']!(30));
    await eventually(() => heldBy(cdpmux, 'remote') > 30, { within, what: 'its heap' });
    expect(cdpmux.mux.browsers()[0]!.memory!.unseen).toContain('wasm');
    expect(cdpmux.mux.browsers()[0]!.memory).not.toHaveProperty('residentMb');
    growUnanswered(client, page, 120);
    expect(await client.closed).toMatchObject({ code: 4413 });
    await cdpmux.close();
    await chrome.close();
  }, 60_000);
});
