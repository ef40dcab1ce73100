import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

let cdpmux: TestCdpmux | undefined;
afterEach(() => cdpmux?.close());

async function start(limits: Readonly<Record<string, string | number>>): Promise<TestCdpmux> {
  const settings = Object.entries(limits).map(([name, value]) => [`limits.${name}`, value] as const);
  cdpmux = await startCdpmux(Object.fromEntries(settings));
  return cdpmux;
}

const overLimit = (name: string, value: number) => ({
  code: -32000,
  message: expect.stringMatching(new RegExp(`^${value} .*raise the setting limits\\.${name} of cdpmux`)),
});

const pagesOf = async (client: CdpClient): Promise<{ targetId: string }[]> => {
  const { targetInfos } = await client.send<{ targetInfos: { targetId: string; type: string }[] }>(
    'Target.getTargets',
  );
  return targetInfos.filter(({ type }) => type === 'page');
};

/** Sends the same command many times in one go, and gives the replies in their order. */
async function burst(client: CdpClient, count: number, method: string, params = {}): Promise<Message[]> {
  const first = 1_000_000;
  for (let i = 0; i < count; i++) client.raw(JSON.stringify({ id: first + i, method, params }));
  const replies = () => client.received.filter(({ id = 0 }) => id >= first && id < first + count);
  await client.until(() => replies().length === count, `${count} replies`);
  return replies();
}

/** How an upgrade is refused. */
async function refusal(url: string) {
  const socket = new WebSocket(url);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const { error } = JSON.parse(await text(response)) as { error: Record<string, string> };
  return { status: response.statusCode, retryAfter: response.headers['retry-after'], error };
}

function isLetIn(url: string): Promise<boolean> {
  const socket = new WebSocket(url);
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.once('open', () => {
      socket.close();
      resolve(true);
    });
  });
}

describe('limits.pending', () => {
  it('refuses one more command than may wait, and takes commands again once one was answered', async () => {
    const { wsUrl } = await start({ pending: 3 });
    const client = await CdpClient.connect(`${wsUrl}name/pending/`);
    const { targetId, sessionId } = await client.newPage();
    const never = { expression: 'new Promise((resolve) => (globalThis.go = resolve))', awaitPromise: true };
    for (const id of [101, 102, 103]) {
      client.raw(JSON.stringify({ id, method: 'Runtime.evaluate', params: never, sessionId }));
    }
    client.raw(JSON.stringify({ id: 104, method: 'Runtime.evaluate', params: never, sessionId }));
    const refused = await client.waitFor(({ id }) => id === 104);
    expect(refused).toEqual({ id: 104, error: overLimit('pending', 3), sessionId });
    // another client of the same virtual browser is counted for itself
    const other = await CdpClient.connect(`${wsUrl}name/pending/`);
    const attach = { targetId, flatten: true };
    const { sessionId: same } = await other.send<{ sessionId: string }>('Target.attachToTarget', attach);
    await other.send('Runtime.evaluate', { expression: 'go(7)' }, same);
    await client.waitFor(({ id }) => id === 103);
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await other.close();
    await client.close();
  });

  it('counts down when a session goes with what waits in it', async () => {
    const { wsUrl } = await start({ pending: 3 });
    const client = await CdpClient.connect(wsUrl);
    for (let round = 0; round < 3; round++) {
      const { targetId, sessionId } = await client.newPage();
      const never = { expression: 'new Promise(() => undefined)', awaitPromise: true };
      for (const id of [201, 202]) {
        client.raw(JSON.stringify({ id, method: 'Runtime.evaluate', params: never, sessionId }));
      }
      await client.send('Target.closeTarget', { targetId });
      await client.waitFor(
        ({ method, params }) => method === 'Target.detachedFromTarget' && params?.['sessionId'] === sessionId,
      );
    }
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await client.close();
  });
});

describe('limits.pending, for what cdpmux asks on behalf of a client', () => {
  it.each([
    ['contexts', 'Target.createBrowserContext', undefined],
    ['what is asked in a page', 'Storage.getUsageAndQuota', { origin: 'http://127.0.0.1' }],
  ])('counts %s', async (_what, method, params) => {
    const { wsUrl } = await start({ pending: 3 });
    const client = await CdpClient.connect(wsUrl);
    for (let round = 0; round < 2; round++) {
      client.received.length = 0;
      const replies = await burst(client, 8, method, params);
      expect(replies.filter(({ error }) => error === undefined)).toHaveLength(3);
      expect(replies.flatMap(({ error }) => error ?? [])).toEqual(new Array(5).fill(overLimit('pending', 3)));
    }
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await client.close();
  });
});

describe('limits.targets', () => {
  it('opens exactly as many pages as may be, also when all are asked for at once', async () => {
    const { wsUrl } = await start({ targets: 4 });
    const client = await CdpClient.connect(wsUrl);
    const replies = await burst(client, 10, 'Target.createTarget', { url: 'about:blank' });
    const refused = replies.filter(({ error }) => error);
    expect(replies.filter(({ result }) => result?.['targetId'])).toHaveLength(3);
    expect(refused.map(({ error }) => error)).toEqual(new Array(7).fill(overLimit('targets', 4)));
    const [page] = await pagesOf(client);
    await client.send('Target.closeTarget', { targetId: page?.targetId });
    await eventually(async () => (await pagesOf(client)).length === 3);
    expect(await client.send('Target.createTarget', { url: 'about:blank' })).toHaveProperty('targetId');
    await client.close();
  });

  it('closes what a page opens beyond it, and the page goes on', async () => {
    const { wsUrl } = await start({ targets: 3 });
    const client = await CdpClient.connect(wsUrl);
    const params = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
    const { sessionId } = await client.newPage();
    await client.send('Target.setDiscoverTargets', { discover: true });
    await client.send('Target.setAutoAttach', params);
    const expression = 'for (let i = 0; i < 5; i++) open("about:blank"); 7';
    const evaluated = client.ask('Runtime.evaluate', { expression, userGesture: true }, sessionId);
    // the one that may stay is held until its client lets it run, as in any Chrome
    const { params: attached } = await client.waitFor(
      ({ method, params }) => method === 'Target.attachedToTarget' && params?.['waitingForDebugger'] === true,
      'a popup',
    );
    const popup = attached?.['sessionId'] as string;
    await client.send('Runtime.runIfWaitingForDebugger', {}, popup);
    await client.until(
      () => client.received.filter(({ method }) => method === 'Target.targetDestroyed').length === 4,
      'four closed popups',
    );
    expect((await evaluated).result).toMatchObject({ result: { value: 7 } });
    expect(await pagesOf(client)).toHaveLength(3);
    await client.close();
  });

  it('holds for pages opened over HTTP', async () => {
    const { url } = await start({ targets: 1 });
    const response = await fetch(`${url}/json/new?about:blank`, { method: 'PUT' });
    const { error } = (await response.json()) as { error: Record<string, string> };
    expect([response.status, error['code']]).toEqual([429, 'LIMIT']);
    expect(error['message']).toMatch(/^1 pages .* limits\.targets/);
  });
});

describe('limits.contexts and limits.sessions', () => {
  it('refuse what is beyond them, and count down again', async () => {
    const { wsUrl } = await start({ contexts: 2, sessions: 4 });
    const client = await CdpClient.connect(wsUrl);
    const contexts = await burst(client, 4, 'Target.createBrowserContext');
    expect(contexts.map(({ error }) => error)).toEqual(
      [undefined, undefined, overLimit('contexts', 2), overLimit('contexts', 2)].sort(
        (a, b) => Number(a === undefined) - Number(b === undefined),
      ),
    );
    const [made] = contexts.flatMap(({ result }) => result?.['browserContextId'] ?? []);
    await client.send('Target.disposeBrowserContext', { browserContextId: made });
    expect(await client.send('Target.createBrowserContext')).toHaveProperty('browserContextId');

    const { sessionId } = await client.newPage();
    const targetId = (await pagesOf(client))[0]?.targetId;
    for (const round of [1, 2]) {
      const attached = [];
      for (let i = 0; i < 4; i++) {
        attached.push(await client.ask('Target.attachToTarget', { targetId, flatten: true }));
      }
      // the root and the page's session are two of the four
      expect([round, ...attached.map(({ error }) => error)]).toEqual([
        round,
        undefined,
        undefined,
        overLimit('sessions', 4),
        overLimit('sessions', 4),
      ]);
      for (const { result } of attached.slice(0, 2)) await client.send('Target.detachFromTarget', result);
    }
    expect(await client.send('Runtime.evaluate', { expression: '1' }, sessionId)).toHaveProperty('result');
    await client.close();
  });
});

describe('limits.autoAttach', () => {
  it('refuses one more browser-level session that auto-attaches', async () => {
    const { wsUrl } = await start({ autoAttach: 2 });
    const client = await CdpClient.connect(wsUrl);
    const params = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    const errors = [];
    for (let i = 0; i < 3; i++) {
      const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToBrowserTarget');
      errors.push((await client.ask('Target.setAutoAttach', params, sessionId)).error);
    }
    expect(errors).toEqual([undefined, undefined, overLimit('autoAttach', 2)]);
    await client.close();
  });
});

describe('limits.autoAttach with many clients', () => {
  it('lets exactly as many auto-attach as may, though all join at once', async () => {
    const { wsUrl } = await start({ autoAttach: 3 });
    const params = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    const join = (): Promise<CdpClient> => CdpClient.connect(`${wsUrl}name/many/`);
    const clients = await Promise.all(Array.from({ length: 10 }, join));
    const replies = await Promise.all(clients.map((client) => client.ask('Target.setAutoAttach', params)));
    const errors = replies.flatMap(({ error }) => error ?? []);
    expect(errors).toEqual(new Array(7).fill(overLimit('autoAttach', 3)));
    // who leaves makes room for another
    const lucky = clients[replies.findIndex(({ error }) => !error)]!;
    const unlucky = clients[replies.findIndex(({ error }) => error)]!;
    await lucky.close();
    await eventually(async () => (await unlucky.ask('Target.setAutoAttach', params)).error === undefined);
    for (const client of clients) client.socket.terminate();
  });
});

describe('limits.commandsPerSecond', () => {
  it('holds for requests over HTTP: 429, and when to come again', async () => {
    const { url } = await start({ commandsPerSecond: 1 });
    const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${url}/json/list`)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    const { error } = (await refused[0]?.json()) as { error: Record<string, string> };
    expect(error).toMatchObject({
      code: 'LIMIT',
      message: expect.stringContaining('limits.commandsPerSecond'),
    });
    await eventually(async () => (await fetch(`${url}/json/list`)).status === 200);
  });

  it('lets no more through than that, loses nothing and keeps the order', async () => {
    const { wsUrl } = await start({ commandsPerSecond: 500 });
    const client = await CdpClient.connect(wsUrl);
    const { sessionId } = await client.newPage();
    const count = 600;
    const startedAt = performance.now();
    for (let id = 1; id <= count; id++) {
      const params = { expression: String(id) };
      client.raw(JSON.stringify({ id: 10_000 + id, method: 'Runtime.evaluate', params, sessionId }));
    }
    const values = () => client.received.filter(({ id = 0 }) => id > 10_000);
    await client.until(() => values().length === count, 'all answers');
    expect(values().map(({ result }) => (result?.['result'] as { value: number }).value)).toEqual(
      Array.from({ length: count }, (_none, index) => index + 1),
    );
    // the last frames were in one chunk with others, and count afterwards
    await client.send('Browser.getVersion');
    await client.send('Browser.getVersion');
    const quickest = ((count - 500 * 0.25) / 500) * 1000;
    expect(performance.now() - startedAt).toBeGreaterThan(quickest);
    await client.close();
  });
});

describe('limits.upgradesPerSecond', () => {
  it('refuses with 429 and says when to come again', async () => {
    const { wsUrl } = await start({ upgradesPerSecond: 2 });
    const clients = await Promise.all([CdpClient.connect(wsUrl), CdpClient.connect(wsUrl)]);
    const { status, retryAfter, error } = await refusal(wsUrl);
    expect([status, retryAfter]).toEqual([429, '1']);
    expect(error).toMatchObject({ code: 'LIMIT', limit: 'limits.upgradesPerSecond', value: '2' });
    await eventually(() => isLetIn(wsUrl));
    for (const client of clients) await client.close();
  });
});

describe('limits.idle', () => {
  it('closes a client that says and hears nothing with 4408, and not one that does', async () => {
    const { wsUrl } = await start({ idle: 400 });
    const [quiet, busy] = [await CdpClient.connect(wsUrl), await CdpClient.connect(wsUrl)];
    let isOver = false;
    const talking = (async () => {
      while (!isOver) {
        await busy.send('Browser.getVersion');
        await pause(20);
      }
    })();
    const { code, reason } = await quiet.closed;
    isOver = true;
    await talking;
    expect([code, reason]).toEqual([4408, expect.stringMatching(/idle: .*400 ms.*limits\.idle/)]);
    expect(busy.socket.readyState).toBe(WebSocket.OPEN);
    // its own pings are no CDP
    busy.socket.ping();
    expect((await busy.closed).code).toBe(4408);
  });
});

describe('the longest life', () => {
  it('ends a virtual browser for all its clients with 4408', async () => {
    const { wsUrl, mux } = await start({ lifetime: 700 });
    const path = 'name/short/';
    const [one, other] = [await CdpClient.connect(wsUrl + path), await CdpClient.connect(wsUrl + path)];
    const ends = await Promise.all([one.closed, other.closed]);
    expect(ends.map(({ code }) => code)).toEqual([4408, 4408]);
    expect(ends[0].reason).toMatch(/time limit: .*700 ms.*limits\.lifetime/);
    await eventually(() => mux.stats().virtualBrowsers === 0);
  });

  it('is what a client asks for, and begins when it has its place', async () => {
    cdpmux = await startCdpmux({ 'browsers.max': 1, 'browsers.virtualPerBrowser': 1 });
    const { wsUrl, mux } = cdpmux;
    const first = await CdpClient.connect(wsUrl);
    const waiting = CdpClient.connect(`${wsUrl}?timeout=600`);
    await eventually(() => mux.stats().waiting === 1);
    // longer than the life it asks for
    await pause(700);
    await first.close();
    const client = await waiting;
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    const { code, reason } = await client.closed;
    expect([code, reason]).toEqual([4408, expect.stringContaining('600 ms')]);
  });

  it('of a client that joins is its own', async () => {
    const { wsUrl } = await start({});
    const owner = await CdpClient.connect(`${wsUrl}name/long/`);
    const guest = await CdpClient.connect(`${wsUrl}name/long/?timeout=300`);
    expect((await guest.closed).code).toBe(4408);
    expect(await owner.send('Browser.getVersion')).toHaveProperty('product');
    await owner.close();
  });
});
