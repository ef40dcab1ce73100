import { chromium } from 'playwright-core';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { until } from './until.js';

/** Longest that anything may take, ms: 20 times what it takes on a quiet machine. */
const PATIENCE = 20_000;

/** What stands in a page that is there to be found again, set in it as `script`. */
export interface Left {
  readonly home: string;
  readonly slow: string;
  /** Sets state and a cookie. */
  readonly script: string;
}

/** What a client finds that has come back. */
export interface FoundAgain {
  /** JavaScript state and cookie of the page that was left. */
  readonly state: unknown;
  /** Cookie of the page that was on its way when the socket was lost, which has arrived. */
  readonly arrived: unknown;
  /** Of the page in a further context; undefined when that is gone. */
  readonly further: unknown;
  /** Ends the virtual browser. */
  close(): Promise<void>;
}

/** One kind of client. */
export interface ComebackClient {
  /** Leaves state in pages of two contexts and one page on its way to `slow`; gives the virtual browser's id. */
  leave(url: string, left: Left): Promise<string>;
  /** Connects again, and looks at all of it. */
  comeBack(url: string, left: Left): Promise<FoundAgain>;
}

const STATE = '[window.kept, localStorage.kept, document.cookie].join()';
const ARRIVED = 'document.title === "arrived"';
const COOKIE = 'document.cookie';

interface Paged {
  url(): string;
}

/** The page at that address, once there is one: it may just be on its way. */
function pageAt<P extends Paged>(url: string, pages: () => Promise<P[]>): Promise<P> {
  return until(`a page at ${url}`, PATIENCE, async () => (await pages()).find((one) => one.url() === url));
}

async function pagesOf(browser: Browser): Promise<Page[]> {
  return browser.defaultBrowserContext().pages();
}

const ofPuppeteer: ComebackClient = {
  async leave(url, { home, slow, script }) {
    const browser = await puppeteer.connect({ browserWSEndpoint: url, protocolTimeout: PATIENCE });
    const session = await browser.target().createCDPSession();
    const info = (await session.send('Mux.getInfo' as never)) as { virtualBrowserId: string };
    for (const context of [browser.defaultBrowserContext(), await browser.createBrowserContext()]) {
      const page = await context.newPage();
      await page.goto(home);
      await page.evaluate(script);
    }
    const page = await browser.newPage();
    // its socket is cut before
    page.goto(slow).catch(() => undefined);
    return info.virtualBrowserId;
  },
  async comeBack(url, { home, slow }) {
    const browser = await puppeteer.connect({ browserWSEndpoint: url, protocolTimeout: PATIENCE });
    const page = await pageAt(home, () => pagesOf(browser));
    const late = await pageAt(slow, () => pagesOf(browser));
    await late.waitForFunction(ARRIVED);
    const further = browser.browserContexts().find((one) => one !== browser.defaultBrowserContext());
    const [inFurther] = (await further?.pages()) ?? [];
    return {
      state: await page.evaluate(STATE),
      arrived: await late.evaluate(COOKIE),
      further: await inFurther?.evaluate(STATE),
      close: () => browser.close(),
    };
  },
};

const ofPlaywright: ComebackClient = {
  async leave(url, { home, slow, script }) {
    const browser = await chromium.connectOverCDP(url, { timeout: PATIENCE });
    const session = await browser.newBrowserCDPSession();
    const info = (await session.send('Mux.getInfo' as never)) as { virtualBrowserId: string };
    const context = browser.contexts()[0]!;
    for (const one of [context, await browser.newContext()]) {
      const page = await one.newPage();
      await page.goto(home);
      await page.evaluate(script);
    }
    const page = await context.newPage();
    page.goto(slow).catch(() => undefined);
    return info.virtualBrowserId;
  },
  async comeBack(url, { home, slow }) {
    const browser = await chromium.connectOverCDP(url, { timeout: PATIENCE });
    const [context, further] = browser.contexts();
    const pages = () => Promise.resolve(context!.pages());
    const page = await pageAt(home, pages);
    const late = await pageAt(slow, pages);
    await late.waitForFunction(ARRIVED, undefined, { timeout: PATIENCE });
    return {
      state: await page.evaluate(STATE),
      arrived: await late.evaluate(COOKIE),
      further: await further?.pages()[0]?.evaluate(STATE),
      close: async () => {
        const session = await browser.newBrowserCDPSession();
        // its own close leaves the browser alone; this one has no answer that Playwright waits for
        await session.send('Browser.close').catch(() => undefined);
      },
    };
  },
};

/** By name. */
export const comebackClients = { puppeteer: ofPuppeteer, playwright: ofPlaywright };
