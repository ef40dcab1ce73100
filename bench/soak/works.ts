import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { batch } from '../../src/client/batch.js';
import { PlainClient } from '../chaos/plain-client.js';
import { contentOf } from '../chaos/site.js';
import {
  doUnit,
  mustBeRight,
  openAt,
  PATIENCE,
  WrongResult,
  type ClientKind,
  type Job,
} from '../chaos/work.js';
import { growers } from '../evict/growers.js';

/** How long a virtual browser is kept for who lost it on purpose, ms. */
const KEPT = 15_000;
/** How long after its commands a client may be closed itself, ms. */
const TOLD = 10_000;
/** How often a page that grows is asked whether it is still there, ms. */
const STILL_THERE = 200;

const visit =
  (kind: ClientKind) =>
  (job: Job): Promise<void> =>
    doUnit(kind, job);

/** All kinds of units; each rejects with WrongResult where it saw anything but its own. */
export const works = {
  'visit by Puppeteer': visit('Puppeteer'),
  'visit by Playwright': visit('Playwright'),
  'visit by raw CDP': visit('raw CDP'),
  'PDF by Puppeteer': async ({ wsUrl, url }) => {
    const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl, protocolTimeout: PATIENCE });
    try {
      const page = await browser.newPage();
      await page.goto(url, { timeout: PATIENCE });
      mustBePdf(await page.pdf({ timeout: PATIENCE }));
      await page.close();
    } finally {
      await browser.disconnect();
    }
  },
  'PDF by Playwright': async ({ wsUrl, url }) => {
    const browser = await chromium.connectOverCDP(wsUrl, { timeout: PATIENCE });
    try {
      const page = await browser.newPage();
      await page.goto(url, { timeout: PATIENCE });
      mustBePdf(await page.pdf());
      await page.close();
    } finally {
      await browser.close();
    }
  },
  'download by Puppeteer': async ({ unit, wsUrl, url, fileUrl }) => {
    const directory = await mkdtemp(join(tmpdir(), 'cdpmux-soak-download-'));
    const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl, protocolTimeout: PATIENCE });
    try {
      const session = await browser.target().createCDPSession();
      await session.send('Browser.setDownloadBehavior', {
        behavior: 'allowAndName',
        downloadPath: directory,
        eventsEnabled: true,
      });
      const page = await browser.newPage();
      await page.goto(url, { timeout: PATIENCE });
      const guid = new Promise<string>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no download within ${PATIENCE} ms`)), PATIENCE);
        session.on('Browser.downloadProgress', ({ state, guid }) => {
          if (state === 'inProgress') return;
          clearTimeout(late);
          if (state === 'completed') resolve(guid);
          else reject(new Error(`the download was ${state}`));
        });
        browser.once('disconnected', () => {
          clearTimeout(late);
          reject(new Error('the connection ended during a download'));
        });
      });
      // when the page is lost it is that which is told
      guid.catch(() => undefined);
      await page.evaluate(`void (location.href = ${JSON.stringify(fileUrl)})`);
      mustHold(unit, await readFile(join(directory, await guid)));
      await page.close();
    } finally {
      await browser.disconnect();
      await rm(directory, { recursive: true, force: true });
    }
  },
  'download by Playwright': async ({ unit, wsUrl, url, fileUrl }) => {
    const browser = await chromium.connectOverCDP(wsUrl, { timeout: PATIENCE });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(PATIENCE);
      await page.goto(url);
      const begun = page.waitForEvent('download');
      begun.catch(() => undefined);
      await page.evaluate(`void (location.href = ${JSON.stringify(fileUrl)})`);
      const download = await begun;
      mustHold(unit, await readFile(await download.path()));
      await download.delete();
      await page.close();
    } finally {
      await browser.close();
    }
  },
  'come back': async (job) => {
    const { unit, url } = job;
    const kept = `&keepAlive=${KEPT}`;
    const first = await PlainClient.connect(`${job.wsUrl}${kept}`, PATIENCE);
    let id: string;
    try {
      const { evaluate } = await openAt(first, url);
      await evaluate(`window.kept = ${unit}`);
      id = (await first.send<{ virtualBrowserId: string }>('Mux.getInfo')).virtualBrowserId;
    } catch (error) {
      // what can't be come back to is not to be kept either
      await first.send('Browser.close').catch(() => undefined);
      first.close();
      throw error;
    }
    const again = job.further(`devtools/browser/${id}`, kept);
    first.cut();
    const browser = await puppeteer.connect({ browserWSEndpoint: again, protocolTimeout: PATIENCE });
    try {
      const page = (await browser.pages()).find((one) => one.url() === url);
      if (!page) throw new WrongResult(`no page at ${url} to come back to`);
      const state = await page.evaluate('[window.kept, document.cookie].join()');
      const right = `${unit},unit${unit}=${unit}`;
      if (state !== right) throw new WrongResult(`${String(state)} instead of ${right}`);
    } finally {
      await browser.close();
    }
  },
  'batch by raw CDP': async ({ unit, wsUrl, url }) => {
    const client = await PlainClient.connect(wsUrl, PATIENCE);
    try {
      const send = (method: string, params: object): Promise<unknown> => client.send(method, params);
      const seen = await batch(
        send,
        (b) => {
          const page = b.newPage();
          page.goto(url);
          const title = page.title();
          const sum = page.evaluate<number>(`${unit} * 7`);
          const cookie = page.evaluate<string>('document.cookie');
          const picture = page.screenshot();
          page.close();
          return { title, sum, cookie, picture };
        },
        { timeout: PATIENCE },
      );
      mustBeRight(unit, { ...seen, screenshot: Buffer.from(seen.picture, 'base64') });
    } finally {
      client.close();
    }
  },
  // it ends by 4413, which `isMeant` knows
  leak: async ({ wsUrl, url }) => {
    const client = await PlainClient.connect(wsUrl, PATIENCE);
    try {
      const { evaluate } = await openAt(client, url);
      await evaluate(growers.leak);
      for (const end = performance.now() + PATIENCE; performance.now() < end;) {
        await evaluate('1');
        await new Promise((resolve) => setTimeout(resolve, STILL_THERE));
      }
      throw new WrongResult(`a page that leaks was not evicted within ${PATIENCE} ms`);
    } catch (error) {
      // commands that wait are told first, and then all of it is closed
      if (!(error instanceof WrongResult)) await client.ended(TOLD);
      throw error;
    } finally {
      client.close();
    }
  },
} satisfies Record<string, (job: Job) => Promise<void>>;

/** Name of a kind of unit. */
export type Work = keyof typeof works;

function mustBePdf(bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1');
  if (text.startsWith('%PDF-') && text.trimEnd().endsWith('%%EOF')) return;
  throw new WrongResult(
    `a PDF of ${bytes.length} bytes that begins with ${JSON.stringify(text.slice(0, 20))}`,
  );
}

function mustHold(unit: number, bytes: Buffer): void {
  if (!bytes.equals(contentOf(unit)))
    throw new WrongResult(`a download of ${bytes.length} bytes is another's`);
}
