import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

/** Longest wait for anything, ms. */
const PATIENCE = 15_000;
const nothing = { virtualBrowsers: 0, clients: 0, contexts: 0, targets: 0, sessions: 0, pendingCommands: 0 };

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux();
}, 60_000);
afterAll(() => cdpmux.close());

const isEmpty = (): Promise<void> =>
  eventually(() => Object.entries(nothing).every(([key, n]) => Reflect.get(cdpmux.mux.stats(), key) === n), {
    within: PATIENCE,
    what: 'an empty cdpmux',
  });
const idOf = async (client: CdpClient): Promise<string> =>
  (await client.send<{ virtualBrowserId: string }>('Mux.getInfo')).virtualBrowserId;
const lose = async (...clients: CdpClient[]): Promise<void> => {
  for (const { socket } of clients) socket.terminate();
  await eventually(() => cdpmux.mux.stats().clients === 0, { within: PATIENCE, what: 'their loss' });
};
const urlOf = (id: string, keepAlive = 60_000): string =>
  `${cdpmux.wsUrl}devtools/browser/${id}?keepAlive=${keepAlive}`;
const end = async (client: CdpClient): Promise<void> => {
  await client.ask('Browser.close');
  await isEmpty();
};
const evaluate = async (client: CdpClient, sessionId: string, expression: string): Promise<unknown> => {
  const params = { expression, returnByValue: true, awaitPromise: true };
  const { result } = await client.send<{ result: { value: unknown } }>('Runtime.evaluate', params, sessionId);
  return result.value;
};

describe('a virtual browser that is kept', () => {
  it('says its id on the upgrade, is shown, survives an audit, and ends when its time is up', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const id = await idOf(client);
    const stays = await CdpClient.connect(urlOf(id));
    let told: unknown;
    const other = new WebSocket(urlOf(id));
    other.once('upgrade', ({ headers }) => (told = headers['x-cdpmux-virtual-browser']));
    await once(other, 'open');
    expect(told).toBe(id);
    other.terminate();
    expect(cdpmux.mux.virtualBrowsers()[0]?.keptUntil).toBeUndefined();
    const before = Date.now();
    await lose(client, stays);
    const until = Date.parse(cdpmux.mux.virtualBrowsers()[0]?.keptUntil ?? '');
    expect(until).toBeGreaterThanOrEqual(before + 60_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 60_000);
    for (let n = 0; n < 3; n++) await cdpmux.mux.audit();
    expect(cdpmux.mux.stats()).toMatchObject({ virtualBrowsers: 1, clients: 0, sessions: 0 });
    const last = await CdpClient.connect(urlOf(id, 1));
    await last.close();
    await isEmpty();
    const refused = await refusedUpgrade(urlOf(id));
    expect([refused.status, errorOf(refused)['code']]).toEqual([404, 'ENDED']);
  });

  it('goes with its last client where that asks for 0, and at once with Browser.close', async () => {
    const named = `${cdpmux.wsUrl}name/short/`;
    await lose(await CdpClient.connect(`${named}?keepAlive=0`));
    await isEmpty();
    const [one, two] = [await CdpClient.connect(`${named}?keepAlive=60000`), await CdpClient.connect(named)];
    await end(one);
    expect(await two.closed).toMatchObject({ code: 1000 });
  });

  it('keeps contexts, but those that a client made to go with it', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?keepAlive=60000`);
    const id = await idOf(client);
    const make = async (disposeOnDetach: boolean): Promise<string> => {
      const made = await client.send<{ browserContextId: string }>('Target.createBrowserContext', {
        disposeOnDetach,
      });
      const { browserContextId } = made;
      await client.send('Target.createTarget', { url: 'about:blank', browserContextId });
      return browserContextId;
    };
    const [going, staying] = [await make(true), await make(false)];
    await lose(client);
    const back = await CdpClient.connect(urlOf(id));
    const { browserContextIds } = await back.send<{ browserContextIds: string[] }>(
      'Target.getBrowserContexts',
    );
    expect(browserContextIds).toEqual([staying]);
    const isThere = async (context: string): Promise<boolean> => {
      const { targetInfos } = await back.send<{ targetInfos: { browserContextId: string }[] }>(
        'Target.getTargets',
      );
      return targetInfos.some(({ browserContextId }) => browserContextId === context);
    };
    await eventually(async () => !(await isThere(going)), { within: PATIENCE });
    expect(await isThere(staying)).toBe(true);
    await end(back);
  });

  it('hoards nothing that happens while nobody listens, and tells each client what it enabled', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?keepAlive=60000`);
    const id = await idOf(client);
    const { targetId, sessionId } = await client.newPage();
    await client.send('Runtime.enable', {}, sessionId);
    await evaluate(client, sessionId, 'self.n = 0; setInterval(() => console.log(++n)); 1');
    await client.waitFor(({ method }) => method === 'Runtime.consoleAPICalled', 'a message');
    await lose(client);
    expect(cdpmux.mux.stats().sessions).toBe(0);
    const [listens, other] = [await CdpClient.connect(urlOf(id)), await CdpClient.connect(urlOf(id))];
    const attach = { targetId, flatten: true };
    const [own, others] = [
      await listens.send<{ sessionId: string }>('Target.attachToTarget', attach),
      await other.send<{ sessionId: string }>('Target.attachToTarget', attach),
    ];
    const before = (await evaluate(other, others.sessionId, 'n')) as number;
    await evaluate(
      other,
      others.sessionId,
      `new Promise((done) => {
      const timer = setInterval(() => n > ${before} + 20 && done(clearInterval(timer)));
    })`,
    );
    // neither of what it missed, nor of what only others want to know
    const names = (one: CdpClient): string[] => [...new Set(one.events.map(({ method }) => method!))];
    expect([names(listens), names(other)]).toEqual([
      ['Target.attachedToTarget'],
      ['Target.attachedToTarget'],
    ]);
    await listens.send('Runtime.enable', {}, own.sessionId);
    const isNews = ({ method, params }: Message): boolean =>
      method === 'Runtime.consoleAPICalled' &&
      (params as { args: { value: number }[] }).args[0]!.value > before + 20;
    await listens.waitFor(isNews, 'what happens from now on');
    await evaluate(other, others.sessionId, '1');
    expect(names(other)).toEqual(['Target.attachedToTarget']);
    await end(other);
  });

  it('ends with its Chrome', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?mode=exclusive&keepAlive=60000`);
    const id = await idOf(client);
    const { targetId, sessionId } = await client.newPage();
    await evaluate(client, sessionId, 'self.kept = "yes"');
    await lose(client);
    const [report] = cdpmux.mux.virtualBrowsers();
    expect(report).toMatchObject({ id, mode: 'exclusive', clients: 0, keptUntil: expect.any(String) });
    for (let n = 0; n < 3; n++) await cdpmux.mux.audit();
    const back = await CdpClient.connect(urlOf(id));
    const attached = await back.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    expect(await evaluate(back, attached.sessionId, 'kept')).toBe('yes');
    await lose(back);
    const { pid } = cdpmux.mux.browsers().find((one) => one.id === report!.browser)!;
    process.kill(pid!, 'SIGKILL');
    await isEmpty();
    expect(errorOf(await refusedUpgrade(urlOf(id)))).toMatchObject({ code: 'ENDED' });
  }, 60_000);

  it('is joined only by who asks for what it is', async () => {
    const named = `${cdpmux.wsUrl}name/fit/`;
    const proxy = 'proxyServer=http%3A%2F%2F127.0.0.1%3A1';
    const looks = 'userAgent=Own%2F1&windowSize=640,480';
    const client = await CdpClient.connect(`${named}?${proxy}&pool=default&${looks}`);
    await (await CdpClient.connect(`${named}?${looks}`)).close();
    await (await CdpClient.connect(`${named}?${proxy}&pool=default`)).close();
    for (const [parameter, query] of [
      ['mode', 'mode=exclusive'],
      ['pool', 'pool=other'],
      ['proxyServer', 'proxyServer=http%3A%2F%2F127.0.0.1%3A2'],
      ['userAgent', 'userAgent=Own%2F2'],
      ['windowSize', 'windowSize=640,481'],
      ['proxyBypassList', `${proxy}&proxyBypassList=a.test`],
    ] as const) {
      const refused = await refusedUpgrade(`${named}?${query}`);
      expect([refused.status, errorOf(refused)]).toEqual([400, expect.objectContaining({ parameter })]);
    }
    await end(client);
  });
});
