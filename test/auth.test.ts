import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import CDP from 'chrome-remote-interface';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import { ask, errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { chromeExecutable } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

const secrets = { ci: 'ci-secret+/=%41', qa: 'qa-secret-2222', ops: 'ops-secret-3333' };
const tokens = [
  { name: 'ci', secret: secrets.ci, maxVirtual: 3 },
  { name: 'qa', secret: secrets.qa, priority: 'low', maxPriority: 'normal', modes: ['shared'] },
  { name: 'ops', secret: secrets.ops, admin: true },
];

let cdpmux: TestCdpmux;
let ws: string;
beforeAll(async () => {
  cdpmux = await startCdpmux({ 'auth.tokens': JSON.stringify(tokens) });
  ws = cdpmux.url.replace('http', 'ws');
});
afterAll(() => cdpmux.close());

const bearer = (name: keyof typeof secrets) => ({ headers: { authorization: `Bearer ${secrets[name]}` } });
const inQuery = (name: keyof typeof secrets) => `token=${encodeURIComponent(secrets[name])}`;
const clientOf = (name: keyof typeof secrets, path = '/') => CdpClient.connect(ws + path, bearer(name));
const json = async <T>(path: string, name: keyof typeof secrets, method = 'GET'): Promise<T> =>
  JSON.parse((await ask(cdpmux.url + path, { method, ...bearer(name) })).body) as T;
const nobodyThere = () => eventually(() => cdpmux.mux.stats().virtualBrowsers === 0, { within: 10_000 });

interface Page {
  readonly id: string;
  readonly webSocketDebuggerUrl: string;
}

describe('a token', () => {
  it.each([
    ['the query', { path: `/?${inQuery('ci')}`, headers: {} }],
    ['the query beside other parameters', { path: `/?label.a=b&${inQuery('ci')}&x`, headers: {} }],
    ['x-cdpmux-token', { path: '/', headers: { 'x-cdpmux-token': secrets.ci } }],
    ['Authorization', { path: '/', headers: { authorization: `Bearer ${secrets.ci}` } }],
    ['Authorization in lower case', { path: '/', headers: { authorization: `bearer ${secrets.ci}` } }],
  ])('lets in when it comes in %s', async (_where, { path, headers }) => {
    const client = await CdpClient.connect(ws + path, { headers });
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await client.close();
    const url = cdpmux.url + path.replace('/', '/json/version');
    expect((await ask(url, { headers })).status).toBe(200);
  });

  it.each([
    ['none', {}],
    ['a wrong one', { authorization: 'Bearer wrong-secret' }],
    ['the beginning of one', { authorization: `Bearer ${secrets.ci.slice(0, -1)}` }],
    ['more than one', { authorization: `Bearer ${secrets.ci}x` }],
    ['one in other letters', { authorization: `Bearer ${secrets.qa.toUpperCase()}` }],
    ['the name of one', { authorization: 'Bearer ci' }],
    ['an empty one', { authorization: 'Bearer ', 'x-cdpmux-token': '' }],
    ['one as a password', { authorization: `Basic ${btoa(`ci:${secrets.qa}`)}` }],
  ])('that is %s is refused everywhere with 401 and how to give one', async (_what, headers) => {
    const paths = ['/', '/json/version', '/json/list', '/json/protocol', '/metrics', '/api/v1/status'];
    const answers = await Promise.all([
      ...[...paths, '/nowhere', '/name/a%20b/'].map((path) => ask(cdpmux.url + path, { headers })),
      ask(`${cdpmux.url}/api/v1/reload`, { method: 'POST', headers }),
      ask(`${cdpmux.url}/json/new?about:blank&token=${secrets.qa}`, { method: 'PUT', headers }),
      ...['/', '/devtools/browser/x', '/devtools/page/x', '/name/a/', '/nowhere', '/?queueTimeout=x'].map(
        (path) => refusedUpgrade(ws + path, { headers }),
      ),
    ]);
    for (const answer of answers) {
      expect([answer.status, errorOf(answer)['code']]).toEqual([401, 'UNAUTHORIZED']);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer\b/);
      expect(errorOf(answer)['message']).toMatch(/Authorization: Bearer.*x-cdpmux-token.*\?token=/);
    }
    expect(cdpmux.mux.stats().virtualBrowsers).toBe(0);
  });

  it('is not needed to see whether cdpmux lives', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await ask(cdpmux.url + path)).status).toBe(200);
  });

  it('with the admin right is needed for figures of all and to change anything', async () => {
    for (const [name, allowed] of [
      ['ci', 403],
      ['ops', 200],
    ] as const) {
      expect((await ask(`${cdpmux.url}/metrics`, bearer(name))).status).toBe(allowed);
      const reloaded = await ask(`${cdpmux.url}/api/v1/reload`, { method: 'POST', ...bearer(name) });
      expect(reloaded.status).toBe(allowed);
      if (allowed === 403) expect(errorOf(reloaded)['message']).toMatch(/token ci .*"admin": true/);
    }
    const other = await ask(`${cdpmux.url}/api/v1/pause`, { method: 'POST', ...bearer('ci') });
    expect(other.status).toBe(403);
  });

  it('makes the name that a client reached cdpmux by of no matter', async () => {
    const headers = { ...bearer('ci').headers, host: 'cdpmux.example' };
    expect((await ask(`${cdpmux.url}/json/version`, { headers })).status).toBe(200);
    const client = await CdpClient.connect(ws, { headers });
    await client.close();
    expect((await ask(`${cdpmux.url}/json/version`, { headers: { host: 'cdpmux.example' } })).status).toBe(
      401,
    );
  });

  it('in the query goes into the URLs that are given out, and not into that of a page', async () => {
    const query = inQuery('qa');
    const version = await ask(`${cdpmux.url}/json/version/?${query}`);
    expect((JSON.parse(version.body) as Page).webSocketDebuggerUrl).toMatch(new RegExp(`\\?${query}$`));
    const url = 'data:text/html,?token=theirs';
    const opened = await ask(`${cdpmux.url}/json/new?${query}&${encodeURIComponent(url)}`, { method: 'PUT' });
    const page = JSON.parse(opened.body) as Page & { devtoolsFrontendUrl: string };
    expect(page.devtoolsFrontendUrl).not.toContain('token');
    const client = await CdpClient.connect(page.webSocketDebuggerUrl);
    const { result } = await client.send<{ result: { value: string } }>('Runtime.evaluate', {
      expression: 'location.href',
    });
    expect(result.value).toBe(url);
    await client.close();
    const { webSocketDebuggerUrl } = await json<Page>('/json/version', 'qa');
    expect(webSocketDebuggerUrl).not.toContain('token');
    cdpmux.mux.endTenant('qa', { code: 1000, reason: 'test' });
  });
});

describe('clients that give a token', () => {
  it('are Puppeteer, in the URL and as a header', async () => {
    for (const options of [
      { browserWSEndpoint: `${ws}/?${inQuery('ci')}` },
      { browserWSEndpoint: ws, ...bearer('ci') },
    ]) {
      const browser = await puppeteer.connect(options);
      const page = await browser.newPage();
      expect(await page.evaluate('6 * 7')).toBe(42);
      await browser.close();
    }
    await nobodyThere();
  });

  it('are Playwright, in the URL and as a header, over HTTP and WebSocket', async () => {
    for (const [url, options] of [
      [`${cdpmux.url}/?${inQuery('ci')}`, {}],
      [cdpmux.url, bearer('ci')],
      [`${ws}/?${inQuery('ci')}`, {}],
    ] as const) {
      const browser = await chromium.connectOverCDP(url, options);
      const page = await browser.contexts()[0]!.newPage();
      expect(await page.evaluate('6 * 7')).toBe(42);
      await browser.close();
    }
    await nobodyThere();
  });

  it('are chrome-remote-interface, in the URL of its target', async () => {
    const client = await CDP({ target: `${ws}/?${inQuery('ci')}`, local: true });
    expect(await client.Browser.getVersion()).toHaveProperty('product');
    await client.close();
    await nobodyThere();
  });
});

describe('what one token has', () => {
  it('is to another token as if it did not exist', async () => {
    const { webSocketDebuggerUrl } = await json<Page>('/json/version', 'ci');
    const minted = new URL(webSocketDebuggerUrl).pathname;
    const unused = new URL((await json<Page>('/json/version', 'ci')).webSocketDebuggerUrl).pathname;
    const owner = await clientOf('ci', minted);
    const { targetId } = await owner.newPage();
    const ended = await clientOf('ci');
    const { targetInfo } = await ended.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const endedId = targetInfo.targetId;
    await ended.close();
    await eventually(() => cdpmux.mux.stats().virtualBrowsers === 1);
    expect(errorOf(await refusedUpgrade(`${ws}/devtools/browser/${endedId}`, bearer('ci')))['code']).toBe(
      'ENDED',
    );

    const told = async (path: string, id: string): Promise<string> => {
      const answer = await refusedUpgrade(ws + path, bearer('qa'));
      expect(answer.status).toBe(404);
      return answer.body.replaceAll(id, '<id>');
    };
    const unknown = await told(
      '/devtools/browser/00000000-0000-0000-0000-000000000000',
      '00000000-0000-0000-0000-000000000000',
    );
    for (const id of [minted, unused].map((path) => path.split('/').at(-1) ?? '').concat(endedId)) {
      expect(await told(`/devtools/browser/${id}`, id)).toBe(unknown);
    }
    const noPage = await told(`/devtools/page/${'0'.repeat(32)}`, '0'.repeat(32));
    expect(await told(`/devtools/page/${targetId}`, targetId)).toBe(noPage);
    // to its owner it is there all the time
    const joined = await clientOf('ci', `/devtools/page/${targetId}`);
    expect(await joined.send('Page.enable')).toEqual({});
    await Promise.all([joined.close(), owner.close()]);
    await nobodyThere();
  });

  it('has names of its own, and pages that no other lists, opens, activates or closes', async () => {
    for (const base of ['', '/name/shared']) {
      const page = await json<Page>(`${base}/json/new?about:blank`, 'ci', 'PUT');
      const ids = async (name: 'ci' | 'qa') =>
        (await json<Page[]>(`${base}/json/list`, name)).map(({ id }) => id);
      expect(await ids('ci')).toContain(page.id);
      const theirs = await ids('qa');
      expect(theirs).toHaveLength(1);
      expect(theirs).not.toContain(page.id);
      for (const command of ['activate', 'close']) {
        const foreign = await ask(`${cdpmux.url}${base}/json/${command}/${page.id}`, bearer('qa'));
        const none = await ask(`${cdpmux.url}${base}/json/${command}/X`, bearer('qa'));
        expect([foreign.status, foreign.body.replace(page.id, 'X')]).toEqual([404, none.body]);
      }
      const path = `${base}/devtools/page/${page.id}`;
      expect((await refusedUpgrade(ws + path, bearer('qa'))).status).toBe(404);
      expect(await ids('ci')).toContain(page.id);
      const [mine, other] = await Promise.all([clientOf('ci', `${base}/`), clientOf('qa', `${base}/`)]);
      const pages = await Promise.all(
        [mine, other].map(async (client) => {
          const all = await client.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets');
          return all.targetInfos.some(({ targetId }) => targetId === page.id);
        }),
      );
      // without a name a WebSocket has a virtual browser of its own
      expect(pages).toEqual([base !== '', false]);
      await Promise.all([mine.close(), other.close()]);
    }
    for (const name of ['ci', 'qa']) cdpmux.mux.endTenant(name, { code: 1000, reason: 'test' });
    await nobodyThere();
  });

  it('is all that /api/v1/status shows of the pool to who is no admin', async () => {
    const clients = await Promise.all([clientOf('ci'), clientOf('ci'), clientOf('qa')]);
    const own = { tenant: 'ci', maxVirtual: 3, virtualBrowsers: 2, clients: 2, contexts: 2, waiting: 0 };
    const status = await json<object>('/api/v1/status', 'ci');
    expect(status).toMatchObject(own);
    expect(Object.keys(status).sort()).toEqual([...Object.keys(own), 'targets'].sort());
    expect(await json('/api/v1/status', 'ops')).toMatchObject({
      virtualBrowsers: 3,
      clients: 3,
      browsers: 1,
    });
    await Promise.all(clients.map((client) => client.close()));
    await nobodyThere();
  });
});

describe('the limits of a token', () => {
  it('are told with 429 when it has as many virtual browsers as it may, however they came', async () => {
    const clients = await Promise.all([clientOf('ci'), clientOf('ci')]);
    await json('/name/third/json/list', 'ci');
    for (const answer of [
      await refusedUpgrade(ws, bearer('ci')),
      await ask(`${cdpmux.url}/json/list`, bearer('ci')),
    ]) {
      expect(answer.status).toBe(429);
      expect(errorOf(answer)).toMatchObject({ code: 'OVER_QUOTA', limit: 'maxVirtual', value: '3' });
      expect(errorOf(answer)['message']).toMatch(/token ci .*maxVirtual.* 3.*auth\.tokens/);
    }
    // joining one that is there takes none, and others are not concerned
    await (await clientOf('ci', '/name/third/')).close();
    await (await clientOf('qa')).close();
    await clients[0].close();
    await eventually(() => cdpmux.mux.tenantStats({ name: 'ci', trust: 'tenant' }).virtualBrowsers === 2);
    await (await clientOf('ci')).close();
    await clients[1].close();
    cdpmux.mux.endTenant('ci', { code: 1000, reason: 'test' });
    await nobodyThere();
  });

  it.each([
    ['priority=high', { parameter: 'priority', value: 'high', range: 'normal or lower' }],
    ['mode=exclusive', { parameter: 'mode', value: 'exclusive', range: 'shared' }],
  ])('are told with 403 when it asks for %s and may not', async (query, details) => {
    const answer = await refusedUpgrade(`${ws}/?${query}`, bearer('qa'));
    expect([answer.status, errorOf(answer)]).toEqual([
      403,
      expect.objectContaining({ code: 'FORBIDDEN', ...details }),
    ]);
    await (await clientOf('qa', '/?priority=normal&mode=shared')).close();
    await nobodyThere();
  });
});

describe('the limits of a token that waits', () => {
  const few = [
    { name: 'greedy', secret: 'greedy-secret', maxQueued: 1 },
    { name: 'late', secret: 'late-secret', priority: 'high' },
    { name: 'only', secret: 'only-secret', modes: ['exclusive'] },
  ];
  const as = (secret: string) => ({ headers: { 'x-cdpmux-token': secret } });

  it('leave room in the queue for others, who come first when their token says so', async () => {
    const settings = {
      'browsers.max': 1,
      'browsers.virtualPerBrowser': 1,
      'auth.tokens': JSON.stringify(few),
    };
    const full = await startCdpmux(settings);
    try {
      const first = await CdpClient.connect(full.wsUrl, as('greedy-secret'));
      // who gives up is not counted any more
      for (const _attempt of [1, 2]) {
        const { status } = await refusedUpgrade(`${full.wsUrl}?queueTimeout=50`, as('greedy-secret'));
        expect(status).toBe(503);
      }
      expect(full.mux.tenantStats({ name: 'greedy', trust: 'tenant' }).waiting).toBe(0);
      const order: string[] = [];
      const waiting = (secret: string) =>
        CdpClient.connect(full.wsUrl, as(secret)).then((client) => (order.push(secret), client));
      const second = waiting('greedy-secret');
      await eventually(() => full.mux.stats().waiting === 1);
      const refused = await refusedUpgrade(full.wsUrl, as('greedy-secret'));
      expect([refused.status, errorOf(refused)]).toEqual([
        429,
        expect.objectContaining({ code: 'OVER_QUOTA', limit: 'maxQueued', value: '1' }),
      ]);
      expect(full.mux.tenantStats({ name: 'greedy', trust: 'tenant' })).toMatchObject({ waiting: 1 });
      const other = waiting('late-secret');
      await eventually(() => full.mux.stats().waiting === 2);
      await first.close();
      await (await other).close();
      await (await second).close();
      expect(order).toEqual(['late-secret', 'greedy-secret']);
      await (await CdpClient.connect(full.wsUrl, as('greedy-secret'))).close();
      await eventually(() => full.mux.tenantStats({ name: 'greedy', trust: 'tenant' }).virtualBrowsers === 0);
    } finally {
      await full.close();
    }
  });

  it('refuse a mode also where none is asked for', async () => {
    const settings = { 'auth.tokens': JSON.stringify(few) };
    const one = await startCdpmux(settings);
    try {
      expect((await refusedUpgrade(one.wsUrl, as('only-secret'))).status).toBe(403);
      expect((await ask(`${one.url}/json/list`, as('only-secret'))).status).toBe(403);
      expect(one.mux.stats().virtualBrowsers).toBe(0);
    } finally {
      await one.close();
    }
  });

  it('refuse who waits when its token is removed, and leave nothing of it', async () => {
    const config = (list: object[]) => {
      const set = [`auth.tokens=${JSON.stringify(list)}`, 'browsers.max=1', 'browsers.virtualPerBrowser=1'];
      return loadConfig({ flags: { set: [...set, 'listen.port=0', `chrome=${chromeExecutable()}`] } });
    };
    const service = await Service.start(config(few), {
      env: process.env,
      tmpDir: tmpdir(),
      log: () => undefined,
      load: () => Promise.resolve(config(few.slice(0, 1))),
    });
    const base = `127.0.0.1:${service.door.port}`;
    try {
      const first = await CdpClient.connect(`ws://${base}`, as('greedy-secret'));
      const waiting = [
        refusedUpgrade(`ws://${base}`, as('late-secret')),
        ask(`http://${base}/json/list`, as('late-secret')),
      ];
      await eventually(() => service.mux.stats().waiting === 2);
      await service.reload();
      expect(await first.send('Browser.getVersion')).toHaveProperty('product');
      await first.close();
      for (const answer of await Promise.all(waiting)) expect(answer.status).toBe(401);
      await eventually(() => service.mux.stats().virtualBrowsers === 0);
    } finally {
      await service.close(3_000);
    }
  });
});
