import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { startChrome } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { recorded } from './support/recorded.js';
import { openSite, type Site } from './support/site.js';
import { told } from './support/told.js';

let site: Site;
let cold: TestCdpmux;
let warm: TestCdpmux;
beforeAll(async () => {
  [site, cold, warm] = await Promise.all([
    openSite(),
    startCdpmux(),
    startCdpmux({ 'stock.enabled': 'true', 'stock.max': 1 }),
  ]);
});
afterAll(async () => {
  await Promise.all([site.close(), cold.close(), warm.close()]);
});

/** What a script sees of a page that it opens with an init script, takes to a site and closes. */
type Visit = (url: string) => Promise<unknown>;

const early = 'window.early = document.readyState';

const libraries: Record<string, Visit> = {
  Puppeteer: async (url) => {
    const browser = await puppeteer.connect({ browserWSEndpoint: url });
    const [first] = await browser.pages();
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(early);
    const seen = await page.evaluate('[document.visibilityState, document.hasFocus(), location.href]');
    const behind = await first?.evaluate('document.visibilityState');
    await page.goto(site.url('a', 'empty'));
    const inSite = await page.evaluate('window.early');
    const pages = (await browser.pages()).length;
    await page.close();
    await browser.disconnect();
    return { seen, behind, inSite, pages };
  },
  Playwright: async (url) => {
    const browser = await chromium.connectOverCDP(url);
    const context = browser.contexts()[0]!;
    await context.addInitScript(early);
    const page = await context.newPage();
    const seen = await page.evaluate('[document.visibilityState, window.early, location.href]');
    await page.goto(site.url('a', 'empty'));
    const inSite = await page.evaluate('window.early');
    const pages = context.pages().length;
    await page.close();
    await browser.close();
    return { seen, inSite, pages };
  },
};

async function visit(wsUrl: string, library: string): Promise<object> {
  const way = await recorded(wsUrl);
  try {
    const seen = await libraries[library]!(way.url);
    const { root, 'tab 2': tab, 'page 2': page } = told(way.received);
    return { seen, root, tab, page };
  } finally {
    way.close();
  }
}

describe.each(Object.keys(libraries))('%s', (library) => {
  it('is told of a page that was ready what it would be told of a new one', async () => {
    const fresh = await startChrome();
    try {
      await eventually(() => warm.mux.browsers()[0]?.stock === 1, { within: 20_000, what: 'the stock' });
      const before = await pagesGiven();
      const fromStock = await visit(warm.wsUrl, library);
      expect(await pagesGiven()).toBe(before + 1);
      const expected = await visit(fresh.wsUrl, library);
      expect(fromStock).toEqual(expected);
      expect(await visit(cold.wsUrl, library)).toEqual(expected);
      expect((expected as { page: unknown[] }).page.length).toBeGreaterThan(10);
    } finally {
      await fresh.close();
    }
  });
});

async function pagesGiven(): Promise<number> {
  const { body } = await warm.mux.metricsText();
  return Number(/^cdpmux_stock_pages_total (\d+)/m.exec(body)?.[1]);
}
