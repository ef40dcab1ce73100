import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Protocol } from 'devtools-protocol';
import puppeteer, {
  TargetType,
  type Browser,
  type BrowserContext,
  type CDPSession,
  type Page,
} from 'puppeteer-core';
import { readPng } from './png.js';
import { inTurn, until, type Run, type Scenario } from './scenario.js';

/** Puppeteer connected by `browserURL`; it stays to the end, and disconnects. */
export const puppeteerByUrl: Scenario = async (run) => {
  const browser = await puppeteer.connect({ browserURL: run.endpoint.url, defaultViewport });
  return drive(run, browser);
};

/** Puppeteer connected by `browserWSEndpoint`; it closes its browser while others work on. */
export const puppeteerByWebSocket: Scenario = async (run) => {
  const browser = await puppeteer.connect({ browserWSEndpoint: run.endpoint.wsUrl, defaultViewport });
  return drive(run, browser, () => browser.close());
};

const defaultViewport = { width: 640, height: 480 };

async function drive(
  run: Run,
  browser: Browser,
  leaveEarly?: () => Promise<void>,
): Promise<Record<string, unknown>> {
  const { site, tag, meet, watch } = run;
  const result: Record<string, unknown> = {};
  try {
    result['version'] = (await browser.version()).replace(/\/.*/, '');
    result['atFirst'] = await listing(run, browser);
    const raw = await browser.target().createCDPSession();
    await watch.start(raw);

    const ear = await browser.newPage();
    await ear.goto(site.url(tag, 'home'));
    // the last, since in full Chrome a click in a page that is not in front is never answered
    const page = await browser.newPage();
    await inTurn(result, {
      clicks: () => clicks(run, page),
      form: () => form(run, page),
      popup: () => popup(run, page),
      frame: () => frame(run, page),
      screenshot: () => screenshot(run, page),
      pdf: () => pdf(run, page),
      intercepted: () => intercepted(run, page),
      exposed: () => exposed(run, page),
      cookies: () => cookies(run, browser, page),
      storage: () => storage(run, page),
      worker: () => worker(run, page),
      serviceWorker: () => serviceWorker(run, browser, page),
      download: () => download(run, page, raw),
    });
    const context = await browser.createBrowserContext();
    result['context'] = await otherContext(run, context);

    await meet('all is open');
    await page.goto(site.url(tag, 'home'));
    await page.evaluate(`say('${tag}')`);
    await until('a message on the channel', async () => (await ear.evaluate('heard.length')) || undefined);
    result['whileAllIsOpen'] = await listing(run, browser);
    await meet('all have said');
    result['heard'] = [await ear.evaluate('heard'), await page.evaluate('heard')];

    await context.close();
    await ear.close();
    result['afterClosing'] = await listing(run, browser);
    await meet('some are closed');
    await page.reload();
    result['titleStays'] = await page.title();
    result['cookiesStay'] = (await browser.cookies()).map(({ name, value }) => `${name}=${value}`).sort();
    result['cookiesSent'] = site.cookiesSent(tag);
    Object.assign(result, {
      types: watch.types,
      urls: watch.urls.map(site.plain),
      downloads: watch.downloads(),
    });

    await leaveEarly?.();
    await meet('half of them have left');
    if (leaveEarly === undefined) {
      result['afterOthersLeft'] = [await clicks(run, page), await listing(run, browser)];
    }
  } finally {
    await browser.disconnect();
  }
  return result;
}

/** Everything that Puppeteer lists: pages, targets and contexts with their pages. */
async function listing({ site }: Run, browser: Browser): Promise<Record<string, unknown>> {
  const urls = (pages: Page[]): string[] => pages.map((page) => site.plain(page.url())).sort();
  const contexts = await Promise.all(browser.browserContexts().map((context) => context.pages()));
  return {
    pages: urls(await browser.pages()),
    targets: browser
      .targets()
      .map((target) => `${target.type()} ${site.plain(target.url())}`)
      .sort(),
    contexts: contexts.map(urls),
  };
}

async function clicks({ site, tag }: Run, page: Page): Promise<unknown> {
  const response = await page.goto(site.url(tag, 'home'));
  await page.click('#count');
  await page.click('#count');
  return {
    status: response?.status(),
    title: await page.title(),
    sum: await page.evaluate((a, b) => a + b, 19, 23),
    count: await page.$eval('#count', (button) => button.textContent),
  };
}

async function form(_run: Run, page: Page): Promise<unknown> {
  await page.type('[name=name]', 'Grüße');
  await page.select('[name=size]', 'L');
  await Promise.all([page.waitForNavigation(), page.click('#submit')]);
  return page.$eval('#sent', (sent) => sent.textContent);
}

async function popup({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  const opened = new Promise<Page | null>((resolve) => page.once('popup', resolve));
  await page.click('#popup');
  const child = await opened;
  if (child === null) throw new Error('no popup');
  await child.waitForSelector('#opener');
  const seen = {
    title: await child.title(),
    said: await page.evaluate('said'),
    openerIsPage: child.target().opener() === page.target(),
  };
  await child.close();
  // the opener is told a moment later
  await page.waitForFunction('child.closed');
  return { ...seen, closed: await page.evaluate('child.closed') };
}

async function frame({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'frames'));
  const far = await page.waitForFrame(site.otherUrl(tag, 'far'));
  await far.locator('#inside').click();
  return {
    host: await far.evaluate(() => location.hostname),
    button: await far.$eval('#inside', (button) => button.textContent),
    message: await page.evaluate('far'),
    frames: page.frames().map((each) => site.plain(each.url())),
  };
}

async function screenshot({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'empty'));
  const { width, height, pixel } = readPng(await page.screenshot());
  return { width, height, pixel: pixel(width - 1, height - 1) };
}

async function pdf({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'empty'));
  const file = Buffer.from(await page.pdf());
  return { start: file.toString('latin1', 0, 4), large: file.length > 500 };
}

async function intercepted({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'empty'));
  await page.setRequestInterception(true);
  const asked: string[] = [];
  page.on('request', (request) => {
    const name = new URL(request.url()).pathname;
    asked.push(name);
    if (name.endsWith('data.json')) {
      void request.respond({
        contentType: 'application/json',
        body: JSON.stringify({ from: 'client', tag }),
      });
    } else if (name.endsWith('missing')) void request.abort();
    else void request.continue();
  });
  const replies = await page.evaluate(async () => {
    const data: unknown = await (await fetch('data.json')).json();
    const aborted = await fetch('missing').catch((error: Error) => error.message);
    const passed = await (await fetch('file')).text();
    return { data, aborted, passed };
  });
  page.removeAllListeners('request');
  await page.setRequestInterception(false);
  return {
    asked,
    ...replies,
    afterwards: await page.evaluate(async () => (await fetch('data.json')).json()),
  };
}

async function exposed({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.exposeFunction('ask', (question: string) => `${tag} was asked: ${question}`);
  await page.goto(site.url(tag, 'empty'));
  return page.evaluate(`ask('who?')`);
}

async function cookies({ site, tag }: Run, browser: Browser, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  await page.evaluate((value) => void (document.cookie = `script=${value}; path=/`), tag);
  await browser.setCookie({ name: 'client', value: tag, domain: '127.0.0.1', path: '/', httpOnly: true });
  await browser.setCookie({ name: 'short', value: tag, domain: '127.0.0.1', path: '/' });
  const before = (await browser.cookies()).map(({ name, value }) => `${name}=${value}`).sort();
  await browser.deleteCookie(...(await browser.cookies()).filter(({ name }) => name === 'short'));
  await page.goto(site.url(tag, 'empty'));
  return {
    before,
    inPage: String(await page.evaluate('document.cookie'))
      .split('; ')
      .sort(),
  };
}

async function storage({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  const before = await page.evaluate(() => localStorage.getItem('who'));
  await page.evaluate((value) => localStorage.setItem('who', value), tag);
  await page.reload();
  return { before, after: await page.evaluate(() => ({ ...localStorage })) };
}

async function worker({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'working'));
  await page.waitForFunction('window.worked');
  const [first] = page.workers();
  return {
    worked: await page.evaluate('worked'),
    urls: page.workers().map((each) => site.plain(each.url())),
    owner: await first?.evaluate('owner'),
  };
}

async function serviceWorker({ site, tag }: Run, browser: Browser, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'serving'));
  await page.waitForFunction('window.served');
  const target = await browser.waitForTarget((each) => each.type() === TargetType.SERVICE_WORKER);
  const handle = await target.worker();
  await page.waitForFunction('navigator.serviceWorker.controller');
  return {
    url: site.plain(target.url()),
    owner: await handle?.evaluate('owner'),
    reply: await page.evaluate(async () => (await fetch('by-service')).text()),
  };
}

async function download({ site, tag }: Run, page: Page, raw: CDPSession): Promise<unknown> {
  const downloadPath = await mkdtemp(join(tmpdir(), 'cdpmux-download-'));
  try {
    await raw.send('Browser.setDownloadBehavior', {
      behavior: 'allowAndName',
      downloadPath,
      eventsEnabled: true,
    });
    const begun = new Promise<Protocol.Browser.DownloadWillBeginEvent>((resolve) =>
      raw.once('Browser.downloadWillBegin', resolve),
    );
    const ended = new Promise<Protocol.Browser.DownloadProgressEvent>((resolve) =>
      raw.on('Browser.downloadProgress', (event) => event.state !== 'inProgress' && resolve(event)),
    );
    await page.goto(site.url(tag, 'home'));
    await page.click('#download');
    const { guid, suggestedFilename, url } = await begun;
    const { state, guid: same } = await ended;
    const text = await readFile(join(downloadPath, guid), 'utf8');
    return { suggestedFilename, url: site.plain(url), state, sameGuid: guid === same, text };
  } finally {
    await rm(downloadPath, { recursive: true, force: true });
  }
}

/** A second context begins without cookies and storage, and leaves those of the first alone. */
async function otherContext({ site, tag }: Run, context: BrowserContext): Promise<unknown> {
  const page = await context.newPage();
  await page.goto(site.url(tag, 'empty'));
  const fresh = await page.evaluate(() => ({ cookie: document.cookie, keys: Object.keys(localStorage) }));
  await page.evaluate((value) => {
    document.cookie = `second=${value}; path=/`;
    localStorage.setItem('second', value);
  }, tag);
  const set = await page.evaluate(() => ({ cookie: document.cookie, keys: Object.keys(localStorage) }));
  const held = (await context.cookies()).map(({ name, value }) => `${name}=${value}`);
  return { fresh, set, held, pages: (await context.pages()).length };
}
