import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';

let cdpmux: TestCdpmux;
/** The browser of a person on the same machine, with a page of somebody else's. */
let chrome: DirectChrome;
let site: Server;
let page: { client: CdpClient; sessionId: string };

beforeAll(async () => {
  site = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p>hi'));
  site.listen(0, '127.0.0.1');
  [cdpmux, chrome] = await Promise.all([
    startCdpmux({ 'listen.allowedOrigins': 'https://tools.example:8443, chrome-extension://abc' }),
    startChrome(),
    once(site, 'listening'),
  ]);
  const client = await CdpClient.connect(chrome.wsUrl);
  const { sessionId } = await client.newPage();
  page = { client, sessionId };
  await navigate(`http://localhost:${(site.address() as AddressInfo).port}/`);
});
afterAll(async () => {
  site.close();
  await page.client.close();
  await Promise.all([cdpmux.close(), chrome.close()]);
});

async function navigate(url: string): Promise<void> {
  await page.client.send('Page.enable', {}, page.sessionId);
  const loaded = page.client.events.length;
  await page.client.send('Page.navigate', { url }, page.sessionId);
  await page.client.until(
    () => page.client.events.slice(loaded).some(({ method }) => method === 'Page.loadEventFired'),
    'the page',
  );
}

async function inPage<T>(expression: string): Promise<T> {
  const params = { expression, awaitPromise: true, returnByValue: true };
  const { result } = await page.client.send<{ result: { value: T } }>(
    'Runtime.evaluate',
    params,
    page.sessionId,
  );
  return result.value;
}

/** What becomes of a WebSocket that the page opens. */
const socketInPage = (url: string) =>
  inPage<string>(`new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(url)});
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('refused');
  })`);

describe('a web page in a browser on the same machine', () => {
  it('opens no WebSocket', async () => {
    expect(await socketInPage(cdpmux.wsUrl)).toBe('refused');
    expect(cdpmux.mux.stats().virtualBrowsers).toBe(0);
  });

  it.each(['/json/list', '/name/x/json/list', '/json/close/x', '/json/version', '/api/v1/status'])(
    'gets nothing done at %s, neither with CORS nor without',
    async (path) => {
      const url = cdpmux.url + path;
      for (const options of ['{ mode: "no-cors" }', '{}', '{ method: "POST", mode: "no-cors" }']) {
        await inPage(`fetch(${JSON.stringify(url)}, ${options}).then(() => 1, () => 0)`);
      }
      await inPage(`new Promise((resolve) => {
        const image = new Image();
        image.onerror = image.onload = resolve;
        image.src = ${JSON.stringify(url)};
      })`);
      expect(cdpmux.mux.stats().virtualBrowsers).toBe(0);
    },
  );

  it('may link to what changes nothing', async () => {
    await navigate(`${cdpmux.url}/`);
    expect(await inPage('document.body.textContent')).toContain('cdpmux: connect CDP clients to');
    // that page may ask what it likes but for a WebSocket, which Chrome does not give to its own pages either
    expect(await inPage(`fetch('/json/list').then((response) => response.status)`)).toBe(200);
    expect(await inPage(`fetch('/api/v1/reload', { method: 'POST' }).then(({ status }) => status)`)).toBe(
      200,
    );
    expect(await socketInPage(cdpmux.wsUrl)).toBe('refused');
  });

  it('drives cdpmux where its origin is allowed', async () => {
    const { port } = site.address() as AddressInfo;
    const open = await startCdpmux({ 'listen.allowedOrigins': `http://localhost:${port}` });
    try {
      await navigate(`http://localhost:${port}/`);
      expect(await socketInPage(open.wsUrl)).toBe('open');
    } finally {
      await open.close();
    }
  });
});

/** Every way in which a page can send an order without asking first, and one in which Chrome asks first. */
const orderInPage = (url: string, method: string) => `
  (async () => {
    const url = ${JSON.stringify(url)};
    const sent = (options) => fetch(url, options).then(({ status }) => status, () => 0);
    const statuses = [await sent({ method: ${JSON.stringify(method)} })];
    statuses.push(await sent({ method: 'POST', mode: 'no-cors', body: 'x=1' }));
    navigator.sendBeacon(url, 'x');
    const frame = Object.assign(document.createElement('iframe'), { name: 'answer' });
    const form = Object.assign(document.createElement('form'), { action: url, method: 'post', target: 'answer' });
    document.body.append(frame, form);
    const answered = new Promise((resolve) => frame.addEventListener('load', resolve));
    form.submit();
    await answered;
    frame.remove();
    form.remove();
    return statuses;
  })()`;

describe('an order of the operator’s', () => {
  const orders = (): [string, string][] => {
    const [browser] = cdpmux.mux.browsers();
    const virtual = cdpmux.mux.virtualBrowsers().find(({ labels }) => labels['n'] === 'victim');
    const ofBrowser = ['cordon', 'drain', 'recycle'].map((order) => `browsers/${browser?.id}/${order}`);
    return [
      ...[...ofBrowser, 'pause', 'reconnect', 'reload'].map((path): [string, string] => ['POST', path]),
      ['DELETE', `virtual-browsers/${virtual?.id}`],
    ];
  };
  let client: CdpClient;
  beforeAll(async () => {
    client = await CdpClient.connect(`${cdpmux.wsUrl}?label.n=victim`);
  });
  afterAll(() => client.close());

  const expectNothingDone = async (): Promise<void> => {
    expect(cdpmux.mux.browsers()).toMatchObject([{ state: 'ready' }]);
    expect(cdpmux.mux.queue().paused).toBe(false);
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
  };

  it('is not taken from a page of another site', async () => {
    await navigate(`http://localhost:${(site.address() as AddressInfo).port}/`);
    for (const [method, path] of orders()) {
      // 0: Chrome gives the page no answer, whatever it was
      expect(await inPage(orderInPage(`${cdpmux.url}/api/v1/${path}`, method))).toEqual([0, 0]);
    }
    await expectNothingDone();
  });

  it('is not taken from a page whose own name was pointed at this machine (DNS rebinding)', async () => {
    const rebound = await startChrome({ flags: ['--host-resolver-rules=MAP rebound.example 127.0.0.1'] });
    const before = page;
    try {
      const its = await CdpClient.connect(rebound.wsUrl);
      page = { client: its, sessionId: (await its.newPage()).sessionId };
      const base = cdpmux.url.replace('127.0.0.1', 'rebound.example');
      await navigate(`${base}/`);
      expect(await inPage('location.origin')).toBe(base);
      for (const [method, path] of orders()) {
        const statuses = await inPage(orderInPage(`${base}/api/v1/${path}`, method));
        expect([path, statuses]).toEqual([path, [403, 403]]);
      }
      expect(await inPage(`fetch('/api/v1/browsers').then(({ status }) => status)`)).toBe(403);
      await its.close();
    } finally {
      page = before;
      await rebound.close();
    }
    await expectNothingDone();
  });
});

describe('the Origin of an upgrade', () => {
  it.each(['https://tools.example:8443', 'https://TOOLS.example:8443', 'chrome-extension://abc'])(
    '%s is let in when allowed',
    async (origin) => {
      await (await CdpClient.connect(cdpmux.wsUrl, { headers: { origin } })).close();
      const { status } = await ask(`${cdpmux.url}/json/version`, {
        headers: { origin, 'sec-fetch-site': 'cross-site' },
      });
      expect(status).toBe(200);
    },
  );

  it.each(['https://tools.example', 'http://tools.example:8443', 'https://tools.example:8443/', 'null', ''])(
    '%s is refused, as Chrome does',
    async (origin) => {
      const answer = await refusedUpgrade(cdpmux.wsUrl, { headers: { origin } });
      expect([answer.status, errorOf(answer)['code']]).toEqual([403, 'FORBIDDEN']);
      expect(errorOf(answer)['message']).toContain('listen.allowedOrigins');
      expect((await ask(`${cdpmux.url}/json/version`, { headers: { origin } })).status).toBe(403);
    },
  );

  it('is let in and refused by Chrome in the same cases', async () => {
    const strict = await startChrome({ flags: ['--remote-allow-origins=https://tools.example:8443'] });
    try {
      for (const origin of ['https://tools.example:8443', 'https://TOOLS.example:8443']) {
        await (await CdpClient.connect(strict.wsUrl, { headers: { origin } })).close();
      }
      for (const origin of ['https://tools.example', 'https://tools.example:8443/', 'null', '']) {
        expect((await refusedUpgrade(strict.wsUrl, { headers: { origin } })).status).toBe(403);
      }
    } finally {
      await strict.close();
    }
  });

  it('does not matter with *', async () => {
    const any = await startCdpmux({ 'listen.allowedOrigins': '*' });
    try {
      await (await CdpClient.connect(any.wsUrl, { headers: { origin: 'https://anywhere.example' } })).close();
      const headers = { 'sec-fetch-site': 'cross-site' };
      expect((await ask(`${any.url}/json/version`, { headers })).status).toBe(200);
    } finally {
      await any.close();
    }
  });
});
