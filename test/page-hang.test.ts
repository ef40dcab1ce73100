import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { eventually } from './support/eventually.js';
import { startHealthCdpmux, type HealthCdpmux } from './support/health-cdpmux.js';
import { evaluate, type Page } from './support/page.js';

const HANG = 300;
const LONG = 60_000;
const isHung = ({ method }: Message): boolean => method === 'Mux.pageHung';

let cdpmux: HealthCdpmux | undefined;
afterEach(async () => {
  await cdpmux?.close();
  cdpmux = undefined;
});

/** A cdpmux that does this about pages that hang. */
const start = async (pageHangAction: 'tell' | 'terminate' | 'close'): Promise<HealthCdpmux> =>
  (cdpmux = await startHealthCdpmux(
    { 'browsers.min': 1, 'browsers.max': 1 },
    { timeout: 1_000 },
    { pageHang: HANG, pageHangAction },
  ));
/** A client that hears of what happens to it, and one that never used the domain. */
const clientOf = async ({ wsUrl }: HealthCdpmux, usesMux = true): Promise<CdpClient> => {
  const client = await CdpClient.connect(wsUrl);
  if (usesMux) await client.send('Mux.getInfo');
  return client;
};
/** Sends a command whose answer nobody waits for. */
const leave = (client: CdpClient, { sessionId }: Page, method: string, params: object): void =>
  client.raw(JSON.stringify({ id: 100_000, method, params, sessionId }));
const answerOf = (client: CdpClient): Promise<Message> => client.waitFor(({ id }) => id === 100_000);

describe('a page that hangs', () => {
  it(
    'is told to its client, once, and to no other; what looks like it and is not, is not',
    async () => {
      const mux = await start('tell');
      const server = await silentServer();
      const [client, other, unaware] = [await clientOf(mux), await clientOf(mux), await clientOf(mux, false)];
      const otherPage = await other.newPage();
      const page = await client.newPage();
      const [paused, waiting, talking, loading] = [
        await client.newPage(),
        await client.newPage(),
        await client.newPage(),
        await client.newPage(),
      ];
      await client.send('Debugger.enable', {}, paused.sessionId);
      leave(client, paused, 'Runtime.evaluate', { expression: 'debugger' });
      leave(client, waiting, 'Runtime.evaluate', { expression: 'new Promise(()=>{})', awaitPromise: true });
      await client.send('Page.enable', {}, talking.sessionId);
      leave(client, talking, 'Runtime.evaluate', { expression: 'alert(1)' });
      leave(client, loading, 'Page.navigate', { url: `http://127.0.0.1:${server.port}/` });
      const stuck = await unaware.newPage();
      for (const [whose, which] of [
        [client, page],
        [unaware, stuck],
      ] as const) {
        leave(whose, which, 'Runtime.evaluate', { expression: 'for(;;){}' });
      }
      const { params } = await client.waitFor(isHung, 'Mux.pageHung');
      expect(params).toMatchObject({ targetId: page.targetId, action: 'tell' });
      expect(params!['pendingMs']).toBeGreaterThanOrEqual(HANG);
      await eventually(() => mux.told('page.hung').length === 2, { within: 30_000, what: 'both pages' });
      expect(await evaluate(other, otherPage, '6*7')).toBe(42);
      // all others were looked at as often by the time that a further page is found
      const later = await client.newPage();
      leave(client, later, 'Runtime.evaluate', { expression: 'for(;;){}' });
      await client.until(() => client.received.filter(isHung).length > 1, 'the second page');
      const told = client.received.filter(isHung).map(({ params: what }) => what!['targetId']);
      expect(told).toEqual([page.targetId, later.targetId]);
      expect([other, unaware].flatMap(({ received }) => received.filter(isHung))).toEqual([]);
      const { body } = await mux.mux.metricsText();
      expect(body).toMatch(/^cdpmux_pages_hung_total\{action="tell"\} 3$/m);
      await server.close();
    },
    LONG,
  );

  it(
    'is freed of its script, where that is the policy, and works on',
    async () => {
      const mux = await start('terminate');
      const client = await clientOf(mux);
      const page = await client.newPage();
      leave(client, page, 'Runtime.evaluate', { expression: 'for(;;){}' });
      await client.waitFor(isHung);
      await answerOf(client);
      expect(await evaluate(client, page, '6*7')).toBe(42);
    },
    LONG,
  );
});

describe('a page that crashes', () => {
  it(
    'is counted with its virtual browser and its Chrome',
    async () => {
      const { mux, wsUrl } = await start('tell');
      const [client, other] = [
        await CdpClient.connect(`${wsUrl}?label.name=one`),
        await CdpClient.connect(`${wsUrl}?label.name=other`),
      ];
      const page = await client.newPage();
      leave(client, page, 'Page.navigate', { url: 'chrome://crash' });
      await client.waitFor(({ method }) => method === 'Inspector.targetCrashed', 'the crash');
      const crashesOf = (name: string) =>
        mux.virtualBrowsers().find(({ labels }) => labels['name'] === name)?.crashes;
      await eventually(() => crashesOf('one') === 1, { what: 'the count' });
      expect([crashesOf('other'), mux.browsers()[0]!.crashes]).toEqual([0, 1]);
      expect((await mux.metricsText()).body).toMatch(/^cdpmux_pages_crashed_total 1$/m);
      await other.newPage();
    },
    LONG,
  );
});

/** A server that takes connections and says nothing. */
async function silentServer(): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
