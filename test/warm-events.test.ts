import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import puppeteer21 from 'puppeteer-core-21';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startChrome } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { recorded } from './support/recorded.js';
import { openSite, type Site } from './support/site.js';
import { told } from './support/told.js';
import { pagesGiven } from './support/stock.js';

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

/** What a script sees of a page that it opens with an init script, takes to a site and closes; `isTold` waits until it has heard of that. */
type Visit = (url: string, isTold: () => Promise<void>) => Promise<unknown>;

const early = 'window.early = document.readyState';

type Connect = Pick<typeof puppeteer, 'connect'>;

const byPuppeteer =
  (library: Connect): Visit =>
  async (url, isTold) => {
    const browser = await library.connect({ browserWSEndpoint: url });
    const [first] = await browser.pages();
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(early);
    const seen = await page.evaluate('[document.visibilityState, document.hasFocus(), location.href]');
    const behind = await first?.evaluate('document.visibilityState');
    await page.goto(site.url('a', 'empty'));
    const inSite = await page.evaluate('window.early');
    const pages = (await browser.pages()).length;
    await page.close();
    await isTold();
    await browser.disconnect();
    return { seen, behind, inSite, pages };
  };

const libraries: Record<string, Visit> = {
  Puppeteer: byPuppeteer(puppeteer),
  // what both have in common is all that is used
  'Puppeteer 21': byPuppeteer(puppeteer21 as unknown as Connect),
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
    const destroyed = (): number =>
      way.received.filter(({ method }) => method === 'Target.targetDestroyed').length;
    // of the page and of its tab
    const isTold = (): Promise<void> => eventually(() => destroyed() === 2, { what: 'the end of both' });
    const seen = await libraries[library]!(way.url, isTold);
    return { seen, ...told(way.received) };
  } finally {
    way.close();
  }
}

describe.each(Object.keys(libraries))('%s', (library) => {
  it('is told of a page that was ready what it would be told of a new one', async () => {
    const fresh = await startChrome();
    try {
      await eventually(() => warm.mux.browsers()[0]?.stock === 1, { within: 20_000, what: 'the stock' });
      const before = await pagesGiven(warm);
      const fromStock = await visit(warm.wsUrl, library);
      expect(await pagesGiven(warm)).toBe(before + 1);
      const expected = await visit(fresh.wsUrl, library);
      expect(fromStock).toEqual(expected);
      expect(await visit(cold.wsUrl, library)).toEqual(expected);
      expect((expected as { 'page 2': unknown[] })['page 2'].length).toBeGreaterThan(10);
    } finally {
      await fresh.close();
    }
  });
});

describe("the end of a blank page's loading", () => {
  it("is news only to who is quick, in a Chrome of one's own as well", async () => {
    const fresh = await startChrome();
    try {
      await eventually(() => warm.mux.browsers()[0]?.stock === 1, { within: 20_000, what: 'the stock' });
      const before = await pagesGiven(warm);
      const heard: Record<string, string[]> = {};
      for (const [name, { wsUrl }] of Object.entries({ fresh, cold, warm })) heard[name] = await late(wsUrl);
      expect(await pagesGiven(warm)).toBe(before + 1);
      expect(heard).toEqual({ fresh: [], cold: [], warm: [] });
    } finally {
      await fresh.close();
    }
  });
});

/** What is told of a new page's loading to who enables its events when its blank document has loaded. */
async function late(wsUrl: string): Promise<string[]> {
  const client = await CdpClient.connect(wsUrl);
  try {
    const how = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
    await client.send('Target.setAutoAttach', how);
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const isIt = ({ method, params }: Message): boolean =>
      method === 'Target.attachedToTarget' &&
      (params as { targetInfo: { targetId: string } }).targetInfo.targetId === targetId;
    const attached = await client.waitFor(isIt, 'its session');
    const { sessionId } = attached.params as { sessionId: string };
    await client.send('Runtime.runIfWaitingForDebugger', {}, sessionId);
    await eventually(() => hasLoaded(client, sessionId), { within: 15_000, what: 'its document' });
    await client.send('Page.enable', {}, sessionId);
    await hasLoaded(client, sessionId);
    const methods = client.received.flatMap((one) => (one.sessionId === sessionId && one.method) || []);
    return methods.filter((method) => method.endsWith('Loading'));
  } finally {
    await client.close();
  }
}

async function hasLoaded(client: CdpClient, sessionId: string): Promise<boolean> {
  const expression = 'performance.timing.loadEventEnd > 0';
  const { result } = await client.send<{ result: { value: boolean } }>(
    'Runtime.evaluate',
    { expression },
    sessionId,
  );
  return result.value;
}
