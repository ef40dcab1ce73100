import { readFile } from 'node:fs/promises';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { readPng } from './png.js';
import { inTurn, until, type Run, type Scenario } from './scenario.js';

/** Playwright's `connectOverCDP` with the HTTP address; stays to the end. */
export const playwrightByUrl: Scenario = async (run) =>
  drive(run, await chromium.connectOverCDP(run.endpoint.url), false);

/** Playwright's `connectOverCDP` with the WebSocket address; leaves while others work on. */
export const playwrightByWebSocket: Scenario = async (run) =>
  drive(run, await chromium.connectOverCDP(run.endpoint.wsUrl), true);

async function drive(run: Run, browser: Browser, leavesEarly: boolean): Promise<Record<string, unknown>> {
  const { site, tag, meet, watch } = run;
  const result: Record<string, unknown> = {};
  try {
    result['atFirst'] = listing(run, browser);
    const raw = await browser.newBrowserCDPSession();
    await watch.start(raw);

    const [context] = browser.contexts();
    if (context === undefined) throw new Error('no default context');
    const ear = await context.newPage();
    await ear.goto(site.url(tag, 'home'));
    const page = await context.newPage();
    await page.setViewportSize({ width: 640, height: 480 });
    await inTurn(result, {
      clicks: () => clicks(run, page),
      form: () => form(run, page),
      popup: () => popup(run, page),
      frame: () => frame(run, page),
      screenshot: () => screenshot(run, page),
      pdf: () => pdf(run, page),
      intercepted: () => intercepted(run, context, page),
      exposed: () => exposed(run, context, page),
      cookies: () => cookies(run, context, page),
      storage: () => storage(run, page),
      worker: () => worker(run, page),
      serviceWorker: () => serviceWorker(run, context, page),
      download: () => download(run, page),
    });
    const second = await browser.newContext({ viewport: { width: 320, height: 240 }, acceptDownloads: true });
    result['context'] = await otherContext(run, second);

    await meet('all is open');
    await page.goto(site.url(tag, 'home'));
    await page.evaluate(`say('${tag}')`);
    await until('a message on the channel', async () => (await ear.evaluate('heard.length')) || undefined);
    result['whileAllIsOpen'] = listing(run, browser);
    await meet('all have said');
    result['heard'] = [await ear.evaluate('heard'), await page.evaluate('heard')];

    await second.close();
    await ear.close();
    result['afterClosing'] = listing(run, browser);
    await meet('some are closed');
    await page.reload();
    result['titleStays'] = await page.title();
    result['cookiesStay'] = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).sort();
    result['cookiesSent'] = site.cookiesSent(tag);
    Object.assign(result, {
      types: watch.types,
      urls: watch.urls.map(site.plain),
      downloads: watch.downloads(),
    });

    if (leavesEarly) await browser.close();
    await meet('half of them have left');
    if (!leavesEarly) result['afterOthersLeft'] = [await clicks(run, page), listing(run, browser)];
  } finally {
    await browser.close();
  }
  return result;
}

/** Everything that Playwright lists: contexts with their pages and service workers. */
function listing({ site }: Run, browser: Browser): unknown {
  return browser.contexts().map((context) => ({
    pages: context
      .pages()
      .map((page) => site.plain(page.url()))
      .sort(),
    serviceWorkers: context.serviceWorkers().map((worker) => site.plain(worker.url())),
  }));
}

async function clicks({ site, tag }: Run, page: Page): Promise<unknown> {
  const response = await page.goto(site.url(tag, 'home'));
  await page.click('#count');
  await page.click('#count');
  return {
    status: response?.status(),
    title: await page.title(),
    sum: await page.evaluate(([a, b]) => (a ?? 0) + (b ?? 0), [19, 23]),
    count: await page.textContent('#count'),
  };
}

async function form(_run: Run, page: Page): Promise<unknown> {
  await page.fill('[name=name]', 'Grüße');
  await page.selectOption('[name=size]', 'L');
  await page.click('#submit');
  return page.locator('#sent').textContent();
}

async function popup({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  const [child] = await Promise.all([page.waitForEvent('popup'), page.click('#popup')]);
  await child.waitForSelector('#opener', { state: 'attached' });
  const seen = {
    title: await child.title(),
    said: await page.evaluate('said'),
    openerIsPage: (await child.opener()) === page,
  };
  await child.close();
  // the opener is told a moment later
  await page.waitForFunction('child.closed');
  return { ...seen, closed: await page.evaluate('child.closed') };
}

async function frame({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'frames'));
  const far = page.frameLocator('#far');
  await far.locator('#inside').click();
  return {
    host: await far.locator('#inside').evaluate(() => location.hostname),
    button: await far.locator('#inside').textContent(),
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
  const file = await page.pdf();
  return { start: file.toString('latin1', 0, 4), large: file.length > 500 };
}

async function intercepted({ site, tag }: Run, context: BrowserContext, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'empty'));
  const asked: string[] = [];
  await context.route('**/*', (route, request) => {
    const name = new URL(request.url()).pathname;
    asked.push(name);
    if (name.endsWith('data.json')) return route.fulfill({ json: { from: 'client', tag } });
    return name.endsWith('missing') ? route.abort() : route.continue();
  });
  const replies = await page.evaluate(async () => {
    const data: unknown = await (await fetch('data.json')).json();
    const aborted = await fetch('missing').catch((error: Error) => error.message);
    const passed = await (await fetch('file')).text();
    return { data, aborted, passed };
  });
  await context.unroute('**/*');
  const afterwards: unknown = await page.evaluate(async () => (await fetch('data.json')).json() as unknown);
  return { asked, ...replies, afterwards };
}

async function exposed({ site, tag }: Run, context: BrowserContext, page: Page): Promise<unknown> {
  await context.exposeFunction('ask', (question: string) => `${tag} was asked: ${question}`);
  await page.exposeBinding('where', (source) => site.plain(source.frame.url()));
  await page.goto(site.url(tag, 'empty'));
  return [await page.evaluate(`ask('who?')`), await page.evaluate('where()')];
}

async function cookies({ site, tag }: Run, context: BrowserContext, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  await page.evaluate((value) => void (document.cookie = `script=${value}; path=/`), tag);
  await context.addCookies([
    { name: 'client', value: tag, domain: '127.0.0.1', path: '/', httpOnly: true },
    { name: 'short', value: tag, domain: '127.0.0.1', path: '/' },
  ]);
  const before = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).sort();
  await context.clearCookies({ name: 'short' });
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

async function serviceWorker({ site, tag }: Run, context: BrowserContext, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'serving'));
  await page.waitForFunction('window.served');
  const handle = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  await page.waitForFunction('navigator.serviceWorker.controller');
  return {
    url: site.plain(handle.url()),
    owner: await handle.evaluate('owner'),
    reply: await page.evaluate(async () => (await fetch('by-service')).text()),
  };
}

async function download({ site, tag }: Run, page: Page): Promise<unknown> {
  await page.goto(site.url(tag, 'home'));
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  const text = await readFile(await file.path(), 'utf8');
  return {
    suggestedFilename: file.suggestedFilename(),
    url: site.plain(file.url()),
    failure: await file.failure(),
    text,
  };
}

/** A second context begins without cookies and storage, downloads, and leaves those of the first alone. */
async function otherContext(run: Run, context: BrowserContext): Promise<unknown> {
  const { site, tag } = run;
  const page = await context.newPage();
  const file = await download(run, page);
  await context.clearCookies();
  await page.goto(site.url(tag, 'empty'));
  const fresh = await page.evaluate(() => ({ cookie: document.cookie, keys: Object.keys(localStorage) }));
  await page.evaluate((value) => {
    document.cookie = `second=${value}; path=/`;
    localStorage.setItem('second', value);
  }, tag);
  const set = await page.evaluate(() => ({ cookie: document.cookie, keys: Object.keys(localStorage) }));
  const held = (await context.cookies()).map(({ name, value }) => `${name}=${value}`);
  return { file, fresh, set, held, pages: context.pages().length, size: await page.evaluate('innerWidth') };
}
