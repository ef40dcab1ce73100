import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type {
  BrowserReport,
  ConnectionReport,
  MuxStats,
  QueueReport,
  VirtualBrowserReport,
} from '../src/index.js';
import { ask, errorOf } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { DescribedApi } from './support/described-api.js';
import { eventually } from './support/eventually.js';

let cdpmux: TestCdpmux;
let api: DescribedApi;
const logged: { message: string; fields: object }[] = [];

beforeAll(async () => {
  const log = (_level: string, message: string, fields: object = {}): void =>
    void logged.push({ message, fields });
  // checks ask Chrome at times of their own, and what they ask counts as pending
  const settings = { 'browsers.min': 1, 'browsers.max': 1, 'health.enabled': 'false' };
  cdpmux = await startCdpmux(settings, { log });
  api = await DescribedApi.of(cdpmux.url);
});
afterAll(() => cdpmux.close());

const browsers = async (query = '') =>
  (await api.json<{ browsers: BrowserReport[] }>('GET', `/api/v1/browsers${query}`)).browsers;
const virtualBrowsers = async (query = '') =>
  (await api.json<{ virtualBrowsers: VirtualBrowserReport[] }>('GET', `/api/v1/virtual-browsers${query}`))
    .virtualBrowsers;
const connections = async (query = '') =>
  (await api.json<{ connections: ConnectionReport[] }>('GET', `/api/v1/connections${query}`)).connections;
const nobodyThere = () => eventually(async () => (await virtualBrowsers()).length === 0);

describe('the lists', () => {
  it('lead from a virtual browser to its browser and its connection', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}name/mine/?label.job=7&label.who=ci`);
    await client.newPage();
    const [virtual] = await virtualBrowsers();
    expect(virtual).toMatchObject({
      name: 'mine',
      tenant: '',
      mode: 'shared',
      pool: 'default',
      clients: 1,
      // the initial page and the one just made, each in its tab
      targets: 4,
      labels: { job: '7', who: 'ci' },
    });
    const [browser] = await browsers();
    expect(browser).toMatchObject({
      id: virtual?.browser,
      state: 'ready',
      source: 'launched',
      virtualBrowsers: 1,
      capacity: 200,
      connections: 1,
      product: expect.stringMatching(/Chrome\/\d+/) as unknown,
      pid: expect.any(Number) as unknown,
    });
    expect(await connections()).toMatchObject([
      { id: virtual?.connection, browser: browser?.id, transport: 'pipe', virtualBrowsers: 1, clients: 1 },
    ]);
    expect(await api.json('GET', `/api/v1/browsers/${browser?.id}`)).toMatchObject({ pid: browser?.pid });
    const one = await api.json<VirtualBrowserReport>('GET', `/api/v1/virtual-browsers/${virtual?.id}`);
    expect(one).toMatchObject({ id: virtual?.id, labels: virtual?.labels });
    await client.send('Browser.close');
    await client.closed;
    await nobodyThere();
  });

  it('are those that fit the query', async () => {
    const clients = await Promise.all(
      ['label.a=1&label.b=1', 'label.a=1&label.b=2', ''].map((query) =>
        CdpClient.connect(`${cdpmux.wsUrl}?${query}`),
      ),
    );
    const found = async (query: string) => (await virtualBrowsers(query)).length;
    expect(await found('')).toBe(3);
    expect(await found('?label.a=1')).toBe(2);
    expect(await found('?label.a=1&label.b=2')).toBe(1);
    expect(await found('?label.toString=1')).toBe(0);
    expect(await found('?mode=exclusive')).toBe(0);
    expect(await found('?tenant=&pool=default')).toBe(3);
    expect(await found('?tenant=ci')).toBe(0);
    const [browser] = await browsers('?state=ready&source=launched');
    expect(await found(`?browser=${browser?.id}`)).toBe(3);
    expect(await browsers('?state=draining')).toEqual([]);
    expect(await browsers('?pool=nowhere')).toEqual([]);
    expect(await connections(`?browser=${browser?.id}&state=open&transport=pipe`)).toHaveLength(1);
    expect(await connections('?transport=websocket')).toEqual([]);
    await Promise.all(clients.map((client) => client.close()));
    await nobodyThere();
  });

  it.each([
    ['/api/v1/browsers?state=broke', 'state', 'launching, ready, cordoned, draining, broken'],
    ['/api/v1/browsers?stat=ready', 'stat', 'pool, state, mode, source'],
    ['/api/v1/browsers?label.a=1', 'label.a', 'pool, state, mode, source'],
    ['/api/v1/browsers?constructor=1', 'constructor', 'pool, state, mode, source'],
    ['/api/v1/browsers?pool=a&pool=b', 'pool', 'twice'],
    ['/api/v1/virtual-browsers?label.a=1&label.a=2', 'label.a', 'twice'],
    [`/api/v1/queue?pool=${'x'.repeat(257)}`, 'pool', '256'],
    ['/api/v1/connections?transport=', 'transport', 'pipe, websocket'],
    ['/api/v1/status?x=1', 'x', 'none'],
  ])('refuse what they do not take: %s', async (path, parameter, allowed) => {
    const answer = await api.ask('GET', path);
    expect([answer.status, errorOf(answer)['code']]).toEqual([400, 'BAD_PARAMETER']);
    expect(errorOf(answer)['parameter']).toBe(parameter);
    expect(errorOf(answer)['message']).toContain(allowed);
  });

  it('answer HEAD as GET, without the body, and are never cached', async () => {
    for (const path of ['status', 'browsers', 'virtual-browsers', 'connections', 'queue', 'events']) {
      const head = await ask(`${cdpmux.url}/api/v1/${path}`, { method: 'HEAD' });
      expect([path, head.status, head.body]).toEqual([path, 200, '']);
      expect(head.headers['cache-control']).toBe('no-store');
      if (path !== 'events') expect(Number(head.headers['content-length'])).toBeGreaterThan(2);
    }
    expect((await ask(`${cdpmux.url}/openapi.json`, { method: 'HEAD' })).status).toBe(200);
  });
});

describe('the status', () => {
  it('has what there is, how it is, and who waits', async () => {
    // of contexts that clients left behind
    const isAtRest = (): boolean => cdpmux.mux.stats().pendingCommands === 0;
    await eventually(isAtRest, { what: 'the end of what is pending' });
    const status = await api.json<MuxStats & Record<string, unknown>>('GET', '/api/v1/status');
    expect(status).toMatchObject({ ...cdpmux.mux.stats(), ready: true, reasons: [] });
    expect(status['queue']).toMatchObject({ length: 0, maxwaitMs: 0, paused: false });
    expect(status['version']).toMatch(/^\d+\.\d+\.\d+/);
    expect(status['uptimeMs']).toBeGreaterThan(0);
  });
});

describe('what is not there', () => {
  it.each([
    ['GET', '/api/v1/browsers/nope'],
    ['POST', '/api/v1/browsers/nope/cordon'],
    ['POST', '/api/v1/browsers/%2e%2e/drain'],
    ['GET', '/api/v1/virtual-browsers/nope'],
    ['DELETE', '/api/v1/virtual-browsers/%zz'],
  ])('is 404 as JSON: %s %s', async (method, path) => {
    const answer = await api.ask(method, path);
    expect([answer.status, errorOf(answer)['code']]).toEqual([404, 'NOT_FOUND']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each(['/api/', '/api/v1', '/api/v1/', '/api/v2/status', '/api/v1/browsers/x/kill', '/api/v1/status/x'])(
    'is 404 as JSON that says where to look: %s',
    async (path) => {
      const answer = await ask(cdpmux.url + path);
      expect([answer.status, errorOf(answer)['code']]).toEqual([404, 'NOT_FOUND']);
      expect(errorOf(answer)['message']).toContain('/openapi.json');
    },
  );

  it.each([
    ['POST', '/api/v1/status', 'GET, HEAD'],
    ['GET', '/api/v1/pause', 'POST'],
    ['HEAD', '/api/v1/pause', 'POST'],
    ['PUT', '/api/v1/browsers/x/drain', 'POST'],
    ['PATCH', '/api/v1/virtual-browsers/x', 'GET, HEAD, DELETE'],
    ['OPTIONS', '/api/v1/browsers', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
  ])('is 405 with what there is, where the path takes other methods: %s %s', async (method, path, allow) => {
    const { status, headers } = await ask(cdpmux.url + path, { method });
    expect([status, headers.allow]).toEqual([405, allow]);
  });
});

describe('an order to end a virtual browser', () => {
  it('closes its clients with 4503, and no other’s', async () => {
    const [mine, other] = await Promise.all([
      CdpClient.connect(`${cdpmux.wsUrl}?label.n=mine`),
      CdpClient.connect(cdpmux.wsUrl),
    ]);
    const [{ id } = { id: '' }] = await virtualBrowsers('?label.n=mine');
    const joined = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${id}`);
    const path = `/api/v1/virtual-browsers/${id}`;
    expect(await api.ask('DELETE', path)).toMatchObject({ status: 204, body: '' });
    for (const client of [mine, joined]) {
      expect(await client.closed).toEqual({ code: 4503, reason: 'ended by an operator' });
    }
    expect((await api.ask('DELETE', path)).status).toBe(404);
    expect((await api.ask('GET', path)).status).toBe(404);
    expect(await other.send('Browser.getVersion')).toHaveProperty('product');
    expect(logged).toContainEqual({ message: 'order: end', fields: { virtualBrowser: id, by: '' } });
    await other.close();
    await nobodyThere();
  });
});

describe('a pause', () => {
  it('lets new clients wait where the queue shows them, and those that are connected go on', async () => {
    const before = await CdpClient.connect(cdpmux.wsUrl);
    expect(await api.json('POST', '/api/v1/pause')).toMatchObject({ paused: true, length: 0 });
    const waiting = [
      CdpClient.connect(`${cdpmux.wsUrl}?priority=low`),
      CdpClient.connect(`${cdpmux.wsUrl}?priority=high`),
    ];
    const queue = (query = '') => api.json<QueueReport>('GET', `/api/v1/queue${query}`);
    await eventually(async () => (await queue()).length === 2);
    expect((await queue()).waiting).toMatchObject([
      { place: 1, priority: 'high', mode: 'shared', tenant: '', pool: 'default' },
      { place: 2, priority: 'low' },
    ]);
    const low = await queue('?priority=low');
    expect(low).toMatchObject({ length: 1, waiting: [{ place: 2 }] });
    expect(low.maxwaitMs).toBe(low.waiting[0]?.ageMs);
    expect(await queue('?priority=critical')).toMatchObject({ length: 0, maxwaitMs: 0, waiting: [] });
    expect(await before.send('Browser.getVersion')).toHaveProperty('product');
    const metrics = (await api.ask('GET', '/metrics')).body;
    expect(metrics).toMatch(/^cdpmux_queue_length 2$/m);
    expect(await api.json('POST', '/api/v1/resume')).toMatchObject({ paused: false });
    const clients = await Promise.all(waiting);
    expect((await queue()).length).toBe(0);
    await Promise.all([before, ...clients].map((client) => client.close()));
    await nobodyThere();
  });
});

describe('orders to a browser', () => {
  it('cordon it, so that nobody new gets in until it is uncordoned', async () => {
    const [{ id } = { id: '' }] = await browsers();
    const old = await CdpClient.connect(cdpmux.wsUrl);
    const path = `/api/v1/browsers/${id}`;
    expect(await api.json('POST', `${path}/cordon`)).toMatchObject({ id, state: 'cordoned' });
    const waiting = CdpClient.connect(cdpmux.wsUrl);
    await eventually(() => cdpmux.mux.queue().length === 1);
    expect(await old.send('Browser.getVersion')).toHaveProperty('product');
    expect(await api.json('POST', `${path}/uncordon`)).toMatchObject({ id, state: 'ready' });
    await Promise.all([old.close(), (await waiting).close()]);
    expect(logged).toContainEqual({ message: 'order: cordon', fields: { browser: id, by: '' } });
    await nobodyThere();
  });

  it('drain it: who is there stays, and it is closed with the last of them', async () => {
    const [{ id } = { id: '' }] = await browsers();
    const path = `/api/v1/browsers/${id}`;
    const old = await CdpClient.connect(cdpmux.wsUrl);
    const drained = await api.ask('POST', `${path}/drain`);
    expect(drained.status).toBe(202);
    expect(JSON.parse(drained.body)).toMatchObject({ id, state: 'draining', virtualBrowsers: 1 });
    for (const order of ['cordon', 'uncordon']) {
      const refused = await api.ask('POST', `${path}/${order}`);
      expect([refused.status, errorOf(refused)['code']]).toEqual([409, 'CONFLICT']);
    }
    expect(await old.send('Browser.getVersion')).toHaveProperty('product');
    await old.close();
    await eventually(async () => (await api.ask('GET', path)).status === 404, { within: 20_000 });
    const next = await CdpClient.connect(cdpmux.wsUrl);
    expect((await virtualBrowsers())[0]?.browser).not.toBe(id);
    await next.close();
    await nobodyThere();
  });

  it('recycle it: its successor is there before it goes', async () => {
    const [{ id } = { id: '' }] = await browsers('?state=ready');
    const path = `/api/v1/browsers/${id}`;
    const old = await CdpClient.connect(cdpmux.wsUrl);
    expect((await api.ask('POST', `${path}/recycle`)).status).toBe(202);
    await eventually(async () => (await browsers('?state=draining')).length === 1, { within: 20_000 });
    expect((await browsers('?state=ready')).map((one) => one.id)).not.toContain(id);
    const next = await CdpClient.connect(cdpmux.wsUrl);
    expect(new Set((await virtualBrowsers()).map(({ browser }) => browser)).size).toBe(2);
    await Promise.all([old.close(), next.close()]);
    await eventually(async () => (await api.ask('GET', path)).status === 404, { within: 20_000 });
    await nobodyThere();
  });
});

describe('a reconnect', () => {
  it('recycles every browser, and clients go on', async () => {
    const before = (await browsers('?state=ready')).map(({ id }) => id);
    const client = await CdpClient.connect(cdpmux.wsUrl);
    expect((await api.ask('POST', '/api/v1/reconnect')).status).toBe(202);
    await eventually(async () => (await browsers('?state=ready')).some(({ id }) => !before.includes(id)), {
      within: 20_000,
    });
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await client.close();
    await eventually(async () => !(await browsers()).some(({ id }) => before.includes(id)), {
      within: 20_000,
    });
  });
});

describe('what happens to browsers', () => {
  it('is in the log', () => {
    const events = logged.map(({ fields }) => Reflect.get(fields, 'event') as unknown);
    for (const type of ['browser.ready', 'browser.draining', 'queue.paused']) expect(events).toContain(type);
  });
});

describe('a named pool', () => {
  it('is told from the one without a name in lists, figures and the queue', async () => {
    const pooled = await startCdpmux({ 'browsers.max': 1, 'pools.pdf.browsers.min': 1 });
    try {
      const its = await DescribedApi.of(pooled.url);
      const client = await CdpClient.connect(`${pooled.wsUrl}?pool=pdf`);
      const countsAt = async (path: string) =>
        Promise.all(
          ['', '?pool=default', '?pool=pdf'].map(async (query) => {
            const [list] = Object.values(await its.json<Record<string, unknown[]>>('GET', path + query));
            return list?.length;
          }),
        );
      expect(await countsAt('/api/v1/browsers')).toEqual([2, 1, 1]);
      expect(await countsAt('/api/v1/virtual-browsers')).toEqual([1, 0, 1]);
      const metrics = (await its.ask('GET', '/metrics')).body;
      for (const pool of ['default', 'pdf']) {
        expect(metrics).toContain(`cdpmux_browsers{pool="${pool}",state="ready"} 1\n`);
      }
      await client.close();
    } finally {
      await pooled.close();
    }
  });
});
