import puppeteer from 'puppeteer-core';
import type { Browser, Page } from 'puppeteer-core';

import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { startCdpmux } from './cdpmux.js';
import type { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { singleRatio } from './figures.js';
import type { Figure } from './figures.js';
import { launchOptions } from './launch-options.js';
import { alone } from './pool/figure.js';
import { RawClient } from './raw-client.js';
import { settledSize, sizeOfProcesses } from './resident.js';
import { openSite } from './site.js';

/** What the memory suite is given. */
export interface MemoryOptions {
  readonly executable: ChromeExecutable;
  readonly clients: number;
  readonly closers: Closers;
}

/**
 * What a number of clients with one page each take: in one Chrome through cdpmux (its own process included), and in a
 * Chrome each. One after the other, since whatever runs beside would share the program's pages and look smaller.
 */
export async function memory(options: MemoryOptions): Promise<Figure[]> {
  const { executable, clients } = options;
  const shared = await together(options);
  const bare = await pagesAlone(options);
  const apart = await each(options, ownFlags);
  const usual = await each(options, puppeteersFlags);
  const figure = (name: string, unit: string, direct: number, cdpmux: number): Figure => ({
    suite: 'memory',
    name,
    unit,
    direct,
    cdpmux,
    ratio: singleRatio(cdpmux / direct),
  });
  const size = figure(
    `${clients} clients, a page each; direct: a Chrome each, same flags`,
    'MB',
    apart.blank.mb,
    shared.blank.mb,
  );
  const isShell = executable.kind === 'shell';
  return [
    { ...size, target: { of: 'ratio', relation: '<=', value: isShell ? 0.3 : 0.2 } },
    ...(isShell && clients === 20
      ? [{ ...size, name: 'the same, in all', target: { of: 'cdpmux', relation: '<=', value: 600 } } as const]
      : []),
    alone('memory', 'of these, cdpmux itself', 'MB', shared.own),
    figure(
      'the same pages in one Chrome without cdpmux (what no proxy gets below)',
      'MB',
      apart.blank.mb,
      bare,
    ),
    figure('direct: a Chrome each, by puppeteer.launch', 'MB', usual.blank.mb, shared.blank.mb),
    figure('each page at a site; direct: same flags', 'MB', apart.visited.mb, shared.visited.mb),
    figure('each page at a site; direct: by puppeteer.launch', 'MB', usual.visited.mb, shared.visited.mb),
    figure('processes; direct: same flags', 'processes', apart.visited.processes, shared.visited.processes),
  ];
}

type Size = Awaited<ReturnType<typeof settledSize>>;

/** With each client's page as it was at the start, and with each at a site. */
interface Sizes {
  readonly blank: Size;
  readonly visited: Size;
}

async function sizes(pids: readonly number[], browsers: readonly Browser[], url: string): Promise<Sizes> {
  const pages = await Promise.all(browsers.map(firstPage));
  const blank = await settledSize(pids);
  for (const page of pages) await page.goto(url);
  return { blank, visited: await settledSize(pids) };
}

async function together({
  executable,
  clients,
  closers,
}: MemoryOptions): Promise<Sizes & { readonly own: number }> {
  const browsers: Browser[] = [];
  const started: (() => Promise<void>)[] = [];
  try {
    const site = await openSite();
    started.push(closers.add(() => site.close()));
    const cdpmux = await startCdpmux(executable);
    started.push(closers.add(() => cdpmux.close()));
    for (let i = 0; i < clients; i++) {
      const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
      started.push(() => browser.disconnect());
      browsers.push(browser);
    }
    const all = await sizes([cdpmux.pid], browsers, site.url);
    return { ...all, own: (await sizeOfProcesses([cdpmux.pid])).mb };
  } finally {
    for (const close of started.reverse()) await close();
  }
}

/** One Chrome with as many contexts of one blank page, and nobody connected but over one plain socket. */
async function pagesAlone({ executable, clients, closers }: MemoryOptions): Promise<number> {
  const chrome = await startDirect(executable);
  const close = closers.add(() => chrome.close());
  const client = await RawClient.connect(chrome.wsUrl);
  try {
    for (let i = 0; i < clients; i++) {
      const { browserContextId } = await client.request<{ browserContextId: string }>(
        'Target.createBrowserContext',
      );
      await client.request('Target.createTarget', { url: 'about:blank', browserContextId });
    }
    return (await settledSize([chrome.pid])).mb;
  } finally {
    client.close();
    await close();
  }
}

/** A Chrome of one's own, and a client of it. */
interface OwnChrome {
  readonly browser: Browser;
  readonly pid: number;
  close(): Promise<void>;
}

type Launch = (executable: ChromeExecutable) => Promise<OwnChrome>;

async function each({ executable, clients, closers }: MemoryOptions, launch: Launch): Promise<Sizes> {
  const browsers: Browser[] = [];
  const started: (() => Promise<void>)[] = [];
  try {
    const site = await openSite();
    started.push(closers.add(() => site.close()));
    const pids: number[] = [];
    for (let i = 0; i < clients; i++) {
      const chrome = await launch(executable);
      started.push(closers.add(() => chrome.close()));
      pids.push(chrome.pid);
      browsers.push(chrome.browser);
    }
    return await sizes(pids, browsers, site.url);
  } finally {
    for (const close of started.reverse()) await close();
  }
}

async function ownFlags(executable: ChromeExecutable): Promise<OwnChrome> {
  const chrome = await startDirect(executable, { startupPage: true });
  try {
    const browser = await puppeteer.connect({ browserWSEndpoint: chrome.wsUrl });
    const close = async (): Promise<void> => {
      await browser.disconnect();
      await chrome.close();
    };
    return { browser, pid: chrome.pid, close };
  } catch (error) {
    await chrome.close();
    throw error;
  }
}

async function puppeteersFlags(executable: ChromeExecutable): Promise<OwnChrome> {
  const browser = await puppeteer.launch(await launchOptions(executable));
  return { browser, pid: browser.process()?.pid ?? -1, close: () => browser.close() };
}

async function firstPage(browser: Browser): Promise<Page> {
  const [page] = await browser.pages();
  if (!page) throw new Error('a browser started without a page');
  return page;
}

/** The same for several numbers of clients, rising, without visits: more clients come to those that are there. */
export async function memorySweep(
  { executable, closers }: Omit<MemoryOptions, 'clients'>,
  counts: readonly number[],
): Promise<Figure[]> {
  const cdpmux = await startCdpmux(executable);
  const closeCdpmux = closers.add(() => cdpmux.close());
  const shared = await growing(counts, [cdpmux.pid], async () => {
    const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
    return { browser, close: () => browser.disconnect() };
  });
  await closeCdpmux();
  const pids: number[] = [];
  const apart = await growing(counts, pids, async () => {
    const chrome = await ownFlags(executable);
    pids.push(chrome.pid);
    return { browser: chrome.browser, close: closers.add(() => chrome.close()) };
  });
  return counts.map((count, nth) => ({
    suite: 'memory',
    name: `as clients come: ${count}, a page each; direct: a Chrome each, same flags`,
    unit: 'MB',
    direct: apart[nth]!,
    cdpmux: shared[nth]!,
    ratio: singleRatio(shared[nth]! / apart[nth]!),
  }));
}

/** Sizes with so many clients, MB; all go afterwards. */
async function growing(
  counts: readonly number[],
  pids: readonly number[],
  come: () => Promise<Pick<OwnChrome, 'browser' | 'close'>>,
): Promise<number[]> {
  const clients: Pick<OwnChrome, 'browser' | 'close'>[] = [];
  try {
    const found: number[] = [];
    for (const count of counts) {
      while (clients.length < count) {
        const client = await come();
        clients.push(client);
        await firstPage(client.browser);
      }
      found.push((await settledSize(pids)).mb);
    }
    return found;
  } finally {
    for (const { close } of clients.reverse()) await close();
  }
}
