import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { startRemoteCdpmux, type RemoteCdpmux } from './support/remote-cdpmux.js';
import { startTcpRelay, type TcpRelay } from './support/tcp-relay.js';

const HOUR = 3_600_000;
const lasting = { maxPerBrowser: 10, idleTimeout: HOUR, maxLifetime: 2 * HOUR };
/** Far more than a connection takes on before another is worth opening. */
const MANY = 200;

/** Commands that are not answered while their page lives. */
async function keepBusy(client: CdpClient, url = 'about:blank'): Promise<void> {
  const { sessionId } = await client.newPage(url);
  const params = { expression: 'new Promise(()=>{})', awaitPromise: true };
  for (let id = 0; id < MANY; id++) {
    client.raw(JSON.stringify({ id: 10_000 + id, method: 'Runtime.evaluate', params, sessionId }));
  }
}

describe('connections to a remote Chrome', () => {
  let chrome: DirectChrome;
  let relay: TcpRelay;
  let cdpmux: RemoteCdpmux | undefined;
  let busyClients = 0;

  beforeEach(async () => {
    busyClients = 0;
    chrome = await startChrome();
    relay = await startTcpRelay(chrome.wsUrl);
  }, 60_000);
  afterEach(async () => {
    await cdpmux?.close();
    cdpmux = undefined;
    await relay.close();
    await chrome.close();
  });

  const start = async (connections: Parameters<typeof startRemoteCdpmux>[1]): Promise<RemoteCdpmux> =>
    (cdpmux = await startRemoteCdpmux(relay.wsUrl, connections, ['stock.enabled=false']));
  const reports = () => cdpmux?.mux.connections() ?? [];
  /** A client that keeps its connection busy, once cdpmux has seen that. */
  const busyClient = async (mux: RemoteCdpmux): Promise<CdpClient> => {
    const client = await CdpClient.connect(mux.wsUrl);
    await keepBusy(client);
    busyClients++;
    await eventually(() => mux.mux.stats().pendingCommands >= busyClients * MANY, {
      what: 'a busy connection',
    });
    return client;
  };
  const connectionsAre = (count: number): Promise<void> =>
    eventually(() => reports().length === count && relay.open.size === count, {
      within: 15_000,
      what: `${count} connections`,
    });

  it('are one while that has room, and one more for each time that all are busy', async () => {
    const mux = await start({ ...lasting, maxPerBrowser: 3 });
    for (let n = 0; n < 10; n++) await CdpClient.connect(mux.wsUrl);
    expect(relay.accepted).toBe(1);
    await busyClient(mux);
    // It is served by what is there, and finds no room for those after it.
    await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    await busyClient(mux);
    await CdpClient.connect(mux.wsUrl);
    await connectionsAre(3);
    for (let n = 0; n < 3; n++) await busyClient(mux);
    await CdpClient.connect(mux.wsUrl);
    expect(relay.accepted).toBe(3);
    expect(mux.mux.stats()).toMatchObject({ connections: 3, clients: 18, connectionReuse: 1 });
  }, 60_000);

  it('take newcomers where the least is to do', async () => {
    const mux = await start(lasting);
    await busyClient(mux);
    await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    expect(reports().map(({ virtualBrowsers }) => virtualBrowsers)).toEqual([2, 0]);
    for (let n = 0; n < 5; n++) await CdpClient.connect(mux.wsUrl);
    expect(reports().map(({ virtualBrowsers }) => virtualBrowsers)).toEqual([2, 5]);
    expect(reports()[0]?.pendingCommands).toBeGreaterThanOrEqual(MANY);
    expect(reports()[1]).toMatchObject({ transport: 'websocket', state: 'open', clients: 5, browser: 'b1' });
  }, 60_000);

  it('are one more while Chrome sends much', async () => {
    const mux = await start(lasting);
    const client = await CdpClient.connect(mux.wsUrl);
    const { sessionId } = await client.newPage();
    let isOver = false;
    const large = { expression: "'x'.repeat(4e6)", returnByValue: true };
    const asking = (async () => {
      while (!isOver) await client.send('Runtime.evaluate', large, sessionId);
    })();
    try {
      await eventually(
        async () => {
          await (await CdpClient.connect(mux.wsUrl)).close();
          return reports().length === 2;
        },
        { within: 20_000, what: 'a second connection' },
      );
    } finally {
      isOver = true;
      await asking;
    }
  }, 60_000);

  it('are closed when they have been idle, all but one', async () => {
    const mux = await start({ ...lasting, idleTimeout: 300 });
    const busy = await busyClient(mux);
    const other = await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    await busy.close();
    await other.close();
    await connectionsAre(1);
    const client = await CdpClient.connect(mux.wsUrl);
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    const { body } = await mux.mux.metricsText();
    expect(body).toContain('cdp_pool_connections_total 2');
    expect(body).toContain('cdpmux_connections_ended_total{how="closed"} 1');
    expect(body).toContain('cdp_pool_connections_in_use 1');
    expect(body).toContain('cdp_pool_connections_available 1');
  }, 60_000);

  it('past their lifetime take nobody new, and go with their last client', async () => {
    const mux = await start({ maxPerBrowser: 1, idleTimeout: 500, maxLifetime: 1_500 });
    const stays = await CdpClient.connect(mux.wsUrl);
    const { sessionId } = await stays.newPage();
    const [first] = reports();
    await eventually(() => reports()[0]?.state === 'retiring', {
      within: 20_000,
      what: 'a retiring connection',
    });
    const next = await CdpClient.connect(mux.wsUrl);
    const on = (id: string | undefined) => reports().find((one) => one.id === id);
    expect(on(first?.id)).toMatchObject({ state: 'retiring', virtualBrowsers: 1 });
    expect(reports().reduce((sum, { virtualBrowsers }) => sum + virtualBrowsers, 0)).toBe(2);
    const two = { expression: '1+1', returnByValue: true };
    const answer = await stays.send<{ result: object }>('Runtime.evaluate', two, sessionId);
    expect(answer.result).toMatchObject({ value: 2 });
    await stays.close();
    await eventually(() => on(first?.id) === undefined, { what: 'the end of the first connection' });
    expect(await next.send('Browser.getVersion')).toHaveProperty('product');
    await next.close();
    await eventually(() => reports().length === relay.open.size && reports().length >= 1);
  }, 60_000);

  it('end alone: who was on one that is cut gets 4502, all others live on', async () => {
    const mux = await start(lasting);
    const busy = await busyClient(mux);
    const mate = await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    const other = await CdpClient.connect(mux.wsUrl);
    const page = await other.newPage();
    const [socket] = relay.open;
    socket?.destroy();
    for (const client of [busy, mate]) expect(await client.closed).toMatchObject({ code: 4502 });
    const title = { expression: '6*7', returnByValue: true };
    const answer = await other.send<{ result: object }>('Runtime.evaluate', title, page.sessionId);
    expect(answer.result).toMatchObject({ value: 42 });
    expect(mux.mux.readiness().ready).toBe(true);
    await connectionsAre(1);
    expect(mux.mux.stats()).toMatchObject({ browsers: 1, clients: 1 });
    expect((await mux.mux.metricsText()).body).toContain('cdpmux_connections_ended_total{how="lost"} 1');
  }, 60_000);

  it('come back after all were cut', async () => {
    const mux = await start(lasting);
    const busy = await busyClient(mux);
    const mate = await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    const other = await CdpClient.connect(mux.wsUrl);
    relay.refuses = true;
    for (const socket of relay.open) socket.destroy();
    for (const client of [busy, mate, other]) expect(await client.closed).toMatchObject({ code: 4502 });
    await eventually(() => !mux.mux.readiness().ready, { what: 'no browser' });
    relay.refuses = false;
    await eventually(() => mux.mux.readiness().ready, { within: 15_000, what: 'a browser' });
    const next = await CdpClient.connect(mux.wsUrl);
    expect(await next.send('Browser.getVersion')).toHaveProperty('product');
    await connectionsAre(1);
  }, 60_000);

  it('are as many as before after 100 clients have come and gone', async () => {
    const mux = await start({ ...lasting, idleTimeout: 500 });
    const truth = await CdpClient.connect(chrome.wsUrl);
    const contexts = async (): Promise<number> =>
      (await truth.send<{ browserContextIds: string[] }>('Target.getBrowserContexts')).browserContextIds
        .length;
    const roots = async (): Promise<number> =>
      (await truth.send<{ targetInfos: object[] }>('Target.getTargets', { filter: [{ type: 'browser' }] }))
        .targetInfos.length;
    const before = { contexts: await contexts(), roots: await roots() };
    const one = async (nth: number): Promise<void> => {
      const client = await CdpClient.connect(mux.wsUrl);
      if (nth % 5 === 0) await keepBusy(client);
      else await client.newPage();
      if (nth % 2 === 0) client.socket.terminate();
      else client.socket.close();
      await client.closed;
    };
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 100) await one(next++);
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    expect(relay.accepted).toBeGreaterThan(1);
    await connectionsAre(1);
    const nothing = {
      virtualBrowsers: 0,
      clients: 0,
      contexts: 0,
      targets: 0,
      sessions: 0,
      pendingCommands: 0,
    };
    await eventually(
      () =>
        Object.entries(nothing).every(
          ([key, value]) => mux.mux.stats()[key as keyof typeof nothing] === value,
        ),
      { within: 15_000, what: 'an empty cdpmux' },
    );
    await eventually(async () => (await contexts()) === before.contexts && (await roots()) === before.roots, {
      within: 15_000,
      what: 'a Chrome as it was',
    });
    const { body } = await mux.mux.metricsText();
    const sample = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1]);
    expect(sample('cdp_pool_connections_total')).toBe(
      1 + sample('cdpmux_connections_ended_total\\{how="closed"\\}'),
    );
    expect(mux.mux.stats().connectionReuse).toBe(1);
  }, 120_000);

  it('keep their clients apart, and hold up no page of one another', async () => {
    const mux = await start(lasting);
    const mine = await busyClient(mux);
    await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    const theirs = await CdpClient.connect(mux.wsUrl);
    expect(reports().map(({ virtualBrowsers }) => virtualBrowsers)).toEqual([2, 1]);
    const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
    for (const client of [mine, theirs]) {
      await client.send('Target.setAutoAttach', attach);
      await client.send('Target.setDiscoverTargets', { discover: true });
    }
    const { targetId } = await theirs.send<{ targetId: string }>('Target.createTarget', {
      url: 'data:text/html,<title>theirs</title>',
    });
    const attached = await theirs.waitFor(
      ({ method, params }) =>
        method === 'Target.attachedToTarget' &&
        (params as { targetInfo: { targetId: string } }).targetInfo.targetId === targetId,
    );
    const { sessionId, waitingForDebugger } = attached.params as {
      sessionId: string;
      waitingForDebugger: boolean;
    };
    // Held by their own client alone, for as long as that wants it.
    expect(waitingForDebugger).toBe(true);
    await theirs.send('Runtime.runIfWaitingForDebugger', {}, sessionId);
    const title = { expression: 'document.title', returnByValue: true };
    await eventually(
      async () =>
        (await theirs.send<{ result: { value: unknown } }>('Runtime.evaluate', title, sessionId)).result
          .value === 'theirs',
      { what: 'a page that runs' },
    );
    // A barrier: all that Chrome had to tell of that page has passed.
    await mine.newPage();
    expect(mine.events.filter(({ params }) => JSON.stringify(params).includes(targetId))).toEqual([]);
    const known = await mine.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets');
    expect(known.targetInfos.map((one) => one.targetId)).not.toContain(targetId);
    expect((await mine.ask('Target.attachToTarget', { targetId, flatten: true })).error).toMatchObject({
      message: 'No target with given id found',
    });
  }, 60_000);

  it('share the one trace that a Chrome can take', async () => {
    const mux = await start(lasting);
    const mine = await busyClient(mux);
    await CdpClient.connect(mux.wsUrl);
    await connectionsAre(2);
    const theirs = await CdpClient.connect(mux.wsUrl);
    const categories = '-*,blink.user_timing';
    await mine.send('Tracing.start', { categories });
    const second = theirs.ask('Tracing.start', { categories });
    // An answer that came after it: Chrome would have refused the second by now.
    await theirs.send('Browser.getVersion');
    expect(theirs.received.filter(({ error }) => error !== undefined)).toEqual([]);
    await mine.send('Tracing.end');
    expect((await second).error).toBeUndefined();
    await theirs.send('Tracing.end');
  }, 60_000);
});

describe('a launched Chrome', () => {
  it('has its pipe only, however busy it is', async () => {
    const cdpmux = await startCdpmux({ 'browsers.max': 1 });
    try {
      for (let n = 0; n < 3; n++) await keepBusy(await CdpClient.connect(cdpmux.wsUrl));
      await CdpClient.connect(cdpmux.wsUrl);
      expect(cdpmux.mux.connections()).toMatchObject([
        { id: 'b1-1', browser: 'b1', transport: 'pipe', state: 'open', virtualBrowsers: 4, clients: 4 },
      ]);
    } finally {
      await cdpmux.close();
    }
  }, 60_000);
});
