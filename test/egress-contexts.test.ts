import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { Names, openUpstream, openWatched, type Watched } from './support/egress.js';
import { eventually } from './support/eventually.js';
import { evaluate, navigate, type Page } from './support/page.js';

/** The only address of this machine that pages may reach; the site listens there, and everywhere else. */
const open = '127.0.0.2';

describe('a proxy that a client asks for', () => {
  let site: Watched;
  let filtered: TestCdpmux;
  let client: CdpClient;
  const names = new Names();

  beforeAll(async () => {
    site = await openWatched();
    const settings = { 'policy.egress.mode': 'filter', 'policy.egress.allow': open };
    filtered = await startCdpmux(settings, { resolve: names.resolve });
  }, 60_000);

  afterAll(async () => {
    await Promise.all([filtered.close(), site.close()]);
  });

  beforeEach(async () => {
    client = await CdpClient.connect(filtered.wsUrl);
    site.seen.length = 0;
    names.clear();
  });

  afterEach(async () => {
    await client.close();
  });

  /** What a page of this client shows after going somewhere. */
  const show = async (url: string, on: Page): Promise<string> => {
    await navigate(client, on, url);
    return (await evaluate(client, on, 'document.body.innerText')) as string;
  };

  const elsewhere = (): string[] => site.seen.filter((one) => !one.startsWith(open));

  const pageIn = async (browserContextId: string): Promise<Page> => {
    const { targetId } = await client.send<Page>('Target.createTarget', {
      url: 'about:blank',
      browserContextId,
    });
    return client.send<Page>('Target.attachToTarget', { targetId, flatten: true });
  };

  it("goes on to the client's own proxy, which is checked as well as where it is to go", async () => {
    const own = await openUpstream(open, open);
    names.set('site.test', [open]).set('inside.test', ['10.0.0.1']);
    const chained = await CdpClient.connect(
      `${filtered.wsUrl}?proxyServer=${encodeURIComponent(own.url)}&proxyBypassList=*.test:1`,
    );
    const its = await chained.newPage();
    await navigate(chained, its, `http://site.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(`reached ${open} as site.test`);
    expect(own.asked).toContain(`site.test:${site.port}`);
    await navigate(chained, its, `http://inside.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(
      'inside.test (10.0.0.1) is a private',
    );
    expect(own.asked).not.toContain(`inside.test:${site.port}`);
    await chained.close();
    await own.close();
  });

  it("lets a client give its own proxy's credentials when Chrome asks for them", async () => {
    const own = await openUpstream(open, open, 'user:secret');
    names.set('site.test', [open]);
    const chained = await CdpClient.connect(`${filtered.wsUrl}?proxyServer=${encodeURIComponent(own.url)}`);
    const its = await chained.newPage();
    await chained.send('Fetch.enable', { handleAuthRequests: true }, its.sessionId);
    chained.socket.on('message', (data: Buffer) => {
      const { method, params, sessionId } = JSON.parse(data.toString());
      const { requestId } = params ?? {};
      if (method === 'Fetch.requestPaused')
        void chained.ask('Fetch.continueRequest', { requestId }, sessionId);
      if (method !== 'Fetch.authRequired') return;
      const authChallengeResponse = { response: 'ProvideCredentials', username: 'user', password: 'secret' };
      void chained.ask('Fetch.continueWithAuth', { requestId, authChallengeResponse }, sessionId);
    });
    await navigate(chained, its, `http://site.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(`reached ${open} as site.test`);
    const socket = `new Promise((done)=>{new WebSocket('ws://site.test:${site.port}/socket').onclose=done})`;
    await evaluate(chained, its, socket);
    await eventually(() => site.seen.includes(`${open} /socket`));
    await chained.close();
    await own.close();
  });

  it.each([
    ['127.0.0.1:3128', 403, 'FORBIDDEN'],
    ['http=169.254.169.254:80', 403, 'FORBIDDEN'],
    ['one.test,two.test', 400, 'BAD_PARAMETER'],
  ])('never goes to a proxyServer that is %s', async (proxyServer, status, code) => {
    const http = filtered.wsUrl.replace('ws:', 'http:');
    const response = await upgradeRefused(`${http}?proxyServer=${encodeURIComponent(proxyServer)}`);
    expect(response).toMatchObject({ status, body: expect.stringContaining(`"code":"${code}"`) });
    const { error } = await client.ask('Target.createBrowserContext', { proxyServer });
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('proxyServer') });
  });

  it.each([
    [{}],
    [{ proxyServer: '' }],
    [{ proxyServer: 'direct://' }],
    [{ proxyBypassList: '*' }],
    [{ proxyServer: 'http=direct://', proxyBypassList: '127.0.0.1;<local>;*' }],
  ])('is no more in a context that a client makes with %j', async (wish) => {
    const nested = await client.send<Page>('Target.attachToBrowserTarget');
    for (const sessionId of [undefined, nested.sessionId]) {
      for (const disposeOnDetach of [true, false]) {
        const params = { ...wish, disposeOnDetach };
        const { browserContextId } = await client.send<{ browserContextId: string }>(
          'Target.createBrowserContext',
          params,
          sessionId,
        );
        const its = await pageIn(browserContextId);
        expect(await show(`http://127.0.0.1:${site.port}/`, its)).toMatch(/^cdpmux: 127\.0\.0\.1/);
        expect(await show(`http://${open}:${site.port}/`, its)).toContain(`reached ${open}`);
        await client.send('Target.disposeBrowserContext', { browserContextId });
      }
    }
    expect(elsewhere()).toEqual([]);
  });

  it('goes through the proxy of a context that a client makes, but for its bypass list', async () => {
    const own = await openUpstream(open, open);
    names.set('far.test', [open]).set('near.test', [open]);
    const wish = { proxyServer: own.url, proxyBypassList: 'near.test,127.0.0.1' };
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
      wish,
    );
    const its = await pageIn(browserContextId);
    expect(await show(`http://far.test:${site.port}/`, its)).toContain(`reached ${open}`);
    expect(await show(`http://near.test:${site.port}/`, its)).toContain(`reached ${open}`);
    expect(await show(`http://127.0.0.1:${site.port}/`, its)).toMatch(/^cdpmux: 127\.0\.0\.1/);
    expect(new Set(own.asked)).toEqual(new Set([`far.test:${site.port}`]));
    await own.close();
  });

  it('keeps the order of commands around the making of a context', async () => {
    const from = client.received.length;
    const asked = [
      client.ask('Browser.getVersion'),
      client.ask('Target.createBrowserContext', { proxyServer: `http://${open}:1` }),
      client.ask('Target.getBrowserContexts'),
      client.ask('Target.createBrowserContext', { proxyServer: 7 }),
      client.ask('Browser.getVersion'),
    ];
    const replies = await Promise.all(asked);
    const [, made, listed, refused] = replies;
    // What cdpmux refuses by itself has no need to wait for Chrome.
    const ids = client.received.slice(from).flatMap(({ id }) => (id === refused?.id ? [] : (id ?? [])));
    expect(ids).toEqual(replies.flatMap(({ id }) => (id === refused?.id ? [] : id)));
    expect(listed?.result?.['browserContextIds']).toContain(made?.result?.['browserContextId']);
    expect(refused?.error).toMatchObject({ code: -32602 });
  });
});

/** The answer to an upgrade that is not one. */
async function upgradeRefused(url: string): Promise<{ status: number | undefined; body: string }> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const asked = request(url, { headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}
