import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { exclusiveUrl, findChrome, kinds, type Found } from './support/exclusive.js';
import { evaluate, navigate } from './support/page.js';
import { survivors } from './support/processes.js';
import { openSite, type Site } from './support/site.js';

interface Contexts {
  browserContextIds: string[];
  defaultBrowserContextId: string;
}

describe.each(kinds)('a client with a Chrome for itself: %s', (kind) => {
  let cdpmux: TestCdpmux;
  let site: Site;

  beforeAll(async () => {
    [cdpmux, site] = await Promise.all([
      startCdpmux({ chrome: chromeExecutable(kind), 'browsers.min': 0, 'browsers.max': 4 }),
      openSite(),
    ]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([cdpmux.close(), site.close()]);
  });

  const connect = (args: readonly string[] = []): Promise<CdpClient> =>
    CdpClient.connect(exclusiveUrl(cdpmux.wsUrl, args));

  const isGone = ({ pid, profile }: Found): boolean =>
    Object.keys(survivors(pid, profile)).length === 0 && !existsSync(profile);

  it('works in the default context with Puppeteer, and beside it in another', async () => {
    const browser = await puppeteer.connect({ browserWSEndpoint: exclusiveUrl(cdpmux.wsUrl) });
    try {
      const [page] = await browser.pages();
      if (!page) throw new Error('no initial page');
      expect(page.browserContext()).toBe(browser.defaultBrowserContext());
      expect(browser.browserContexts()).toHaveLength(1);
      await page.goto(site.url('exclusive', 'home'));
      const cookie = { name: 'whose', value: 'mine', domain: '127.0.0.1' };
      await browser.setCookie(cookie);
      expect(await page.evaluate('document.cookie')).toContain('whose=mine');
      const other = await browser.createBrowserContext();
      const apart = await other.newPage();
      await apart.goto(site.url('exclusive', 'home'));
      expect(await apart.evaluate('document.cookie')).not.toContain('whose');
      await other.close();
      expect(browser.browserContexts()).toHaveLength(1);
    } finally {
      await browser.close();
    }
  });

  it('works in the default context with Playwright, and beside it in another', async () => {
    const browser = await chromium.connectOverCDP(exclusiveUrl(cdpmux.wsUrl));
    try {
      const [context] = browser.contexts();
      expect(browser.contexts()).toHaveLength(1);
      const page = context?.pages()[0];
      if (!context || !page) throw new Error('no initial page in the default context');
      await page.goto(site.url('exclusive', 'home'));
      await context.addCookies([{ name: 'whose', value: 'mine', url: site.origin }]);
      expect(await page.evaluate('document.cookie')).toContain('whose=mine');
      const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('#popup')]);
      await popup.waitForLoadState();
      expect(popup.url()).toContain('popup');
      const other = await browser.newContext();
      const apart = await other.newPage();
      await apart.goto(site.url('exclusive', 'home'));
      expect(await apart.evaluate('document.cookie')).not.toContain('whose');
      await other.close();
    } finally {
      await browser.close();
    }
  });

  it('has Chrome’s own default context, and every command falls on it', async () => {
    const client = await connect();
    const contexts = await client.send<Contexts>('Target.getBrowserContexts');
    expect(contexts.browserContextIds).toEqual([]);
    const page = await client.newPage();
    const { targetInfo } = await client.send<{ targetInfo: { browserContextId: string } }>(
      'Target.getTargetInfo',
      { targetId: page.targetId },
    );
    expect(targetInfo.browserContextId).toBe(contexts.defaultBrowserContextId);
    const disposed = await client.ask('Target.disposeBrowserContext', {
      browserContextId: contexts.defaultBrowserContextId,
    });
    expect(disposed.error?.message).toBe('Cannot dispose default browser context.');
    await client.close();
  });

  it('gets the flags that it asked for', async () => {
    const flags = [
      '--window-size=1234,777',
      '--user-agent=Somebody/1',
      '--lang=de',
      '--force-device-scale-factor=2',
      '--js-flags=--expose-gc',
    ];
    const client = await connect(flags);
    const page = await client.newPage();
    await navigate(client, page, site.url('exclusive', 'home'));
    const seen =
      '[outerWidth,outerHeight,navigator.userAgent,navigator.language,devicePixelRatio,typeof gc].join()';
    expect(await evaluate(client, page, seen)).toBe('1234,777,Somebody/1,de,2,function');
    await client.close();
  });

  it('is alone in it, and the Chrome is gone when the client has gone', async () => {
    const [one, other] = await Promise.all([connect(), connect()]);
    const shared = await CdpClient.connect(cdpmux.wsUrl);
    await one.newPage();
    const targets = await shared.send<{ targetInfos: unknown[] }>('Target.getTargets');
    expect(targets.targetInfos).toHaveLength(1);
    const [first, second] = await Promise.all([findChrome(one), findChrome(other)]);
    expect(first.pid).not.toBe(second.pid);
    const modes = cdpmux.mux.browsers().map(({ mode, pid }) => [mode, pid]);
    expect(modes).toEqual(
      expect.arrayContaining([
        ['exclusive', first.pid],
        ['exclusive', second.pid],
        ['shared', expect.any(Number)],
      ]),
    );
    await one.close();
    await eventually(() => isGone(first), { within: 15_000, what: 'the end of the first Chrome' });
    const later = await connect();
    expect((await findChrome(later)).pid).not.toBe(first.pid);
    await Promise.all([other.close(), later.close(), shared.close()]);
    await eventually(() => isGone(second), { within: 15_000, what: 'the end of the second Chrome' });
  });

  it('is joined by a further client that knows its id, and ends with Browser.close', async () => {
    const first = await connect();
    const { targetInfo } = await first.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const page = await first.newPage();
    await navigate(first, page, site.url('exclusive', 'home'));
    const chrome = await findChrome(first);
    const second = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${targetInfo.targetId}`);
    const params = { targetId: page.targetId, flatten: true };
    const attached = await second.send<{ sessionId: string }>('Target.attachToTarget', params);
    const again = { targetId: page.targetId, sessionId: attached.sessionId };
    expect(await evaluate(second, again, 'location.href')).toBe(site.url('exclusive', 'home'));
    expect(await findChrome(second)).toEqual(chrome);
    await first.close();
    expect(await evaluate(second, again, '6*9')).toBe(54);
    await second.send('Browser.close');
    expect(await second.closed).toEqual({ code: 1000, reason: 'closed by Browser.close' });
    await eventually(() => isGone(chrome), { within: 15_000, what: 'the end of the Chrome' });
    const gone = await refusedUpgrade(`${cdpmux.wsUrl}devtools/browser/${targetInfo.targetId}`);
    expect(gone.status).toBe(404);
  });

  it('is told when it would join one that shares its Chrome', async () => {
    const shared = await CdpClient.connect(cdpmux.wsUrl);
    const { targetInfo } = await shared.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const url = exclusiveUrl(`${cdpmux.wsUrl}devtools/browser/${targetInfo.targetId}`);
    const answer = await refusedUpgrade(url);
    expect([answer.status, errorOf(answer)['parameter']]).toEqual([400, 'mode']);
    await shared.close();
  });

  it('may have it crash, and is told that it was lost', async () => {
    const client = await connect();
    const chrome = await findChrome(client);
    client.raw(JSON.stringify({ id: 4711, method: 'Browser.crash' }));
    expect(await client.closed).toEqual({ code: 4502, reason: 'the browser was lost: connect again' });
    await eventually(() => isGone(chrome), { within: 15_000, what: 'the end of the Chrome' });
    const other = await connect();
    expect((await other.send<{ product: string }>('Browser.getVersion')).product).toContain('Chrome/');
    await other.close();
  });
});
