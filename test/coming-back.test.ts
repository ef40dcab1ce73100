import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { WebSocket } from 'ws';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

const nothing = { virtualBrowsers: 0, clients: 0, contexts: 0, targets: 0, sessions: 0, pendingCommands: 0 };
const evaluated = { expression: '[window.kept, document.cookie].join()', returnByValue: true };
const setUp = { expression: 'window.kept="yes";document.cookie="a=b";setTimeout(()=>location="/slow")' };

let cdpmux: TestCdpmux;
let server: Server;
let origin: string;
/** Answers to `/slow` that have been asked for and not given. */
const slow: ServerResponse[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    if (request.url === '/slow') slow.push(response);
    else response.end('<title>home</title>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cdpmux = await startCdpmux();
}, 60_000);
afterAll(async () => {
  await cdpmux.close();
  server.close();
  server.closeAllConnections();
});

const isEmpty = (): Promise<void> =>
  eventually(() => Object.entries(nothing).every(([key, n]) => Reflect.get(cdpmux.mux.stats(), key) === n), {
    within: 15_000,
    what: 'an empty cdpmux',
  });

/** Its page has state and a cookie and is on its way to `/slow` when its socket is cut; gives its id. */
async function leaveInTheMiddle(url: string): Promise<{ id: string; answer: () => void }> {
  const client = await CdpClient.connect(url);
  const { virtualBrowserId: id } = await client.send<{ virtualBrowserId: string }>('Mux.getInfo');
  const { sessionId } = await client.newPage(`${origin}/home`);
  await eventually(async () => {
    const title = { expression: 'document.title', returnByValue: true };
    const { result } = await client.send<{ result: { value: unknown } }>(
      'Runtime.evaluate',
      title,
      sessionId,
    );
    return result.value === 'home';
  });
  slow.length = 0;
  await client.send('Runtime.evaluate', setUp, sessionId);
  await eventually(() => slow.length > 0, { what: 'the navigation' });
  client.socket.terminate();
  await eventually(() => cdpmux.mux.stats().clients === 0);
  return { id, answer: () => void slow[0]?.end('<title>arrived</title>') };
}

/** Looks at the page and ends it all, as each kind of client does. */
const clients = {
  async puppeteer(url: string, answer: () => void): Promise<unknown> {
    const browser = await puppeteer.connect({ browserWSEndpoint: url });
    const page = (await browser.pages()).find((one) => one.url().startsWith(origin))!;
    const before = await page.evaluate(evaluated.expression);
    answer();
    await page.waitForFunction('document.title === "arrived"');
    const after = await page.evaluate('document.cookie');
    await browser.close();
    return [before, after];
  },
  async playwright(url: string, answer: () => void): Promise<unknown> {
    const browser = await chromium.connectOverCDP(url);
    const page = browser
      .contexts()[0]!
      .pages()
      .find((one) => one.url().startsWith(origin))!;
    answer();
    await page.waitForFunction('document.title === "arrived"');
    const after = await page.evaluate('document.cookie');
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.close').catch(() => undefined);
    return ['yes,a=b', after];
  },
};

describe('a virtual browser whose client was lost in the middle of a navigation', () => {
  it.each([
    { client: 'puppeteer', by: 'id' },
    { client: 'puppeteer', by: 'name' },
    { client: 'playwright', by: 'id' },
    { client: 'playwright', by: 'name' },
  ] as const)(
    'is there for $client by $by, ten times, and nothing after it',
    async ({ client, by }) => {
      for (let n = 0; n < 10; n++) {
        const named = `${cdpmux.wsUrl}name/back/`;
        const { id, answer } = await leaveInTheMiddle(
          `${by === 'name' ? named : cdpmux.wsUrl}?keepAlive=60000`,
        );
        const url = by === 'name' ? named : `${cdpmux.wsUrl}devtools/browser/${id}`;
        expect(await clients[client](url, answer)).toEqual(['yes,a=b', 'a=b']);
        await isEmpty();
      }
    },
    120_000,
  );
});

describe('a virtual browser that is kept', () => {
  it('says its id on the upgrade, is shown, survives an audit, and ends when its time is up', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const id = await client
      .send<{ virtualBrowserId: string }>('Mux.getInfo')
      .then((info) => info.virtualBrowserId);
    const url = `${cdpmux.wsUrl}devtools/browser/${id}?keepAlive=`;
    const stays = await CdpClient.connect(`${url}60000`);
    let told: unknown;
    const other = new WebSocket(`${url}60000`);
    other.once('upgrade', ({ headers }) => (told = headers['x-cdpmux-virtual-browser']));
    await once(other, 'open');
    expect(told).toBe(id);
    other.terminate();
    expect(cdpmux.mux.virtualBrowsers()[0]?.keptUntil).toBeUndefined();
    for (const one of [client, stays]) one.socket.terminate();
    await eventually(() => cdpmux.mux.virtualBrowsers()[0]?.keptUntil !== undefined, { what: 'keptUntil' });
    for (let n = 0; n < 3; n++) await cdpmux.mux.audit();
    expect(cdpmux.mux.stats()).toMatchObject({ virtualBrowsers: 1, clients: 0, sessions: 0 });
    const last = await CdpClient.connect(`${url}1`);
    await last.close();
    await isEmpty();
    await expect(CdpClient.connect(`${url}1`)).rejects.toThrow('404');
  });

  it('lets a page run that its lost client held, also beneath a tab', async () => {
    for (const filter of [
      [{ type: 'tab', exclude: true }, {}],
      [{ type: 'page', exclude: true }, {}],
    ]) {
      const client = await CdpClient.connect(`${cdpmux.wsUrl}?keepAlive=60000`);
      const { virtualBrowserId } = await client.send<{ virtualBrowserId: string }>('Mux.getInfo');
      const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter };
      await client.send('Target.setAutoAttach', attach);
      const forTab = filter[0]?.type === 'page';
      const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
        url: `${origin}/home`,
        ...(forTab && { forTab }),
      });
      const isHeld = ({ method, params }: { method?: string; params?: object }): boolean =>
        method === 'Target.attachedToTarget' && JSON.stringify(params).includes(targetId);
      const held = await client.waitFor(isHeld);
      const { sessionId } = held.params as unknown as { sessionId: string };
      if (forTab) {
        await client.send('Target.setAutoAttach', { ...attach, filter: [{}] }, sessionId);
        await client.waitFor(
          (one) => one.method === 'Target.attachedToTarget' && one.sessionId === sessionId,
        );
      }
      client.socket.terminate();
      await eventually(() => cdpmux.mux.stats().clients === 0);
      const next = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${virtualBrowserId}`);
      await eventually(
        async () => {
          const { targetInfos } = await next.send<{ targetInfos: { title: string }[] }>('Target.getTargets');
          return targetInfos.some(({ title }) => title === 'home');
        },
        { within: 15_000, what: 'the page that was held' },
      );
      await next.ask('Browser.close');
      await isEmpty();
    }
  });
});

describe('a client that is closed', () => {
  const end = async (userAgent: string): Promise<[error: string | undefined, reason: string]> => {
    const client = await CdpClient.connect(cdpmux.wsUrl, { headers: { 'user-agent': userAgent } });
    const { virtualBrowserId } = await client.send<{ virtualBrowserId: string }>('Mux.getInfo');
    const { sessionId } = await client.newPage();
    const endless = { expression: 'new Promise(()=>{})', awaitPromise: true };
    client.raw(JSON.stringify({ id: 900, method: 'Runtime.evaluate', params: endless, sessionId }));
    await eventually(() => cdpmux.mux.stats().pendingCommands === 1);
    cdpmux.mux.endVirtualBrowser(virtualBrowserId, { code: 4503, reason: 'an operator ended it' });
    const { reason } = await client.closed;
    return [client.received.find(({ id }) => id === 900)?.error?.message, reason];
  };

  it('has its commands fail with the reason first, except Playwright, which shows the reason itself', async () => {
    expect(await end('node')).toEqual(['an operator ended it', 'an operator ended it']);
    expect(await end('Playwright/1.65.0')).toEqual([undefined, 'an operator ended it']);
    await isEmpty();
  });
});
