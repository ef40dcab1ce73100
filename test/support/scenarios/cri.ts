import CDP from 'chrome-remote-interface';
import type { Protocol } from 'devtools-protocol';
import { criBrowser } from './cri-browser.js';
import { download, inPage, nextEvent, value } from './cri-session.js';
import { readPng } from './png.js';
import { inTurn, until, type Run, type Scenario } from './scenario.js';

/** What chrome-remote-interface is told about where Chrome is. */
export type Where = { host: string; port: number; alterPath?: (path: string) => string };

/** chrome-remote-interface with nothing but host and port: HTTP and page sockets. */
export const criPages: Scenario = (run) => drive(run, where(run), false);

/** chrome-remote-interface with HTTP, page sockets and the browser's socket, all of the same browser. */
export const cri: Scenario = (run) => drive(run, where(run), true);

/** The same below a path: the endpoint's URL may end in `/name/<name>`, which chrome-remote-interface can't be told otherwise. */
function where({ endpoint }: Run): Where {
  const { hostname, port, pathname } = new URL(endpoint.url);
  const prefix = pathname.replace(/\/$/, '');
  if (prefix === '') return { host: hostname, port: Number(port) };
  // it alters the path of the WebSocket URL as well, which has the prefix already
  const alterPath = (path: string): string => (path.startsWith(`${prefix}/`) ? path : prefix + path);
  return { host: hostname, port: Number(port), alterPath };
}

async function drive(run: Run, at: Where, withBrowser: boolean): Promise<Record<string, unknown>> {
  const { site, tag, meet } = run;
  const result: Record<string, unknown> = {};
  result['version'] = (await CDP.Version(at)).Browser.replace(/\/.*/, '');
  result['protocol'] = (await CDP.Protocol(at)).domains.some(({ domain }) => domain === 'Target');
  result['atFirst'] = await listing(run, at);
  const browser = withBrowser ? await criBrowser(run, at) : undefined;
  const first = await CDP(at);
  result['firstPage'] = await value(first, `location.href`);
  await first.close();

  const ear = await CDP.New({ ...at, url: site.url(tag, 'home') });
  // the last, since in full Chrome a click in a page that is not in front is never answered
  const target = await CDP.New({ ...at, url: site.url(tag, 'home') });
  const page = await CDP({ ...at, target: target.id });
  const listener = await CDP({ ...at, target: ear.id });
  try {
    await Promise.all([page.Page.enable(), page.Runtime.enable(), page.Network.enable({})]);
    await page.Emulation.setDeviceMetricsOverride({
      width: 640,
      height: 480,
      deviceScaleFactor: 1,
      mobile: false,
    });
    result['target'] = { type: target.type, url: site.plain(target.url) };
    await inTurn(result, {
      clicks: () => clicks(run, page),
      popup: () => popup(run, page, at),
      frame: () => frame(run, page),
      screenshot: () => screenshot(run, page),
      pdf: () => pdf(run, page),
      intercepted: () => intercepted(run, page),
      exposed: () => exposed(run, page),
      cookies: () => cookies(run, page),
      storage: () => storage(run, page),
      worker: () => worker(run, page),
      serviceWorker: () => serviceWorker(run, page, at),
      download: () => download(run, page, (params) => page.Page.setDownloadBehavior(params), 'Page'),
    });
    if (browser !== undefined) result['browser'] = await browser.drive();
    await CDP.Activate({ ...at, id: target.id });

    await meet('all is open');
    await goTo(page, site.url(tag, 'home'));
    await value(page, `say('${tag}')`);
    await until('a message on the channel', async () => (await value(listener, 'heard.length')) || undefined);
    result['whileAllIsOpen'] = await listing(run, at);
    if (browser !== undefined) result['browserWhileAllIsOpen'] = await browser.listing();
    await meet('all have said');
    result['heard'] = [await value(listener, 'heard'), await value(page, 'heard')];

    await closePage(at, ear.id);
    result['afterClosing'] = await listing(run, at);
    if (browser !== undefined) result['browserAfterClosing'] = await browser.closeContext();
    await meet('some are closed');
    await goTo(page, site.url(tag, 'home'));
    result['titleStays'] = await value(page, 'document.title');
    const held = await page.Network.getCookies({});
    result['cookiesStay'] = held.cookies.map(({ name, value: text }) => `${name}=${text}`).sort();
    result['cookiesSent'] = site.cookiesSent(tag);
    if (browser !== undefined) result['browserEvents'] = browser.events();

    if (withBrowser) {
      await closePage(at, target.id);
      await page.close();
    }
    await meet('half of them have left');
    result['afterOthersLeft'] = withBrowser
      ? await listing(run, at)
      : [await clicks(run, page), await listing(run, at)];
  } finally {
    await page.close();
    await listener.close();
    await browser?.close();
  }
  return result;
}

/** What the HTTP list shows. */
async function listing({ site }: Run, at: Where): Promise<string[]> {
  const targets = await CDP.List(at);
  return targets.map(({ type, url }) => `${type} ${site.plain(url)}`).sort();
}

/** Closes a page; the answer comes while it still goes. */
async function closePage(at: Where, page: string): Promise<void> {
  await CDP.Close({ ...at, id: page });
  await until('the page to go', async () => (await CDP.List(at)).every(({ id }) => id !== page) || undefined);
}

async function goTo(page: CDP.Client, url: string): Promise<void> {
  const loaded = nextEvent(page, 'Page.loadEventFired');
  await page.Page.navigate({ url });
  await loaded;
}

async function click(page: CDP.Client, selector: string): Promise<void> {
  const { x, y } = (await value(
    page,
    `(()=>{const r=document.querySelector('${selector}').getBoundingClientRect();return {x:r.x+r.width/2,y:r.y+r.height/2}})()`,
  )) as { x: number; y: number };
  for (const type of ['mousePressed', 'mouseReleased'] as const) {
    await page.Input.dispatchMouseEvent({ type, x, y, button: 'left', clickCount: 1 });
  }
}

async function clicks({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'home'));
  await click(page, '#count');
  await click(page, '#count');
  await value(page, `document.querySelector('[name=name]').focus()`);
  await page.Input.insertText({ text: 'Grüße' });
  const seen = {
    title: await value(page, 'document.title'),
    sum: await value(page, '19+23'),
    count: await value(page, `document.querySelector('#count').textContent`),
  };
  const loaded = nextEvent(page, 'Page.loadEventFired');
  await click(page, '#submit');
  await loaded;
  return { ...seen, form: await value(page, `document.querySelector('#sent').textContent`) };
}

async function popup({ site, tag }: Run, page: CDP.Client, at: Where): Promise<unknown> {
  await goTo(page, site.url(tag, 'home'));
  await click(page, '#popup');
  const listed = await until('the popup', async () =>
    (await CDP.List(at)).find(({ title }) => title === `popup of ${tag}`),
  );
  const seen = { type: listed.type, url: site.plain(listed.url), said: await value(page, 'said') };
  await CDP.Close({ ...at, id: listed.id });
  return {
    ...seen,
    closed: await until('the popup to close', async () => (await value(page, 'child.closed')) || undefined),
  };
}

async function frame({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await page.Target.setAutoAttach({ autoAttach: true, waitForDebuggerOnStart: false, flatten: true });
  const attached = nextEvent<Protocol.Target.AttachedToTargetEvent>(page, 'Target.attachedToTarget');
  await goTo(page, site.url(tag, 'frames'));
  const { sessionId, targetInfo } = await attached;
  const button = await until('the frame', async () =>
    // its session is there before its document, and for a moment without any script context
    inPage(page, `document.querySelector('#inside')?.textContent`, sessionId).catch(() => undefined),
  );
  return {
    type: targetInfo.type,
    host: await inPage(page, 'location.hostname', sessionId),
    button,
    clicked: await inPage(
      page,
      `document.querySelector('#inside').click(),document.querySelector('#inside').textContent`,
      sessionId,
    ),
    message: await value(page, 'far'),
  };
}

async function screenshot({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'empty'));
  const { data } = await page.Page.captureScreenshot({ format: 'png' });
  const { width, height, pixel } = readPng(Buffer.from(data, 'base64'));
  return { width, height, pixel: pixel(width - 1, height - 1) };
}

async function pdf({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'empty'));
  const file = Buffer.from((await page.Page.printToPDF({})).data, 'base64');
  return { start: file.toString('latin1', 0, 4), large: file.length > 500 };
}

async function intercepted({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'empty'));
  await page.Fetch.enable({ patterns: [{ urlPattern: '*' }] });
  const asked: string[] = [];
  const stop = page.Fetch.requestPaused(({ requestId, request }) => {
    const name = new URL(request.url).pathname;
    asked.push(name);
    const body = Buffer.from(JSON.stringify({ from: 'client', tag })).toString('base64');
    if (name.endsWith('data.json')) void page.Fetch.fulfillRequest({ requestId, responseCode: 200, body });
    else if (name.endsWith('missing')) void page.Fetch.failRequest({ requestId, errorReason: 'Failed' });
    else void page.Fetch.continueRequest({ requestId });
  }) as unknown as () => void;
  const replies = await value(
    page,
    `(async()=>({data:await(await fetch('data.json')).json(),aborted:await fetch('missing').catch(e=>e.message),passed:await(await fetch('file')).text()}))()`,
  );
  stop();
  await page.Fetch.disable();
  return { asked, replies, afterwards: await value(page, `fetch('data.json').then(r=>r.json())`) };
}

async function exposed({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await page.Runtime.addBinding({ name: 'ask' });
  const called = nextEvent<Protocol.Runtime.BindingCalledEvent>(page, 'Runtime.bindingCalled');
  await goTo(page, site.url(tag, 'empty'));
  await value(page, `ask('who? ${tag}')`);
  const { name, payload } = await called;
  return { name, payload };
}

async function cookies({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'home'));
  await value(page, `void(document.cookie='script=${tag}; path=/')`);
  await page.Network.setCookie({ name: 'client', value: tag, url: site.origin, httpOnly: true });
  // in a page's session this falls on Chrome's default context, whatever context the page is in
  await page.Storage.setCookies({ cookies: [{ name: 'short', value: tag, url: site.origin }] });
  const before = (await page.Storage.getCookies({})).cookies
    .map((each) => `${each.name}=${each.value}`)
    .sort();
  await page.Network.deleteCookies({ name: 'short', url: site.origin });
  await goTo(page, site.url(tag, 'empty'));
  return {
    before,
    inPage: String(await value(page, 'document.cookie'))
      .split('; ')
      .sort(),
  };
}

async function storage({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  await goTo(page, site.url(tag, 'home'));
  const before = await value(page, `localStorage.getItem('who')`);
  await value(page, `localStorage.setItem('who','${tag}')`);
  await goTo(page, site.url(tag, 'home'));
  return { before, after: await value(page, '({...localStorage})') };
}

async function worker({ site, tag }: Run, page: CDP.Client): Promise<unknown> {
  const attached = nextEvent<Protocol.Target.AttachedToTargetEvent>(page, 'Target.attachedToTarget');
  await goTo(page, site.url(tag, 'working'));
  const { sessionId, targetInfo } = await attached;
  // its session is there before its script has run
  const worked = await until('the worker', async () => (await value(page, 'window.worked')) ?? undefined);
  const owner = await inPage(page, 'owner', sessionId);
  return { type: targetInfo.type, url: site.plain(targetInfo.url), owner, worked };
}

async function serviceWorker({ site, tag }: Run, page: CDP.Client, at: Where): Promise<unknown> {
  await goTo(page, site.url(tag, 'serving'));
  await until(
    'the service worker',
    async () => (await value(page, '!!window.served&&!!navigator.serviceWorker.controller')) || undefined,
  );
  const listed = await until('the service worker in the list', async () =>
    (await CDP.List(at)).find(({ type }) => type === 'service_worker'),
  );
  const own = await CDP({ ...at, target: listed.id });
  const owner = await value(own, 'owner');
  await own.close();
  return {
    url: site.plain(listed.url),
    owner,
    reply: await value(page, `fetch('by-service').then(r=>r.text())`),
  };
}
