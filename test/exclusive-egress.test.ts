import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { Names, openUpstream, openWatched, type Watched } from './support/egress.js';
import { exclusiveUrl } from './support/exclusive.js';
import { evaluate, navigate, type Page } from './support/page.js';

/** The only address of this machine that pages may reach; the site listens there, and everywhere else. */
const open = '127.0.0.2';

describe('what goes out of an exclusive Chrome', () => {
  let site: Watched;
  let cdpmux: TestCdpmux;
  const names = new Names();

  beforeAll(async () => {
    site = await openWatched();
    const settings = { 'policy.egress.mode': 'filter', 'policy.egress.allow': open, 'browsers.min': 0 };
    cdpmux = await startCdpmux(settings, { resolve: names.resolve });
  }, 60_000);

  afterAll(async () => {
    await Promise.all([cdpmux.close(), site.close()]);
  });

  beforeEach(() => {
    site.seen.length = 0;
    names.clear();
  });

  const show = async (client: CdpClient, on: Page, url: string): Promise<string> => {
    await navigate(client, on, url);
    return (await evaluate(client, on, 'document.body.innerText')) as string;
  };

  const elsewhere = (): string[] => site.seen.filter((one) => !one.startsWith(open));

  it('goes through the filter, from the default context and from others', async () => {
    names.set('site.test', [open]).set('inside.test', ['127.0.0.1']);
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    for (const context of [{}, { browserContextId }]) {
      const { targetId } = await client.send<Page>('Target.createTarget', { url: 'about:blank', ...context });
      const { sessionId } = await client.send<Page>('Target.attachToTarget', { targetId, flatten: true });
      const page = { targetId, sessionId };
      expect(await show(client, page, `http://site.test:${site.port}/`)).toContain(`reached ${open}`);
      for (const host of ['inside.test', '127.0.0.1', 'localhost', '[::1]', '169.254.169.254']) {
        expect(await show(client, page, `http://${host}:${site.port}/`)).toMatch(/^cdpmux: /);
      }
    }
    expect(elsewhere()).toEqual([]);
    await client.close();
  });

  it.each([
    ['the parameter', (url: string): [string[], Record<string, string>] => [[], { proxyServer: url }]],
    ['a flag', (url: string): [string[], Record<string, string>] => [[`--proxy-server=${url}`], {}]],
  ])('goes on to the client’s own proxy, asked for by %s', async (_by, wish) => {
    const own = await openUpstream(open, open);
    names.set('site.test', [open]);
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl, ...wish(own.url)));
    const page = await client.newPage();
    expect(await show(client, page, `http://site.test:${site.port}/`)).toContain(`reached ${open}`);
    expect(own.asked).toContain(`site.test:${site.port}`);
    expect(elsewhere()).toEqual([]);
    await client.close();
    await own.close();
  });

  it('knows no way past the filter, by flags or by a proxy that is not allowed', async () => {
    const around = await refusedUpgrade(
      exclusiveUrl(cdpmux.wsUrl, ['--host-resolver-rules=MAP * 127.0.0.1']),
    );
    expect([around.status, errorOf(around)['code']]).toEqual([403, 'FORBIDDEN']);
    expect(errorOf(around)['message']).toContain('--host-resolver-rules');
    const proxy = await refusedUpgrade(
      exclusiveUrl(cdpmux.wsUrl, [`--proxy-server=http://127.0.0.1:${site.port}`]),
    );
    expect([proxy.status, errorOf(proxy)['code']]).toEqual([403, 'FORBIDDEN']);
    // a client's mistake is no failed launch: the next one is served at once
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
    await client.send('Browser.getVersion');
    await client.close();
  });
});

describe('the proxy of an exclusive Chrome without a filter', () => {
  it('is the one that its client asked for', async () => {
    const site = await openWatched();
    const own = await openUpstream('127.0.0.1', '127.0.0.1');
    const cdpmux = await startCdpmux({ 'browsers.min': 0 });
    const more = { proxyServer: own.url, proxyBypassList: '<-loopback>' };
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl, [], more));
    const page = await client.newPage();
    await navigate(client, page, `http://site.test:${site.port}/`);
    expect(await evaluate(client, page, 'document.body.innerText')).toContain('as site.test');
    expect(own.asked).toContain(`site.test:${site.port}`);
    await client.close();
    await Promise.all([cdpmux.close(), own.close(), site.close()]);
  });
});
