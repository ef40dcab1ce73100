import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, startChrome, type DirectChrome, type Kind } from './support/chrome.js';
import { eventually } from './support/eventually.js';

const USER_AGENT = 'Own/1.0 (what a program says)';
const flags = ['--window-size=911,702', `--user-agent=${USER_AGENT}`];
const parameters = new URLSearchParams({ userAgent: USER_AGENT, windowSize: '911,702' });

/** What came with the requests, by path: user agent and client hints. */
let heard: Record<string, readonly unknown[]> = {};
let server: Server;
let port: number;

const scripts: Record<string, string> = {
  '/worker.js': `fetch('/from-worker'); postMessage(navigator.userAgent)`,
  '/service.js': `fetch('/from-service')`,
};

beforeAll(async () => {
  server = createServer(({ url = '', headers }, response) => {
    heard[url] = [headers['user-agent'], headers['sec-ch-ua'], headers['sec-ch-ua-platform']];
    const script = scripts[url];
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
    const frame = `<iframe src="http://127.0.0.1:${port}/frame"></iframe>`;
    response.end(script ?? (url === '/page' ? frame : ''));
  }).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const lookOf = (page: Page): Promise<object> =>
  page.evaluate(() => ({
    outer: [window.outerWidth, window.outerHeight],
    inner: [window.innerWidth, window.innerHeight],
    userAgent: navigator.userAgent,
    platform: navigator.platform,
  }));

async function popup(page: Page, path: string, features = ''): Promise<object> {
  const opened = new Promise<Page | null>((resolve) => page.once('popup', resolve));
  await page.evaluate((url, how) => void window.open(url, '', how), path, features);
  return lookOf((await opened)!);
}

/** What all the pages of a browser look like, from within and from without. */
async function looksOf(browser: Browser): Promise<Record<string, unknown>> {
  heard = {};
  const [first] = await browser.pages();
  const page = await browser.newPage();
  const looks: Record<string, unknown> = {
    version: await browser.userAgent(),
    // a Chrome without its sandbox says so in a bar, above its first page
    first: {
      ...(await lookOf(first!)),
      inner: undefined,
      outer: await first!.evaluate(() => window.outerWidth),
    },
    page: await lookOf(page),
  };
  const context = await browser.createBrowserContext();
  looks['in a context'] = await lookOf(await context.newPage());
  looks['second in a context'] = await lookOf(await context.newPage());
  await page.goto(`http://localhost:${port}/page`);
  looks['popup'] = await popup(page, '/popup');
  looks['hints'] = await page.evaluate(async () => {
    const { userAgentData } = navigator as never as {
      userAgentData: { getHighEntropyValues(names: string[]): Promise<object> };
    };
    // the shell gives some of the list of full versions, and full Chrome none of it
    const names = ['architecture', 'bitness', 'model', 'platformVersion', 'wow64'];
    return userAgentData.getHighEntropyValues(names);
  });
  looks['in a worker'] = await page.evaluate(
    () =>
      new Promise((resolve) => {
        new Worker('/worker.js').onmessage = ({ data }) => resolve(data);
      }),
  );
  await page.evaluate(async () => void (await navigator.serviceWorker.register('/service.js')));
  const frame = page.frames().find((one) => one.url().endsWith('/frame'))!;
  looks['in a frame'] = await frame.evaluate(() => navigator.userAgent);
  const session = await browser.target().createCDPSession();
  await session.send('Target.createTarget', { url: `http://localhost:${port}/at-once` });
  const paths = ['/at-once', '/frame', '/from-service', '/from-worker', '/page', '/popup', '/worker.js'];
  await eventually(() => paths.every((path) => heard[path]), { what: 'all requests', within: 10_000 });
  looks['heard'] = Object.fromEntries(paths.map((path) => [path, heard[path]]));
  await page.setUserAgent({ userAgent: 'Other/2' });
  await page.goto(`http://localhost:${port}/other`);
  looks['other'] = [await page.evaluate(() => navigator.userAgent), heard['/other']?.[0]];
  return looks;
}

describe.each<Kind>(['shell', 'chrome'])('a user agent and a window size, on the %s', (kind) => {
  let cdpmux: TestCdpmux;
  let direct: DirectChrome;

  beforeAll(async () => {
    [cdpmux, direct] = await Promise.all([
      startCdpmux({ chrome: chromeExecutable(kind) }),
      startChrome({ kind, flags }),
    ]);
  }, 60_000);
  afterAll(() => Promise.all([cdpmux.close(), direct.close()]));

  const connect = (browserWSEndpoint: string): Promise<Browser> =>
    puppeteer.connect({ browserWSEndpoint, defaultViewport: null });

  it('are as on a Chrome that was started with them', async () => {
    const own = await connect(`${cdpmux.wsUrl}?${parameters}`);
    const chrome = await connect(direct.wsUrl);
    const [seen, expected] = [await looksOf(own), await looksOf(chrome)];
    expect(seen).toEqual(expected);
    await own.close();
    await chrome.disconnect();
  }, 60_000);

  it('are those of one virtual browser only', async () => {
    const [own, other] = [await connect(`${cdpmux.wsUrl}?${parameters}`), await connect(cdpmux.wsUrl)];
    const page = await own.newPage();
    const others = await lookOf(await other.newPage());
    expect(await lookOf(page)).toMatchObject({ outer: [911, 702], userAgent: USER_AGENT });
    expect(others).not.toMatchObject({ userAgent: USER_AGENT });
    expect(others).not.toMatchObject({ outer: [911, 702] });
    await Promise.all([own.close(), other.close()]);
  }, 60_000);

  it('leave a window as it is that was asked for otherwise', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?windowSize=911,702`);
    const size = { width: 640, height: 480, newWindow: true };
    const { targetId } = await client.send('Target.createTarget', { url: 'about:blank', ...size });
    const { bounds } = await client.send('Browser.getWindowForTarget', { targetId });
    expect(bounds).toMatchObject({ width: 640, height: 480 });
    await client.close();
  }, 60_000);

  it('hold while nobody is there', async () => {
    const url = `${cdpmux.wsUrl}name/${kind}?${parameters}`;
    const own = await connect(url);
    const page = await own.newPage();
    await page.goto(`http://localhost:${port}/`);
    await page.evaluate(() => setTimeout(() => (location.href = '/later'), 300));
    await own.disconnect();
    await eventually(() => heard['/later'] !== undefined, {
      what: 'a navigation of the page itself',
      within: 10_000,
    });
    expect(heard['/later']?.[0]).toBe(USER_AGENT);
    const again = await connect(url);
    await again.close();
  }, 60_000);
});

it("is no neighbour's affair where, and how large, a window of full Chrome opens", async () => {
  const cdpmux = await startCdpmux({ chrome: chromeExecutable('chrome') });
  const placeOf = async (page: Page): Promise<readonly number[]> =>
    page.evaluate(() => [window.screenX, window.screenY, window.outerWidth, window.outerHeight]);
  const come = async (): Promise<{ browser: Browser; page: Page; place: readonly number[] }> => {
    const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl, defaultViewport: null });
    const [page] = await browser.pages();
    return { browser, page: page!, place: await placeOf(page!) };
  };
  try {
    const first = await come();
    const beside = await come();
    expect(beside.place).toEqual(first.place);
    for (const { browser, page } of [beside, first]) {
      const session = await page.createCDPSession();
      const { windowId } = await session.send('Browser.getWindowForTarget');
      const bounds = { left: 40, top: 30, width: 640, height: 480 };
      await session.send('Browser.setWindowBounds', { windowId, bounds });
      await browser.close();
    }
    await eventually(() => cdpmux.mux.stats().targets === 0, { what: 'the end of all windows' });
    const after = await come();
    expect(after.place).toEqual(first.place);
    const context = await after.browser.createBrowserContext();
    expect(await placeOf(await context.newPage())).toEqual(first.place);
    await after.browser.close();
  } finally {
    await cdpmux.close();
  }
}, 60_000);
