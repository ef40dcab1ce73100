import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { chromeExecutable, startChrome, type DirectChrome } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { evaluate, type Page } from './support/page.js';
import { pagesGiven } from './support/stock.js';

/** Only there one page of a window hides the others. */
const kind = 'chrome';

let cdpmux: TestCdpmux;
let direct: DirectChrome;
beforeAll(async () => {
  const settings = { 'stock.enabled': 'true', 'stock.max': 1, 'browsers.kind': kind };
  [cdpmux, direct] = await Promise.all([
    startCdpmux({ ...settings, chrome: chromeExecutable(kind) }),
    startChrome({ kind }),
  ]);
});
afterAll(() => Promise.all([cdpmux.close(), direct.close()]));
beforeEach(() =>
  eventually(() => cdpmux.mux.browsers()[0]?.stock === 1, { within: 20_000, what: 'one that is ready' }),
);

const visibility = (client: CdpClient, page: Page): Promise<unknown> =>
  evaluate(client, page, 'document.visibilityState');

/** The page that a browser starts with, watched. */
async function firstPage(client: CdpClient): Promise<Page> {
  const { targetInfos } = await client.send<{ targetInfos: { targetId: string; type: string }[] }>(
    'Target.getTargets',
  );
  return watch(client, targetInfos.find(({ type }) => type === 'page')!.targetId);
}

/** Has a page say by itself when it is hidden. */
async function watch(client: CdpClient, targetId: string): Promise<Page> {
  const attach = { targetId, flatten: true };
  const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', attach);
  const page = { targetId, sessionId };
  await client.send('Runtime.enable', {}, sessionId);
  await client.send('Runtime.addBinding', { name: 'told' }, sessionId);
  await evaluate(client, page, `document.onvisibilitychange=()=>told(document.visibilityState)`);
  return page;
}

/** Has a page open one a moment later, asks meanwhile for one, and waits until both are there. */
async function givenWhile(
  client: CdpClient,
  opener: Page,
  features = '',
): Promise<{ given: Page; opened: Page }> {
  await client.send('Target.setDiscoverTargets', { discover: true });
  await evaluate(client, opener, `setTimeout(()=>window.open('about:blank','','${features}'),300);1`);
  const before = await pagesGiven(cdpmux);
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  expect(await pagesGiven(cdpmux)).toBe(before + 1);
  const isOpened = ({ method, params }: Message): boolean =>
    method === 'Target.targetCreated' &&
    (params?.['targetInfo'] as { openerId?: string }).openerId === opener.targetId;
  const created = await client.waitFor(isOpened, 'the page that another one opens');
  const opened = await watch(client, (created.params?.['targetInfo'] as Page).targetId);
  return { opened, given: await watch(client, targetId) };
}

const isGone =
  ({ targetId }: { targetId: string }) =>
  ({ method, params }: Message): boolean =>
    method === 'Target.targetDestroyed' && params?.['targetId'] === targetId;

const isTold = ({ method, params }: Message): boolean =>
  method === 'Runtime.bindingCalled' && params?.['payload'] === 'hidden';

describe('a page that was kept ready and is given as a new one', () => {
  it('is in front for whoever looks, and the one before it is not', async () => {
    for (const wsUrl of [cdpmux.wsUrl, direct.wsUrl]) {
      const client = await CdpClient.connect(wsUrl);
      const first = await firstPage(client);
      expect(await visibility(client, first)).toBe('visible');
      const given = await pagesGiven(cdpmux);
      const page = await client.newPage();
      await client.send('Page.enable', {}, page.sessionId);
      if (wsUrl === cdpmux.wsUrl) expect(await pagesGiven(cdpmux)).toBe(given + 1);
      expect(await visibility(client, page)).toBe('visible');
      expect(await visibility(client, first)).toBe('hidden');
      await client.close();
    }
  });

  it('is in front of what its client asks for before it is there, and behind what it asks for after', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const first = await firstPage(client);
    const given = await pagesGiven(cdpmux);
    // in one write, so that nothing of it is answered before the last is sent
    const info = client.ask('Target.getTargetInfo', { targetId: first.targetId });
    const spare = client.ask('Target.createTarget', { url: 'about:blank' });
    const front = client.ask('Target.activateTarget', { targetId: first.targetId });
    await Promise.all([info, spare, front]);
    expect(await pagesGiven(cdpmux)).toBe(given + 1);
    // were it late still, this very look would bring the other one to the front
    expect(await visibility(client, first)).toBe('visible');
    await client.close();
  });

  it('stays behind a page that another page opens by itself', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { given, opened } = await givenWhile(client, await firstPage(client));
    expect(await visibility(client, opened)).toBe('visible');
    expect(await visibility(client, given)).toBe('hidden');
    await client.close();
  });

  it('is in front of its window where another page opens one of its own', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const features = 'popup,width=300,height=300';
    const { given, opened } = await givenWhile(client, await firstPage(client), features);
    expect(await visibility(client, given)).toBe('visible');
    expect(await visibility(client, opened)).toBe('visible');
    await client.close();
  });

  it('is in front of its window where a page of another context opens one', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const context = await client.send('Target.createBrowserContext');
    const params = { url: 'about:blank', ...context };
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', params);
    const { given, opened } = await givenWhile(client, await watch(client, targetId));
    expect(await visibility(client, given)).toBe('visible');
    expect(await visibility(client, opened)).toBe('visible');
    await client.close();
  });

  it('is in the window of what its client opened before it', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?initialPage=false`);
    const windowOf = async (url: string): Promise<unknown> => {
      const page = await client.send<{ targetId: string }>('Target.createTarget', { url });
      return (await client.send<{ windowId: number }>('Browser.getWindowForTarget', page)).windowId;
    };
    const given = await pagesGiven(cdpmux);
    expect(await windowOf('data:text/html,first')).toBe(await windowOf('about:blank'));
    expect(await pagesGiven(cdpmux)).toBe(given + 1);
    await client.close();
  });

  it('comes to the front where nobody looks, and the page behind it is told', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    await firstPage(client);
    await client.send('Target.createTarget', { url: 'about:blank' });
    await client.waitFor(isTold, 'the first page to be told that it is hidden');
    await client.close();
  });

  it('does not come where it is closed before anybody looked, and the page before it stays in front', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const first = await firstPage(client);
    await client.send('Target.setDiscoverTargets', { discover: true });
    const given = await pagesGiven(cdpmux);
    const page = await client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    expect(await pagesGiven(cdpmux)).toBe(given + 1);
    await client.send('Target.closeTarget', page);
    await client.waitFor(isGone(page), 'the page to be gone');
    expect(await visibility(client, first)).toBe('visible');
    expect(client.events.some(isTold)).toBe(false);
    await client.close();
  });

  it('comes to the front before it is closed where Chrome chooses which of others is there next', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const first = await firstPage(client);
    await client.send('Target.setDiscoverTargets', { discover: true });
    await evaluate(client, first, `void window.open('about:blank')`);
    const isPopup = ({ method, params }: Message): boolean =>
      method === 'Target.targetCreated' &&
      (params?.['targetInfo'] as { openerId?: string }).openerId === first.targetId;
    const created = await client.waitFor(isPopup, 'the popup');
    await watch(client, (created.params?.['targetInfo'] as Page).targetId);
    const given = await pagesGiven(cdpmux);
    const page = await client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    expect(await pagesGiven(cdpmux)).toBe(given + 1);
    await client.send('Target.closeTarget', page);
    await client.waitFor(isGone(page), 'the page to be gone');
    await client.waitFor(isTold, 'the popup to be told that it is hidden');
    await client.close();
  });

  it('stays behind a page that is brought to the front after it', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}name/front?keepAlive=5`);
    const first = await firstPage(client);
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const answer = await fetch(`${cdpmux.url}/name/front/json/activate/${first.targetId}`);
    expect(await answer.text()).toBe('Target activated');
    // were it late still, this very look would bring the other one to the front
    expect(await visibility(client, first)).toBe('visible');
    await client.send('Target.closeTarget', { targetId });
    await client.close();
  });
});
