import CDP, { type Client } from 'chrome-remote-interface';
import { chromium, type Page as PlaywrightPage } from 'playwright-core';
import puppeteer, { type Page } from 'puppeteer-core';
import puppeteer21 from 'puppeteer-core-21';

/** Says that it has begun, and does not end. */
const endless = 'console.log("waits"), new Promise(() => {})';

/** What a program waits for, by what it is. */
export type Waits = Readonly<Record<'evaluate' | 'goto', Promise<unknown>>>;

/** A library, as who writes a program with it meets the end of a browser. */
export interface Reader {
  /** Connects and opens that many pages. */
  readonly open: (url: string, pages: number) => Promise<unknown>;
  /** Connects, has something wait in each way, and gives it when all has begun; `slow` is a page that never answers. */
  readonly wait: (url: string, slow: string) => Promise<Waits>;
}

type Puppeteer = Pick<typeof puppeteer, 'connect'>;

const byPuppeteer = (library: Puppeteer): Reader => {
  const open = async (url: string, count: number): Promise<Page[]> => {
    const browser = await library.connect({ browserWSEndpoint: url });
    const pages: Page[] = [];
    while (pages.length < count) pages.push(await browser.newPage());
    return pages;
  };
  return { open, wait: async (url, slow) => begin(await open(url, 2), slow) };
};

const openByPlaywright = async (url: string, count: number): Promise<PlaywrightPage[]> => {
  const browser = await chromium.connectOverCDP(url);
  const pages: PlaywrightPage[] = [];
  while (pages.length < count) pages.push(await browser.contexts()[0]!.newPage());
  return pages;
};

/** What the pages of both libraries have in common, as far as it is used. */
interface CommonPage {
  once(event: 'console' | 'request', listener: () => void): unknown;
  evaluate(expression: string): Promise<unknown>;
  goto(url: string, options: { timeout: number }): Promise<unknown>;
}

async function begin(pages: readonly CommonPage[], slow: string): Promise<Waits> {
  const [page, other] = pages as [CommonPage, CommonPage];
  const begun = new Promise<void>((resolve) => page.once('console', resolve));
  const asked = new Promise<void>((resolve) => other.once('request', resolve));
  const waits = { evaluate: page.evaluate(endless), goto: other.goto(slow, { timeout: 0 }) };
  return untilBegun(waits, begun, asked);
}

async function untilBegun(waits: Waits, ...begun: Promise<unknown>[]): Promise<Waits> {
  for (const one of Object.values(waits)) one.catch(() => undefined);
  await Promise.all(begun);
  return waits;
}

async function openByCri(url: string, count: number): Promise<{ client: Client; sessions: string[] }> {
  const client = await CDP({ target: url, local: true });
  const sessions: string[] = [];
  while (sessions.length < count) {
    const { targetId } = await client.Target.createTarget({ url: 'about:blank' });
    sessions.push((await client.Target.attachToTarget({ targetId, flatten: true })).sessionId);
  }
  return { client, sessions };
}

async function waitByCri(url: string, slow: string): Promise<Waits> {
  const { client, sessions } = await openByCri(url, 2);
  const [page = '', other = ''] = sessions;
  await client.send('Runtime.enable', undefined, page);
  await client.send('Network.enable', {}, other);
  const heard = (event: string): Promise<void> => new Promise((resolve) => client.on(event, () => resolve()));
  const begun = [heard(`Runtime.consoleAPICalled.${page}`), heard(`Network.requestWillBeSent.${other}`)];
  const waits = {
    evaluate: client.send('Runtime.evaluate', { expression: endless, awaitPromise: true }, page),
    goto: client.send('Page.navigate', { url: slow }, other),
  };
  return untilBegun(waits, ...begun);
}

/** By name. */
export const readers: Readonly<Record<string, Reader>> = {
  'Puppeteer 24': byPuppeteer(puppeteer),
  // what both have in common is all that is used
  'Puppeteer 21': byPuppeteer(puppeteer21 as unknown as Puppeteer),
  Playwright: {
    open: openByPlaywright,
    wait: async (url, slow) => begin(await openByPlaywright(url, 2), slow),
  },
  'chrome-remote-interface': { open: openByCri, wait: waitByCri },
};

/** What is read where something fails. */
export function textOf(failing: Promise<unknown>): Promise<string> {
  return failing.then(
    () => 'nothing is wrong',
    (error: Error) => error.message,
  );
}
