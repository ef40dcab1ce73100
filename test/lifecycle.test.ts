import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { commandLine, listProcesses } from '../src/chrome/proc.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { openSite, type Site } from './support/site.js';

/** The promise is one second; tests share their machine. */
const SOON = 5_000;
const never = 'never/finishes';

/** A server that takes requests and never answers. */
async function openSilence(): Promise<{ url: string; asked: Promise<void>; server: Server }> {
  let seen = (): void => undefined;
  const asked = new Promise<void>((resolve) => (seen = resolve));
  const server = createServer(() => seen());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/${never}`, asked, server };
}

const empty = { virtualBrowsers: 0, clients: 0, contexts: 0, targets: 0, sessions: 0, pendingCommands: 0 };

describe('clients that come and go in a Chrome that stays', () => {
  let chrome: DirectChrome;
  let cdpmux: TestCdpmux;
  let site: Site;
  /** Sees all of Chrome. */
  let truth: CdpClient;
  let before: { contexts: string[]; targets: string[] };

  /** What exists in Chrome, cdpmux's own browser-level sessions apart. */
  const inChrome = async (): Promise<typeof before> => {
    const { browserContextIds } = await truth.send<{ browserContextIds: string[] }>(
      'Target.getBrowserContexts',
    );
    const { targetInfos } = await truth.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets', {
      filter: [{ type: 'browser', exclude: true }, {}],
    });
    return {
      contexts: browserContextIds.sort(),
      targets: targetInfos.map(({ targetId }) => targetId).sort(),
    };
  };

  /** Browser-level sessions that are attached in Chrome. */
  const browserTargets = async (): Promise<number> =>
    (await truth.send<{ targetInfos: object[] }>('Target.getTargets', { filter: [{ type: 'browser' }] }))
      .targetInfos.length;

  const expectNothingLeft = async (): Promise<void> => {
    await eventually(() => JSON.stringify(cdpmux.mux.stats()).includes(JSON.stringify(empty).slice(1, -1)), {
      within: SOON,
      what: 'an empty cdpmux',
    });
    await eventually(async () => JSON.stringify(await inChrome()) === JSON.stringify(before), {
      within: SOON,
      what: 'an empty Chrome',
    });
  };

  beforeAll(async () => {
    [chrome, site] = await Promise.all([startChrome(), openSite()]);
    cdpmux = await startCdpmux({ 'browsers.upstreams': chrome.wsUrl });
    truth = await CdpClient.connect(chrome.wsUrl);
    before = await inChrome();
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await Promise.all([chrome.close(), site.close()]);
  });

  it('leaves nothing of one that vanishes while it navigates', async () => {
    const silence = await openSilence();
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage();
    await client.send('Target.createBrowserContext');
    await client.send('Target.createBrowserContext', { disposeOnDetach: true });
    client.raw(JSON.stringify({ id: 900, method: 'Page.navigate', params: { url: silence.url }, sessionId }));
    await silence.asked;
    const there = cdpmux.mux.stats();
    expect(there.pendingCommands).toBeGreaterThan(0);
    expect(there.contexts).toBe(3);
    client.socket.terminate();
    await expectNothingLeft();
    silence.server.close();
    silence.server.closeAllConnections();
  });

  it('leaves nothing of one that goes while others wait for Chrome all the time', async () => {
    const stays = await CdpClient.connect(cdpmux.wsUrl);
    const page = await stays.newPage();
    const waiting = { expression: 'new Promise(()=>{})', awaitPromise: true };
    stays.raw(
      JSON.stringify({ id: 9, method: 'Runtime.evaluate', params: waiting, sessionId: page.sessionId }),
    );
    const withIt = await inChrome();
    const goes = await CdpClient.connect(cdpmux.wsUrl);
    await goes.newPage();
    expect((await inChrome()).targets.length).toBeGreaterThan(withIt.targets.length);
    await goes.close();
    await eventually(async () => JSON.stringify(await inChrome()) === JSON.stringify(withIt), {
      within: SOON,
      what: 'a Chrome without it',
    });
    await stays.close();
    await expectNothingLeft();
  });

  it('leaves nothing of 30 that come, work and go at once, one way or another', async () => {
    const roots = await browserTargets();
    await Promise.all(
      Array.from({ length: 30 }, async (_, nth) => {
        const client = await CdpClient.connect(cdpmux.wsUrl);
        const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
        if (nth % 5 === 0) await client.send('Target.setAutoAttach', attach);
        else if (nth % 5 === 1) await client.newPage(site.url(`t${nth}`, 'home'));
        else if (nth % 5 === 2)
          client.raw('{"id":1,"method":"Target.createTarget","params":{"url":"about:blank"}}');
        if (nth % 3 === 0) client.socket.terminate();
        else if (nth % 3 === 1) client.raw('{"id":77,"method":"Browser.close"}');
        else client.socket.close();
        await client.closed;
      }),
    );
    await expectNothingLeft();
    await eventually(async () => (await browserTargets()) === roots, { what: 'as many roots as before' });
  }, 60_000);

  it('leaves nothing of one that goes before its upgrade is done', async () => {
    const sockets = Array.from({ length: 10 }, () => {
      const socket = new WebSocket(cdpmux.wsUrl);
      socket.on('error', () => undefined);
      return { socket, closed: new Promise((resolve) => socket.once('close', resolve)) };
    });
    // the last of them have not been opened in Chrome when the first have
    await eventually(() => cdpmux.mux.stats().virtualBrowsers > 0, { what: 'the first of them' });
    for (const { socket } of sockets) socket.terminate();
    await Promise.all(sockets.map(({ closed }) => closed));
    await expectNothingLeft();
  });

  it('leaves no context of which nobody knows when it goes before one is made', async () => {
    const name = `${cdpmux.wsUrl}name/kept`;
    const stays = await CdpClient.connect(name);
    for (let n = 0; n < 10; n++) {
      const goes = await CdpClient.connect(name);
      for (let id = 1; id <= 5; id++) goes.raw(JSON.stringify({ id, method: 'Target.createBrowserContext' }));
      goes.socket.terminate();
      await goes.closed;
    }
    // those that were made while it was there stay, as in a Chrome
    await eventually(
      async () => (await inChrome()).contexts.length === before.contexts.length + cdpmux.mux.stats().contexts,
    );
    await stays.send('Browser.close');
    await stays.closed;
    await expectNothingLeft();
  });

  it('answers Browser.close, closes this client, and lets the others live on', async () => {
    const [one, other] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(cdpmux.wsUrl),
    ]);
    const page = await other.newPage(site.url('other', 'home'));
    await one.newPage(site.url('one', 'home'));
    expect(await one.ask('Browser.close')).toEqual({ id: expect.any(Number), result: {} });
    expect(await one.closed).toEqual({ code: 1000, reason: 'closed by Browser.close' });
    const title = { expression: 'document.title', returnByValue: true };
    await eventually(
      async () =>
        (await other.send<{ result: { value: unknown } }>('Runtime.evaluate', title, page.sessionId)).result
          .value === 'home of other',
    );
    await other.close();
    await expectNothingLeft();
  });

  it('answers what was pending in the sessions of a page that crashes, and nothing else dies', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const [page, bystander] = [await client.newPage(), await client.newPage()];
    const second = await client.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId: page.targetId,
      flatten: true,
    });
    const endless = { expression: 'new Promise(()=>{})', awaitPromise: true };
    const pending = [page.sessionId, second.sessionId].map((id) =>
      client.ask('Runtime.evaluate', endless, id),
    );
    client.raw(
      JSON.stringify({
        id: 902,
        method: 'Runtime.evaluate',
        params: endless,
        sessionId: bystander.sessionId,
      }),
    );
    client.raw(
      JSON.stringify({
        id: 901,
        method: 'Page.navigate',
        params: { url: 'chrome://crash' },
        sessionId: page.sessionId,
      }),
    );
    for (const reply of await Promise.all(pending)) {
      expect(reply.error?.code).toBe(-32000);
      expect(reply.error?.message).toContain('crashed');
    }
    await client.send('Runtime.evaluate', { expression: '1' }, bystander.sessionId);
    expect(client.received.filter(({ id }) => id === 902)).toEqual([]);
    client.socket.terminate();
    await expectNothingLeft();
  });
});

describe('a Chrome that dies', () => {
  let cdpmux: TestCdpmux;

  beforeEach(async () => {
    cdpmux = await startCdpmux();
  }, 60_000);
  afterEach(() => cdpmux.close());

  /** The Chrome that this process launched last: tests of a file run one after the other. */
  const chromePid = async (): Promise<number> => {
    const own = (await listProcesses()).filter(({ parent }) => parent === process.pid);
    for (const { pid } of own.sort((a, b) => b.startTime - a.startTime)) {
      if ((await commandLine(pid)).includes('--remote-debugging-pipe')) return pid;
    }
    throw new Error('no Chrome of this process runs');
  };

  it('fails what is pending, then closes each client with 4502, and is replaced', async () => {
    const clients = await Promise.all([1, 2, 3].map(() => CdpClient.connect(cdpmux.wsUrl)));
    const pid = await chromePid();
    const endless = { expression: 'new Promise(()=>{})', awaitPromise: true };
    const pending = await Promise.all(
      clients.map(async (client) => {
        const { sessionId } = await client.newPage();
        return { client, asked: client.ask('Runtime.evaluate', endless, sessionId) };
      }),
    );
    await eventually(() => cdpmux.mux.stats().pendingCommands === 3, { what: 'three pending commands' });
    process.kill(pid, 'SIGKILL');
    for (const { client, asked } of pending) {
      expect((await asked).error?.message).toContain('lost');
      expect(await client.closed).toMatchObject({ code: 4502 });
    }
    await eventually(() => cdpmux.mux.readiness().ready, { within: 15_000, what: 'a successor' });
    const next = await CdpClient.connect(cdpmux.wsUrl);
    expect(await chromePid()).not.toBe(pid);
    const { sessionId } = await next.newPage();
    const { result } = await next.send<{ result: { value: number } }>(
      'Runtime.evaluate',
      { expression: '6*7' },
      sessionId,
    );
    expect(result.value).toBe(42);
    await next.close();
    await eventually(() => cdpmux.mux.stats().pendingCommands === 0, { within: SOON });
    expect(cdpmux.mux.stats()).toMatchObject({ ...empty, browsers: 1 });
  }, 60_000);

  it('serves a client that comes before the successor is up', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    process.kill(await chromePid(), 'SIGKILL');
    await client.closed;
    const next = await CdpClient.connect(cdpmux.wsUrl);
    expect(await next.send('Browser.getVersion')).toHaveProperty('product');
    await next.close();
  }, 60_000);
});

describe('a cdpmux that stops', () => {
  it('closes its clients with 1001', async () => {
    const cdpmux = await startCdpmux();
    const clients = await Promise.all([1, 2, 3].map(() => CdpClient.connect(cdpmux.wsUrl)));
    await cdpmux.close();
    for (const client of clients) expect(await client.closed).toMatchObject({ code: 1001 });
    expect(cdpmux.mux.stats()).toMatchObject({ ...empty, browsers: 0 });
  }, 60_000);
});
