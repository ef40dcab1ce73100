import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { Names, openWatched, type Watched } from './support/egress.js';
import { eventually } from './support/eventually.js';
import { evaluate, navigate, type Page } from './support/page.js';

const secrets = { one: 'secret-of-one', other: 'secret-of-other' };
type Who = keyof typeof secrets;
const settings = {
  'auth.tokens': JSON.stringify(Object.entries(secrets).map(([name, secret]) => ({ name, secret }))),
  'stock.enabled': 'true',
  'stock.max': 2,
};
/** The only address of this machine that pages of strangers may reach. */
const open = '127.0.0.2';

let site: Watched;
/** Tenants as they are without further settings: what their pages ask for is looked at. */
let filtered: TestCdpmux;
/** Tenants that have the machine's own trust. */
let trusted: TestCdpmux;
const logged: { message: string; fields: object }[] = [];
const names = new Names();

beforeAll(async () => {
  site = await openWatched();
  names.answers.set('site.test', [['93.184.216.34']]);
  const log = (_level: string, message: string, fields = {}): void => void logged.push({ message, fields });
  [filtered, trusted] = await Promise.all([
    startCdpmux({ ...settings, 'policy.egress.allow': open }, { resolve: names.resolve, log }),
    startCdpmux({ ...settings, 'policy.trust': 'local' }),
  ]);
}, 60_000);
afterAll(() => Promise.all([filtered.close(), trusted.close(), site.close()]));

const untilStocked = (cdpmux: TestCdpmux): Promise<void> =>
  eventually(() => (cdpmux.mux.browsers()[0]?.stock ?? 0) > 0, { within: 20_000, what: 'one that is ready' });

async function counted(cdpmux: TestCdpmux, name: string): Promise<number> {
  const { body } = await cdpmux.mux.metricsText();
  const line = body.split('\n').find((one) => one.startsWith(`cdpmux_${name} `));
  return Number(line?.split(' ').at(-1));
}

/** A client with a page, and what of it was there already. */
interface Came {
  readonly client: CdpClient;
  readonly page: Page;
  readonly fromStock: { readonly browser: boolean; readonly page: boolean };
}

async function come(cdpmux: TestCdpmux, who: Who, proxyServer?: string): Promise<Came> {
  const asked = 'stock_asked_total{found="hit"}';
  const before = [await counted(cdpmux, asked), await counted(cdpmux, 'stock_pages_total')];
  const proxy = proxyServer === undefined ? '' : `&proxyServer=${encodeURIComponent(proxyServer)}`;
  const client = await CdpClient.connect(`${cdpmux.wsUrl}?token=${secrets[who]}${proxy}`);
  const page = await client.newPage();
  const [browser, pages] = [await counted(cdpmux, asked), await counted(cdpmux, 'stock_pages_total')];
  return { client, page, fromStock: { browser: browser > before[0]!, page: pages > before[1]! } };
}

async function bodyAt({ client, page }: Came, url: string): Promise<unknown> {
  await navigate(client, page, url);
  return evaluate(client, page, 'document.body.innerText');
}

const listening = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;

const allOfIt = { browser: true, page: true };
const nothing = { browser: false, page: false };

describe('what is kept ready for who has a token', () => {
  it('is given to it, where tenants have the trust of the machine', async () => {
    await untilStocked(trusted);
    const came = await come(trusted, 'one');
    expect(came.fromStock).toEqual(allOfIt);
    expect(await bodyAt(came, `http://127.0.0.1:${site.port}/`)).toContain('reached 127.0.0.1');
    await came.client.close();
  });

  it('is given to it as well where it is a stranger, and what it asks for is looked at', async () => {
    await untilStocked(filtered);
    const came = await come(filtered, 'one');
    expect(came.fromStock).toEqual(allOfIt);
    const { virtualBrowserId } = await came.client.send<{ virtualBrowserId: string }>('Mux.getInfo');
    const before = await counted(filtered, 'egress_denied_total');
    site.seen.length = 0;
    expect(await bodyAt(came, `http://127.0.0.1:${site.port}/`)).toContain('policy.egress');
    expect(site.seen).toEqual([]);
    expect(await counted(filtered, 'egress_denied_total')).toBe(before + 1);
    const last = logged.filter(({ message }) => message.startsWith('egress denied')).at(-1);
    expect(last?.fields).toMatchObject({ tenant: 'one', virtualBrowser: virtualBrowserId });
    expect(await bodyAt(came, `http://${open}:${site.port}/`)).toContain(`reached ${open}`);
    const full = 2;
    await eventually(() => filtered.mux.browsers()[0]?.stock === full, {
      within: 20_000,
      what: 'a full stock',
    });
    const servers = listening();
    await came.client.close();
    await eventually(() => listening() === servers - 1, { what: 'the end of its way out' });
  });
});

describe('what is kept ready for who brings a proxy', () => {
  it.each([
    ['a stranger', () => filtered],
    ['one with the trust of the machine', () => trusted],
  ])('is there when it has come twice, for it alone, and leads there: %s', async (_who, which) => {
    const cdpmux = which();
    const proxy = `http://${open}:${site.port}`;
    for (let time = 1; time <= 2; time++) {
      const came = await come(cdpmux, 'one', proxy);
      expect(came.fromStock).toEqual(nothing);
      await came.client.close();
    }
    await eventually(
      async () => {
        await untilStocked(cdpmux);
        const { client, fromStock } = await come(cdpmux, 'one', proxy);
        await client.close();
        return fromStock.browser;
      },
      { within: 30_000, every: 500, what: 'one that is ready for this proxy' },
    );
    await eventually(
      async () => {
        await untilStocked(cdpmux);
        const came = await come(cdpmux, 'one', proxy);
        if (!came.fromStock.page) return came.client.close().then(() => false);
        site.seen.length = 0;
        expect(await bodyAt(came, 'http://site.test/one')).toContain('as site.test');
        expect(site.seen).toContain(`${open} http://site.test/one`);
        await came.client.close();
        return true;
      },
      { within: 30_000, every: 500, what: 'its spare page' },
    );
    const another = await come(cdpmux, 'other', proxy);
    expect(another.fromStock).toEqual(nothing);
    await another.client.close();
  });
});
