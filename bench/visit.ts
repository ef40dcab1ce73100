import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { fullStock } from './full-stock.js';
import { median, ratios, type Figure } from './figures.js';
import { openSite, RESOURCES } from './site.js';
import type { SuiteRun } from './suite.js';

/** What a client does, in this order. */
const steps = [
  'connect',
  'newPage',
  `a visit of a page with ${RESOURCES} resources`,
  'screenshot',
  'PDF',
] as const;

/** How long each step took, ms. */
type Times = readonly number[];

/** One client that comes, works and goes, step by step; both sides in turns. Directly, it makes a context of its own between the first two. */
export async function visit(run: SuiteRun): Promise<Figure[]> {
  const site = await openSite();
  run.closers.add(() => site.close());
  const [direct, cdpmux] = [await run.direct(), await run.cdpmux(['stock.enabled=true'])];
  const times = { direct: [] as Times[], cdpmux: [] as Times[] };
  const rounds = run.number('rounds');
  // the first of each is not counted
  for (let round = -1; round < rounds; round++) {
    // whoever comes first meets what the round before left behind
    for (const side of round % 2 === 0 ? (['direct', 'cdpmux'] as const) : (['cdpmux', 'direct'] as const)) {
      await fullStock(cdpmux.url);
      const took = await work(side === 'direct' ? direct.wsUrl : cdpmux.wsUrl, site.large, side === 'cdpmux');
      if (round >= 0) times[side].push(took);
    }
  }
  await Promise.all([direct.close(), cdpmux.close(), site.close()]);
  const sumUp = (name: string, of: (one: Times) => number): Figure => {
    const [before, after] = [times.direct.map(of), times.cdpmux.map(of)];
    return {
      suite: 'session',
      name: `one client: ${name}`,
      unit: 'ms',
      direct: median(before),
      cdpmux: median(after),
      ratio: ratios(after, before),
      series: { direct: before, cdpmux: after },
    };
  };
  return [
    ...steps.map((name, nth) => sumUp(name, (one) => one[nth]!)),
    sumUp('all of it', (one) => one.reduce((sum, each) => sum + each, 0)),
  ];
}

async function work(wsUrl: string, url: string, isMux: boolean): Promise<Times> {
  const took: number[] = [];
  const timed = async <T>(step: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await step();
    took.push(performance.now() - start);
    return result;
  };
  const browser = await timed(() => puppeteer.connect({ browserWSEndpoint: wsUrl }));
  const context = isMux ? undefined : await browser.createBrowserContext();
  try {
    const page = await timed(() => (context ?? browser).newPage());
    await timed(() => page.goto(url));
    await mustBeWhole(page);
    await timed(() => page.screenshot());
    await timed(() => page.pdf());
    return took;
  } finally {
    await context?.close();
    await leave(browser, isMux);
  }
}

/** Ends a virtual browser with all in it; the Chrome that is not cdpmux's goes on. */
function leave(browser: Browser, isMux: boolean): Promise<void> {
  return isMux ? browser.close() : browser.disconnect();
}

async function mustBeWhole(page: Page): Promise<void> {
  const count = await page.evaluate('performance.getEntriesByType("resource").length');
  if (count !== RESOURCES) throw new Error(`the page loaded ${String(count)} of ${RESOURCES} resources`);
}
