import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer, { type Browser, type Page, type Target } from 'puppeteer-core';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, startChrome, type DirectChrome, type Kind } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { evaluate, navigate } from './support/page.js';

const USER_AGENT = 'Own/1.0 (what a program says)';
const flags = ['--window-size=911,702', `--user-agent=${USER_AGENT}`];
const parameters = new URLSearchParams({ userAgent: USER_AGENT, windowSize: '911,702' });

interface Attached {
  readonly targetId: string;
  readonly sessionId: string;
}

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

const idOf = (target: Target): string => (target as unknown as { _targetId: string })._targetId;

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
async function looksOf(browser: Browser, isShell: boolean): Promise<Record<string, unknown>> {
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
  // full Chrome takes no notice of how large a popup is to be, where it was told how large windows are
  if (isShell) looks['small'] = await popup(page, '/popup', 'width=300,height=200');
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
  const url = `http://localhost:${port}/at-once`;
  const { targetId } = await session.send('Target.createTarget', { url });
  await session.send('Target.createTarget', { url: ` view-source:${url}?source` });
  await session.send('Target.createTarget', { url: `${url}?tab`, forTab: true });
  const direct = await browser.waitForTarget((target) => idOf(target) === targetId);
  await eventually(async () => (await direct.page())!.url() === url, { what: 'a page of a URL' });
  const paths = [
    '/at-once',
    '/at-once?source',
    '/at-once?tab',
    '/frame',
    '/from-service',
    '/from-worker',
    '/page',
    '/popup',
    '/worker.js',
  ];
  for (const path of paths) await eventually(() => heard[path] !== undefined, { what: path, within: 10_000 });
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
    const [seen, expected] = [await looksOf(own, kind === 'shell'), await looksOf(chrome, kind === 'shell')];
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

  it.each([
    { width: 640, height: 480, newWindow: true },
    // as large as they are by themselves
    { ...(kind === 'shell' ? { width: 800, height: 600 } : { width: 780, height: 580 }), newWindow: true },
  ])(
    'leave a window as it is that was asked for as %p',
    async (size) => {
      const client = await CdpClient.connect(`${cdpmux.wsUrl}?windowSize=911,702`);
      const { targetId } = await client.send<Attached>('Target.createTarget', {
        url: 'about:blank',
        ...size,
      });
      const { sessionId } = await client.send<Attached>('Target.attachToTarget', { targetId, flatten: true });
      const page = { targetId, sessionId };
      const seen = (): Promise<unknown> => evaluate(client, page, '[outerWidth, outerHeight].join()');
      // full Chrome shows a page in its window a moment after it has answered
      await eventually(async () => (await seen()) === `${size.width},${size.height}`, {
        what: 'the size that was asked for',
      });
      const { bounds } = await client.send<{ bounds: object }>('Browser.getWindowForTarget', { targetId });
      expect(bounds).toMatchObject({ width: size.width, height: size.height });
      await client.close();
    },
    60_000,
  );

  it('are there for Playwright, one who attaches by itself, and give way to its own', async () => {
    const browser = await chromium.connectOverCDP(`${cdpmux.wsUrl}?${parameters}`);
    const [context] = browser.contexts();
    const page = await context!.newPage();
    await page.goto(`http://localhost:${port}/playwright`);
    expect([await page.evaluate('navigator.userAgent'), heard['/playwright']?.[0]]).toEqual([
      USER_AGENT,
      USER_AGENT,
    ]);
    expect(await page.evaluate('outerWidth')).toBe(911);
    const own = await browser.newContext({ userAgent: 'Other/2' });
    const other = await own.newPage();
    await other.goto(`http://localhost:${port}/other`);
    expect([await other.evaluate('navigator.userAgent'), heard['/other']?.[0]]).toEqual([
      'Other/2',
      'Other/2',
    ]);
    await browser.close();
  }, 60_000);

  it('hold, and what was asked for is loaded, while nobody is there', async () => {
    const url = `${cdpmux.wsUrl}name/${kind}?${parameters}`;
    const client = await CdpClient.connect(url);
    const page = await client.newPage();
    await navigate(client, page, `http://localhost:${port}/`);
    await evaluate(client, page, `void setTimeout(() => (location.href = '/later-${kind}'), 500)`);
    const left = { url: `http://localhost:${port}/left-${kind}` };
    client.raw(JSON.stringify({ id: 1_000, method: 'Target.createTarget', params: left }));
    await client.send('Browser.getVersion');
    await client.close();
    for (const path of [`/later-${kind}`, `/left-${kind}`]) {
      await eventually(() => heard[path] !== undefined, { what: path, within: 10_000 });
      expect(heard[path]?.[0]).toBe(USER_AGENT);
    }
    await (await connect(url)).close();
  }, 60_000);
});

it('goes into one window what is asked for at once, in full Chrome', async () => {
  const cdpmux = await startCdpmux({ chrome: chromeExecutable('chrome') });
  try {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    const made = await Promise.all(
      [1, 2, 3].map(() =>
        client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank', browserContextId }),
      ),
    );
    const windows = await Promise.all(
      made.map(({ targetId }) =>
        client.send<{ windowId: number }>('Browser.getWindowForTarget', { targetId }),
      ),
    );
    expect(new Set(windows.map(({ windowId }) => windowId)).size).toBe(1);
    await client.close();
  } finally {
    await cdpmux.close();
  }
}, 60_000);

it('takes no auto-attaching session of its client', async () => {
  const cdpmux = await startCdpmux({ 'limits.autoAttach': 1 });
  try {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?${parameters}`);
    const how = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    expect(await client.send('Target.setAutoAttach', how)).toEqual({});
    await client.close();
  } finally {
    await cdpmux.close();
  }
}, 60_000);

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
