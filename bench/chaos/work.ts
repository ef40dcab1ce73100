import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { readPng } from './png.js';
import { PlainClient } from './plain-client.js';
import { colourOf } from './site.js';

/** Longest that any single step may take on a machine that is busy, ms. */
export const PATIENCE = 60_000;

/** What a unit is done with. */
export interface Job {
  readonly unit: number;
  readonly wsUrl: string;
  readonly url: string;
  /** A file to download. */
  readonly fileUrl: string;
  /**
   * Where a further connection of the unit goes, by path and query of its own; asked for before the first one ends, which is no loss
   * from then on.
   */
  further(path: string, query: string): string;
}

/** What a unit saw: all of it can be foretold. */
export interface Seen {
  readonly title: string;
  readonly sum: unknown;
  readonly cookie: string;
  readonly screenshot: Buffer;
}

/** The answer was not the one that is right. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';
}

/** With what a unit of work is done. */
export type ClientKind = 'Puppeteer' | 'Playwright' | 'raw CDP';

/** In turn. */
export const kinds: readonly ClientKind[] = ['Puppeteer', 'Playwright', 'raw CDP'];

/** Does one unit and checks all that it saw; rejects with WrongResult, or with what went wrong on the way. */
export async function doUnit(kind: ClientKind, job: Job): Promise<void> {
  mustBeRight(job.unit, await works[kind](job));
}

/** Throws WrongResult where a unit saw anything but its own page. */
export function mustBeRight(unit: number, seen: Seen): void {
  const { width, height, first } = readPng(seen.screenshot);
  const is = {
    title: seen.title,
    sum: seen.sum,
    cookie: seen.cookie,
    first,
    hasSize: width > 0 && height > 0,
  };
  const right = {
    title: `unit ${unit}`,
    sum: unit * 7,
    // of another unit there is none
    cookie: `unit${unit}=${unit}`,
    first: colourOf(unit),
    hasSize: true,
  };
  if (JSON.stringify(is) === JSON.stringify(right)) return;
  throw new WrongResult(`${JSON.stringify(is)} instead of ${JSON.stringify(right)}`);
}

const works: Record<ClientKind, (job: Job) => Promise<Seen>> = {
  Puppeteer: async ({ unit, wsUrl, url }) => {
    const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl, protocolTimeout: PATIENCE });
    try {
      const page = await browser.newPage();
      await page.goto(url, { timeout: PATIENCE });
      const sum = await page.evaluate(`${unit} * 7`);
      const cookie = (await page.evaluate('document.cookie')) as string;
      const screenshot = Buffer.from(await page.screenshot());
      const title = (await page.evaluate('document.title')) as string;
      await page.close();
      return { title, sum, cookie, screenshot };
    } finally {
      await browser.disconnect();
    }
  },
  Playwright: async ({ unit, wsUrl, url }) => {
    const browser = await chromium.connectOverCDP(wsUrl, { timeout: PATIENCE });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE);
      await page.goto(url);
      const sum = await page.evaluate(`${unit} * 7`);
      const cookie: string = await page.evaluate('document.cookie');
      const screenshot = await page.screenshot();
      // page.title() gives '' when it fails
      const title: string = await page.evaluate('document.title');
      await page.close();
      return { title, sum, cookie, screenshot };
    } finally {
      await browser.close();
    }
  },
  'raw CDP': async ({ unit, wsUrl, url }) => {
    const client = await PlainClient.connect(wsUrl, PATIENCE);
    try {
      const { targetId, sessionId, evaluate } = await openAt(client, url);
      const sum = await evaluate(`${unit} * 7`);
      const cookie = (await evaluate('document.cookie')) as string;
      const shot = await client.send<{ data: string }>('Page.captureScreenshot', {}, sessionId);
      const title = (await evaluate('document.title')) as string;
      await client.send('Target.closeTarget', { targetId });
      return { title, sum, cookie, screenshot: Buffer.from(shot.data, 'base64') };
    } finally {
      client.close();
    }
  },
};

/** A page that a raw client has opened, loaded. */
interface RawPage {
  readonly targetId: string;
  readonly sessionId: string;
  readonly evaluate: (expression: string) => Promise<unknown>;
}

/** Opens a page, and waits until it is loaded. */
export async function openAt(client: PlainClient, url: string): Promise<RawPage> {
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', { url });
  const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  const evaluate = async (expression: string): Promise<unknown> => {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const reply = await client.send<{ result: { value: unknown } }>('Runtime.evaluate', params, sessionId);
    return reply.result.value;
  };
  await loaded(evaluate, url);
  return { targetId, sessionId, evaluate };
}

/** Asks until the page is there: a context that a navigation took away answers with an error, or not with it. */
async function loaded(evaluate: (expression: string) => Promise<unknown>, url: string): Promise<void> {
  const expression = `location.href === '${url}' && document.readyState === 'complete'`;
  for (const end = performance.now() + PATIENCE; performance.now() < end;) {
    const isThere = await evaluate(expression).catch((error: Error) => {
      if (/context/i.test(error.message)) return false;
      throw error;
    });
    if (isThere === true) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${url} was not loaded within ${PATIENCE} ms`);
}
