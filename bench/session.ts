import puppeteer from 'puppeteer-core';
import type { Browser, BrowserContext } from 'puppeteer-core';

import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { startDirect } from './direct-chrome.js';
import { median, ratios } from './figures.js';
import type { Figure } from './figures.js';

/** What the session suite is given. */
export interface SessionOptions {
  readonly executable: ChromeExecutable;
  readonly directUrl: string;
  readonly cdpmuxUrl: string;
  /** How often each thing is done on each side. */
  readonly rounds: number;
  /** Numbers of other clients, rising. */
  readonly neighbours: readonly number[];
}

/** How long clients take to come, get a page and go, and what a page costs beside many others. */
export async function session(options: SessionOptions): Promise<Figure[]> {
  return [...(await comeAndGo(options)), ...(await besideOthers(options))];
}

type Act = () => Promise<void>;

async function comeAndGo({ executable, directUrl, cdpmuxUrl, rounds }: SessionOptions): Promise<Figure[]> {
  const own = await sideBySide(
    () => inContext(directUrl),
    () => inVirtualBrowser(`${cdpmuxUrl}?initialPage=false`),
    rounds,
  );
  const plain = await sideBySide(
    () => inDefaultContext(directUrl),
    () => inVirtualBrowser(cdpmuxUrl),
    rounds,
  );
  const launched = await sideBySide(
    () => inOwnChrome(executable),
    () => inVirtualBrowser(cdpmuxUrl),
    Math.max(3, Math.round(rounds / 5)),
  );
  return [
    figure('connect + newPage + close, in a context of its own', own),
    figure('connect + newPage + close, direct not isolated', plain),
    figure('connect + newPage + close, direct a Chrome launched for it', launched),
  ];
}

interface Times {
  readonly direct: number[];
  readonly cdpmux: number[];
}

async function sideBySide(direct: Act, cdpmux: Act, rounds: number): Promise<Times> {
  const times: Times = { direct: [], cdpmux: [] };
  // the first of each is not counted
  for (let round = 0; round <= rounds; round++) {
    // whoever comes first meets what the round before left behind
    for (const side of round % 2 === 0 ? (['direct', 'cdpmux'] as const) : (['cdpmux', 'direct'] as const)) {
      const start = performance.now();
      await (side === 'direct' ? direct() : cdpmux());
      if (round > 0) times[side].push(performance.now() - start);
    }
  }
  return times;
}

function figure(name: string, { direct, cdpmux }: Times): Figure {
  return {
    suite: 'session',
    name,
    unit: 'ms',
    direct: median(direct),
    cdpmux: median(cdpmux),
    ratio: ratios(cdpmux, direct),
  };
}

async function inVirtualBrowser(url: string): Promise<void> {
  const browser = await connect(url);
  await browser.newPage();
  // ends the virtual browser with all that is in it
  await browser.close();
}

async function inContext(url: string): Promise<void> {
  const browser = await connect(url);
  const context = await browser.createBrowserContext();
  await context.newPage();
  await context.close();
  await browser.disconnect();
}

async function inDefaultContext(url: string): Promise<void> {
  const browser = await connect(url);
  const page = await browser.newPage();
  await page.close();
  await browser.disconnect();
}

async function inOwnChrome(executable: ChromeExecutable): Promise<void> {
  const chrome = await startDirect(executable, { startupPage: true });
  try {
    await inDefaultContext(chrome.wsUrl);
  } finally {
    await chrome.close();
  }
}

function connect(url: string): Promise<Browser> {
  return puppeteer.connect({ browserWSEndpoint: url });
}

/** newPage beside others: on the direct side one client with as many contexts, since there many clients would all attach to every page. */
async function besideOthers({ directUrl, cdpmuxUrl, rounds, neighbours }: SessionOptions): Promise<Figure[]> {
  const directBrowser = await connect(directUrl);
  const contexts: BrowserContext[] = [];
  const others: Browser[] = [];
  const measured = await connect(cdpmuxUrl);
  try {
    const own = await directBrowser.createBrowserContext();
    contexts.push(own);
    const timesAt: [number, Times][] = [];
    for (const count of neighbours) {
      while (others.length < count) {
        others.push(await connect(cdpmuxUrl));
        const context = await directBrowser.createBrowserContext();
        contexts.push(context);
        await context.newPage();
      }
      const times = await newPages(own, measured, rounds);
      timesAt.push([count, times]);
    }
    return [
      ...timesAt.map(([count, times]) =>
        figure(`newPage beside ${count} other${count === 1 ? '' : 's'}`, times),
      ),
      ...growth(timesAt),
    ];
  } finally {
    await Promise.allSettled([measured, ...others].map((browser) => browser.disconnect()));
    await Promise.allSettled(contexts.map((context) => context.close()));
    await directBrowser.disconnect();
  }
}

async function newPages(direct: BrowserContext, cdpmux: Browser, rounds: number): Promise<Times> {
  const times: Times = { direct: [], cdpmux: [] };
  for (let round = 0; round < rounds + 2; round++) {
    const sides = [
      ['direct', direct],
      ['cdpmux', cdpmux],
    ] as const;
    for (const [side, from] of round % 2 === 0 ? sides : [...sides].reverse()) {
      const start = performance.now();
      const page = await from.newPage();
      if (round > 1) times[side].push(performance.now() - start);
      await page.close();
    }
  }
  return times;
}

function growth(timesAt: readonly [number, Times][]): Figure[] {
  const first = timesAt[0];
  const last = timesAt.at(-1);
  if (!first || !last || first === last) return [];
  const grown = (side: keyof Times): number => median(last[1][side]) / median(first[1][side]);
  const [before, after] = [first[1], last[1]].map(({ cdpmux, direct }) =>
    cdpmux.map((value, round) => value / (direct[round] ?? NaN)),
  );
  return [
    {
      suite: 'session',
      name: `newPage, growth from ${first[0]} to ${last[0]} others`,
      unit: 'times',
      direct: grown('direct'),
      cdpmux: grown('cdpmux'),
      // both growths go through the ratios taken in turns: the machine's load was another at the end
      ratio: { ...ratios(after ?? [], before ?? []), median: median(after ?? []) / median(before ?? []) },
      target: { of: 'ratio', relation: '<=', value: 1.1 },
    },
  ];
}
