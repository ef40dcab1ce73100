import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { evaluate } from './support/page.js';

interface Info {
  readonly targetId: string;
  readonly attached: boolean;
  readonly type: string;
  readonly url: string;
  readonly browserContextId?: string;
}

/** A Chrome that cdpmux serves, and in which one can look behind its back. */
let chrome: DirectChrome;
let behind: CdpClient;
let cdpmux: TestCdpmux;
beforeAll(async () => {
  chrome = await startChrome();
  behind = await CdpClient.connect(chrome.wsUrl);
  const settings = { 'stock.enabled': 'true', 'stock.max': 1 };
  cdpmux = await startCdpmux({ ...settings, 'browsers.upstreams': chrome.wsUrl });
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await cdpmux.close();
  await behind.close();
  await chrome.close();
});
beforeEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await untilStocked();
  await eventually(async () => (await pagesInChrome()).length === 2, { what: 'the end of what was before' });
});

/** Those of the test that is running. */
const clients: CdpClient[] = [];

const stock = (): number | undefined => cdpmux.mux.browsers()[0]?.stock;
const untilStocked = (): Promise<void> =>
  eventually(() => stock() === 1, { within: 20_000, what: 'one that is ready' });

async function counted(name: string): Promise<number> {
  const { body } = await cdpmux.mux.metricsText();
  const line = body.split('\n').find((one) => one.startsWith(`cdpmux_stock_${name} `));
  return Number(line?.split(' ').at(-1));
}

/** All pages in private contexts, cdpmux's stock included. */
async function pagesInChrome(): Promise<Info[]> {
  const { browserContextIds } = await behind.send<{ browserContextIds: string[] }>(
    'Target.getBrowserContexts',
  );
  const { targetInfos } = await behind.send<{ targetInfos: Info[] }>('Target.getTargets');
  return targetInfos.filter(
    ({ type, browserContextId = '' }) => type === 'page' && browserContextIds.includes(browserContextId),
  );
}

async function connect(query = ''): Promise<CdpClient> {
  const client = await CdpClient.connect(`${cdpmux.wsUrl}${query}`);
  clients.push(client);
  return client;
}

async function targetsOf(client: CdpClient): Promise<string[]> {
  const { targetInfos } = await client.send<{ targetInfos: Info[] }>('Target.getTargets', { filter: [{}] });
  return targetInfos.map(({ targetId }) => targetId);
}

describe('what is kept ready', () => {
  it('is given to who connects, and its spare page to who asks for a blank one', async () => {
    const ready = (await pagesInChrome()).map(({ targetId }) => targetId);
    expect(ready).toHaveLength(2);
    const before = await counted('asked_total{found="hit"}');
    const client = await connect();
    expect(await counted('asked_total{found="hit"}')).toBe(before + 1);
    const { targetInfos } = await client.send<{ targetInfos: Info[] }>('Target.getTargets');
    const [first, ...others] = targetInfos.filter(({ type }) => type === 'page');
    expect(others).toEqual([]);
    expect(ready).toContain(first?.targetId);
    const page = await client.newPage();
    expect(ready).toContain(page.targetId);
    expect(page.targetId).not.toBe(first?.targetId);
    expect(await evaluate(client, page, 'location.href')).toBe('about:blank');
  });

  it('has a first page that runs, and a spare one that is held for whoever asks for it', async () => {
    const ready = (await pagesInChrome()).map(({ targetId }) => targetId);
    const client = await connect();
    const filter = [{ type: 'tab', exclude: true }, { type: 'browser', exclude: true }, {}];
    const how = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter };
    await client.send('Target.setAutoAttach', how);
    await client.send('Target.createTarget', { url: 'about:blank' });
    const attached = client.received
      .filter(({ method }) => method === 'Target.attachedToTarget')
      .map(({ params }) => params as { targetInfo: Info; waitingForDebugger: boolean });
    expect(attached.map(({ waitingForDebugger }) => waitingForDebugger)).toEqual([false, true]);
    expect(attached.map(({ targetInfo }) => targetInfo.targetId).sort()).toEqual(ready.sort());
  });

  it('has sessions for who attaches by itself, which are gone soon where nobody does', async () => {
    const isAttached = async (): Promise<boolean[]> =>
      (await pagesInChrome()).map(({ attached }) => attached).sort();
    expect(await isAttached()).toEqual([true, true]);
    const client = await connect();
    const { targetInfos } = await client.send<{ targetInfos: Info[] }>('Target.getTargets');
    expect(targetInfos.map(({ attached }) => attached)).toEqual([false]);
    const [first] = targetInfos;
    const stays = async (): Promise<boolean> =>
      (await pagesInChrome()).find(({ targetId }) => targetId === first?.targetId)?.attached === true;
    await eventually(async () => !(await stays()), { what: 'the end of the session that nobody took' });
  });

  it('is seen by nobody before, and counts nowhere', async () => {
    const client = await connect();
    await client.send('Target.setDiscoverTargets', { discover: true, filter: [{}] });
    await untilStocked();
    const all = (await pagesInChrome()).map(({ targetId }) => targetId);
    // its first page, its spare one, and the two of the stock
    expect(all).toHaveLength(4);
    const own = await targetsOf(client);
    const hidden = all.filter((targetId) => !own.includes(targetId));
    expect(hidden).toHaveLength(3);
    expect(await client.send('Target.getBrowserContexts')).toMatchObject({ browserContextIds: [] });
    for (const targetId of hidden) {
      const reply = await client.ask('Target.getTargetInfo', { targetId });
      expect(reply.error?.message).toBe('No target with given id found');
    }
    const said = JSON.stringify(client.received);
    for (const targetId of hidden) expect(said).not.toContain(targetId);
    expect(cdpmux.mux.stats()).toMatchObject({ virtualBrowsers: 1, contexts: 1, targets: 2 });
    expect(cdpmux.mux.browsers()[0]).toMatchObject({ virtualBrowsers: 1, targets: 2 });
  });

  it('is nothing that an audit would mend', async () => {
    await connect();
    await untilStocked();
    await cdpmux.mux.audit();
    expect(await cdpmux.mux.audit()).toEqual({});
    expect(await pagesInChrome()).toHaveLength(4);
  });

  it('goes with the virtual browser that did not ask for its spare page', async () => {
    const client = await connect();
    await untilStocked();
    await client.close();
    await eventually(async () => (await pagesInChrome()).length === 2, { what: 'the end of its pages' });
    expect(stock()).toBe(1);
  });

  it('has no page in sight for who wants none, and its spare one for who then asks', async () => {
    const client = await connect('?initialPage=false');
    expect(await targetsOf(client)).toEqual([]);
    const before = await counted('pages_total');
    const pages = [await client.newPage(), await client.newPage()];
    expect(await counted('pages_total')).toBe(before + 1);
    for (const page of pages) expect(await evaluate(client, page, '1 + 1')).toBe(2);
    await connect();
  });

  it('has one page only after a client that wanted none, and two again after one that did', async () => {
    await (await connect('?initialPage=false')).close();
    await untilStocked();
    await eventually(async () => (await pagesInChrome()).length === 1, { what: 'one page' });
    const [ready] = await pagesInChrome();
    expect(cdpmux.mux.browsers()[0]).toMatchObject({ stock: 1, stockWanted: 1 });
    const client = await connect();
    expect(await targetsOf(client)).toContain(ready?.targetId);
    await client.close();
    await untilStocked();
    await eventually(async () => (await pagesInChrome()).length === 2, { what: 'two pages' });
  });

  it('is not for who wants a page that is not as always', async () => {
    const client = await connect();
    const before = await counted('pages_total');
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    for (const params of [
      { url: 'about:blank', browserContextId },
      { url: 'data:text/html,1' },
      { url: 'about:blank', newWindow: true },
      { url: 'about:blank', newWindow: true, width: 300, height: 200 },
      { url: 'about:blank', background: true },
      { url: 'about:blank', forTab: true },
    ]) {
      expect(await client.send('Target.createTarget', params)).toHaveProperty('targetId');
    }
    expect(await counted('pages_total')).toBe(before);
    await client.send('Target.createTarget', { url: '', newWindow: false });
    expect(await counted('pages_total')).toBe(before + 1);
  });

  it('is not for who brings a proxy', async () => {
    const before = await counted('asked_total{found="hit"}');
    await connect('?proxyServer=http://127.0.0.1:9');
    expect(await counted('asked_total{found="hit"}')).toBe(before);
    expect(stock()).toBe(1);
  });

  it('counts for the limit of pages as others do', async () => {
    const client = await connect();
    const { limits } = await client.send<{ limits: { targets: number } }>('Mux.getInfo');
    expect(limits.targets).toBe(100);
    await client.newPage();
    expect(cdpmux.mux.stats().targets).toBe(4);
  });
});

describe('what is not good any more', () => {
  it('is not given to anybody: a page that crashed', async () => {
    const [one, other] = await pagesInChrome();
    const { sessionId } = await behind.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId: other?.targetId,
      flatten: true,
    });
    behind.raw(JSON.stringify({ id: 1e6, method: 'Page.crash', sessionId }));
    await eventually(
      async () => (await pagesInChrome()).every(({ targetId }) => targetId !== one?.targetId),
      {
        within: 15_000,
        what: 'the end of the context with the crashed page',
      },
    );
    await untilStocked();
    const client = await connect();
    const page = await client.newPage();
    expect(await evaluate(client, page, '1 + 1')).toBe(2);
  });

  it('is not given to anybody: a spare page that was closed', async () => {
    const client = await connect();
    const own = await targetsOf(client);
    const spare = (await pagesInChrome()).find(({ targetId }) => !own.includes(targetId));
    await behind.send('Target.closeTarget', { targetId: spare?.targetId });
    await eventually(
      async () => (await pagesInChrome()).every(({ targetId }) => targetId !== spare?.targetId),
      { what: 'its end' },
    );
    const page = await client.newPage();
    expect(page.targetId).not.toBe(spare?.targetId);
    expect(await evaluate(client, page, '1 + 1')).toBe(2);
  });

  it('is not kept: in a browser that takes nobody new, and where it is off', async () => {
    const { id } = cdpmux.mux.browsers()[0]!;
    cdpmux.mux.cordon(id);
    await eventually(() => stock() === 0, { what: 'an empty stock' });
    cdpmux.mux.uncordon(id);
    await untilStocked();
    const kept = { enabled: true, max: 1, memoryMb: 256, maxAge: 600_000 };
    cdpmux.mux.reconfigure({ stock: { ...kept, enabled: false } });
    await eventually(async () => (await pagesInChrome()).length === 0, { what: 'the end of its pages' });
    cdpmux.mux.reconfigure({ stock: kept });
    await untilStocked();
  });

  it('is made anew when it is old', async () => {
    const old = (await pagesInChrome()).map(({ targetId }) => targetId);
    const kept = { enabled: true, max: 1, memoryMb: 256, maxAge: 600_000 };
    cdpmux.mux.reconfigure({ stock: { ...kept, maxAge: 1 } });
    const isNew = async (): Promise<boolean> => {
      const pages = await pagesInChrome();
      return pages.length > 0 && pages.every(({ targetId }) => !old.includes(targetId));
    };
    await eventually(isNew, { within: 15_000, what: 'a new one' });
    cdpmux.mux.reconfigure({ stock: kept });
    await untilStocked();
  });
});
