import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { Operator } from '../chaos/operator.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import { median } from '../figures.js';
import type { Figure } from '../figures.js';
import { RawClient } from '../raw-client.js';
import { until } from '../until.js';
import { alone } from './figure.js';

/** What dies sooner after its launch counts as a launch that failed, ms: here it is the loss that is measured. */
const GROWN_UP = 11_000;
/** Clients that are there when it happens. */
const CLIENTS = 10;

/** What the recovery is measured with. */
export interface RecoveryOptions {
  readonly executable: ChromeExecutable;
  readonly rounds: number;
  readonly closers: Closers;
}

/** One of two Chromes is killed: how long until a client is served, and until there are two again. */
export async function recovery({ executable, rounds, closers }: RecoveryOptions): Promise<Figure[]> {
  const settings = ['browsers.min=2', 'browsers.max=2', 'browsers.virtualPerBrowser=25'];
  const cdpmux = await startCdpmux(executable, { settings });
  const close = closers.add(() => cdpmux.close());
  const operator = new Operator(cdpmux.url);
  const [served, told, back]: [number[], number[], number[]] = [[], [], []];
  try {
    for (let round = 0; round < rounds; round++) {
      const victim = await until('two browsers that are old enough', 60_000, async () => {
        const all = (await operator.browsers()).filter(({ state }) => state === 'ready');
        const isReady = all.length === 2 && all.every(({ ageMs }) => ageMs > GROWN_UP);
        return isReady ? all[round % 2] : undefined;
      });
      const clients: RawClient[] = [];
      for (let i = 0; i < CLIENTS; i++) clients.push(await RawClient.connect(cdpmux.wsUrl));
      const onVictim = (await operator.virtualBrowsers()).filter(({ browser }) => browser === victim.id);
      if (onVictim.length === 0) throw new Error('no client was on the browser that was to be killed');
      const ends = clients.map((client) => client.ended);
      const start = performance.now();
      process.kill(victim.pid ?? -1, 'SIGKILL');
      const next = newClient(cdpmux.wsUrl).then(() => served.push(performance.now() - start));
      const end = Promise.race(ends).then(() => told.push(performance.now() - start));
      await until('two browsers', 60_000, async () => {
        const all = await operator.browsers();
        const isBack = all.filter(({ state, id }) => state === 'ready' && id !== victim.id).length === 2;
        return isBack ? true : undefined;
      });
      back.push(performance.now() - start);
      await Promise.all([next, end]);
      for (const client of clients) client.close();
    }
  } finally {
    await close();
  }
  const after = (what: string, values: readonly number[], most?: number): Figure[] => [
    alone('pool', `after kill -9 of one of two Chromes: ${what}, median`, 'ms', median(values)),
    alone(
      'pool',
      `after kill -9 of one of two Chromes: ${what}, longest of ${values.length}`,
      'ms',
      Math.max(...values),
      most === undefined ? undefined : { relation: '<=', value: most },
    ),
  ];
  return [
    ...after('its clients are told', told),
    ...after('the next client is served', served, 1_000),
    ...after('there are two again', back, 3_000),
  ];
}

/** Connects, and has a page of its own answer. */
async function newClient(wsUrl: string): Promise<void> {
  const client = await RawClient.connect(wsUrl);
  const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  await client.request('Runtime.evaluate', { expression: '1' }, sessionId);
  client.close();
}
