import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../proxy/config.js';
import { residentOf } from '../src/chrome/resident.js';
import type { BrowserReport, MemorySettings } from '../src/index.js';
import { CdpClient } from './support/cdp-client.js';
import { chromeExecutable, testKind } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { evaluate } from './support/page.js';
import { renderersOf, ticksOf } from './support/renderers.js';

const within = 30_000;
/** Keeps so many MB. */
const keeping = (mb: number): string =>
  `k=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()));1`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (settings: Parameters<typeof startCdpmux>[0]): Promise<TestCdpmux> => {
  const cdpmux = await startCdpmux({ 'browsers.min': 1, 'browsers.max': 1, ...settings });
  closers.push(() => cdpmux.close());
  return cdpmux;
};
const clientOf = async ({ wsUrl }: TestCdpmux): Promise<CdpClient> => {
  const client = await CdpClient.connect(wsUrl);
  closers.push(() => client.close());
  return client;
};
const typesOf = ({ mux }: TestCdpmux): string[] => mux.feed.after(0).map(({ type }) => type);
const isGone = (pid: number) => () => ticksOf(pid) === undefined;
/** Which browsers there are at the moment that a client is closed. */
const atItsEnd = async ({ mux }: TestCdpmux, client: CdpClient) => {
  const { code, reason } = await client.closed;
  return { code, reason, ready: mux.browsers().filter(({ state }) => state === 'ready') };
};

/** A program that starts the Chrome of the tests with a page in it that nobody asked for, and that keeps so many MB. */
async function chromeThatHolds(mb: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-heavy-'));
  closers.push(() => rm(directory, { recursive: true }));
  const path = join(directory, 'heavy-chrome');
  const script = [
    '#!/bin/bash',
    // with it Chrome opens no page that is named on its command line
    'for one; do [ "$one" = --no-startup-window ] || args+=("$one"); done',
    `exec '${chromeExecutable()}' "\${args[@]}" 'data:text/html,<script>${keeping(mb)}</script>'`,
  ];
  await writeFile(path, `${script.join('\n')}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Waits until a process of a Chrome holds more than so many MB. */
const isHeavy = (pid: number, mb: number): Promise<void> =>
  eventually(
    async () => (await renderersOf(pid)).some((one) => (residentOf(one)?.own ?? 0) > mb * 1024 * 1024),
    { within, what: 'the page that is nobody’s' },
  );

it('a Chrome past its soft limit takes nobody new, and gives back what it kept ready', async () => {
  const cdpmux = await start({
    'stock.enabled': 'true',
    'memory.interval': 200,
    'memory.softLimitMb': 60,
    'memory.hardLimitMb': 2_000,
  });
  const stock = () => cdpmux.mux.browsers().map((browser) => [browser.stock, browser.stockWanted]);
  await eventually(() => stock()[0]?.[0] === 1, { within, what: 'one that is ready' });
  const client = await clientOf(cdpmux);
  expect(await evaluate(client, await client.newPage(), keeping(150))).toBe(1);
  await eventually(() => stock()[0]?.join() === '0,0', { within, what: 'an empty stock' });
  expect(cdpmux.mux.browsers()[0]?.reason).toMatch(/soft limit/);
}, 90_000);

describe('a whole Chrome past its hard limit', () => {
  it('is replaced when what it holds is nobody’s: its successor comes first, who is in it is told', async () => {
    const cdpmux = await start({
      chrome: await chromeThatHolds(150),
      'browsers.kind': testKind(),
      'memory.softLimitMb': 80,
      'memory.hardLimitMb': 100,
      'memory.evictionsPerMinute': 2,
    });
    const first = cdpmux.mux.browsers()[0]!;
    // what is older than all clients can't be theirs
    await isHeavy(first.pid!, 150);
    // one alone: the next would wait for the successor
    const { code, reason, ready } = await atItsEnd(cdpmux, await clientOf(cdpmux));
    expect(code).toBe(4413);
    expect(reason).toMatch(/^memory: 1\d\d MB in this Chrome, limit 100 MB \(memory\.hardLimitMb\)$/);
    expect(ready).toHaveLength(1);
    expect(ready[0]!.id).not.toBe(first.id);
    const [second] = ready as [BrowserReport];
    await isHeavy(second.pid!, 150);
    const next = await clientOf(cdpmux);
    await next.send('Browser.getVersion');
    // the successor is no better, and goes although nobody is left in it
    const isAbove = (): boolean =>
      cdpmux.mux.browsers().some(({ id, memory }) => id === second.id && (memory?.heldMb ?? 0) > 100);
    await eventually(isAbove, { within, what: 'the size of the successor' });
    await next.close();
    await eventually(isGone(first.pid!), { within, what: 'the end of its process' });
    expect(cdpmux.mux.browsers().map(({ id }) => id)).not.toContain(first.id);
    await eventually(isGone(second.pid!), { within, what: 'the end of the successor' });
    const seen = typesOf(cdpmux);
    expect(seen).not.toContain('memory.evicted');
    expect(seen.filter((type) => type === 'memory.replaced')).toHaveLength(2);
    expect(seen).not.toContain('browser.lost');
    const { body } = await cdpmux.mux.metricsText();
    expect(body).toMatch(/^cdpmux_memory_evictions_total\{scope="browser"\} 2$/m);
    expect(body).toMatch(/^cdpmux_memory_evictions_total\{scope="virtual_browser"\} 0$/m);
  }, 120_000);

  it('is judged by its processes as well: it warns, the largest goes first, and what helps no more is replaced', async () => {
    const cdpmux = await start({ 'memory.interval': 100 });
    const [small, large] = [await clientOf(cdpmux), await clientOf(cdpmux)];
    for (const client of [small, large]) await client.send('Mux.getInfo');
    const [page, largePage] = [await small.newPage(), await large.newPage()];
    const told = () => cdpmux.mux.browsers()[0]!.memory;
    await eventually(() => (told()?.residentMb ?? 0) > 0, { within, what: 'its size before' });
    const before = told()!.residentMb!;
    await evaluate(small, page, keeping(20));
    await evaluate(large, largePage, keeping(120));
    const first = cdpmux.mux.browsers()[0]!;
    let resident = 0;
    const isTold = (): boolean => {
      const { heldMb = 0, residentMb = 0 } = told() ?? {};
      resident = residentMb;
      // the two are read at different moments
      return heldMb > 130 && residentMb > before + 130;
    };
    await eventually(isTold, { within, what: 'what its processes hold' });
    const { memory } = loadConfig({ flags: { set: [] } });
    const setRss = (softLimitMb: number, hardLimitMb: number): void => {
      const rss: MemorySettings['rss'] = { softLimitMb, hardLimitMb };
      cdpmux.mux.reconfigure({ memory: { ...memory, interval: 100, rss } });
    };

    const soft = Math.round(resident) - 20;
    setRss(soft, 100_000);
    const warning = await large.waitFor(({ method }) => method === 'Mux.memoryWarning', 'a warning');
    expect(warning.params).toMatchObject({ of: 'browser', softLimitMb: soft, hardLimitMb: 100_000 });
    expect(warning.params!['heldMb']).toBeGreaterThan(soft);
    expect(cdpmux.mux.browsers()[0]!.reason).toMatch(
      new RegExp(`^\\d+ MB, soft limit ${soft} MB \\(memory\\.rss\\.softLimitMb\\)$`),
    );

    const hard = Math.round(resident) - 60;
    setRss(hard - 10, hard);
    const { code, reason } = await large.closed;
    expect(code).toBe(4413);
    expect(reason).toMatch(
      new RegExp(
        `^memory: 1\\d\\d MB of \\d+ MB in this Chrome, limit ${hard} MB \\(memory\\.rss\\.hardLimitMb\\)$`,
      ),
    );
    const isBelow = (): boolean => (cdpmux.mux.browsers()[0]!.memory?.residentMb ?? Infinity) < hard;
    await eventually(isBelow, { within, what: 'less in its processes' });
    expect(await evaluate(small, page, 'k.length')).toBe(20);
    expect(cdpmux.mux.browsers()[0]!.id).toBe(first.id);

    // less than any Chrome takes: that somebody goes would help nobody
    setRss(0, 10);
    const end = await atItsEnd(cdpmux, small);
    expect(end.code).toBe(4413);
    expect(end.reason).toMatch(/^memory: \d+ MB in this Chrome, limit 10 MB \(memory\.rss\.hardLimitMb\)$/);
    expect(end.ready.map(({ id }) => id)).not.toContain(first.id);
    expect(typesOf(cdpmux).filter((type) => type === 'memory.evicted')).toHaveLength(1);
    setRss(0, 0);
    const next = await clientOf(cdpmux);
    await next.newPage();
  }, 120_000);
});
