import { afterEach, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../proxy/config.js';
import { ejectionTime, isOutlier, isPanic, mayEject, slowStart } from '../src/mux/health/policy.js';
import { CdpClient } from './support/cdp-client.js';
import { areToldApart, endOf, HealthArena, ready, until } from './support/health-arena.js';
import { ticksOf } from './support/renderers.js';

const LONG = 120_000;
/** Commands that Chrome needs seconds for. */
const FLOOD = 40_000;
const LENGTH = 10_000;

const arena = new HealthArena();
afterEach(() => arena.close());

describe('a browser that answers no more (all that befalls one: npm run health)', () => {
  it(
    'is found and replaced, where it was launched; others in the pool feel nothing',
    async () => {
      const cdpmux = await arena.start({ 'browsers.min': 2, 'browsers.max': 3 });
      await until('two browsers', () => ready(cdpmux).length === 2, 30_000);
      const clients = await arena.clientsOf(cdpmux, 6);
      const victim = ready(cdpmux)[0]!;
      expect(new Set(clients.map(({ browser }) => browser === victim.id)).size).toBe(2);
      process.kill(victim.pid!, 'SIGSTOP');
      await until('a circuit that is open', () => cdpmux.told('browser.health-open', victim.id).length > 0);
      // given nobody from here on, while it may still come back
      const newcomers = await arena.clientsOf(cdpmux, 3);
      expect(newcomers.map(({ browser }) => browser)).not.toContain(victim.id);
      const { message } = await endOf(cdpmux, victim.id);
      expect(message).toMatch(/failed health checks: no answer to Browser.getVersion within 1000 ms/);
      await areToldApart([...clients, ...newcomers], victim.id);
      await until('a successor', () => ready(cdpmux).length >= 2, 30_000);
      await until('the end of the process', () => ticksOf(victim.pid!) === undefined, 15_000);
      const { body } = await cdpmux.mux.metricsText();
      expect(body).toMatch(/^cdpmux_health_transitions_total\{to="open"\} [1-9]/m);
    },
    LONG,
  );

  it(
    'is given clients again when a reload ends the checks',
    async () => {
      const cdpmux = await arena.start({ 'browsers.min': 1, 'browsers.max': 1 });
      const victim = ready(cdpmux)[0]!;
      const { health } = loadConfig({});
      cdpmux.mux.feed.listen(({ type }) => {
        if (type === 'browser.health-open') cdpmux.mux.reconfigure({ health: { ...health, enabled: false } });
      });
      process.kill(victim.pid!, 'SIGSTOP');
      await until('a circuit that is open', () => cdpmux.told('browser.health-open', victim.id).length > 0);
      process.kill(victim.pid!, 'SIGCONT');
      const { barred, ...report } = cdpmux.mux.browsers()[0]!;
      expect({ barred, ...report }).toMatchObject({ barred: undefined, id: victim.id, health: 'closed' });
      const [client] = await arena.clientsOf(cdpmux, 1);
      expect([client!.browser, await client!.works()]).toEqual([victim.id, 42]);
    },
    LONG,
  );

  it(
    'is not taken for one, where it answers so many that the check waits behind them',
    async () => {
      const cdpmux = await arena.start(
        { 'browsers.min': 1, 'browsers.max': 1, 'limits.commandsPerSecond': 0, 'limits.pending': 1_000_000 },
        { timeout: 2_500, pageInterval: 1_000 },
      );
      const [busy] = ready(cdpmux) as unknown as [{ id: string }];
      const client = await CdpClient.connect(cdpmux.wsUrl);
      const { sessionId } = await client.newPage(`data:text/html,${'x'.repeat(LENGTH)}`);
      const answers = (): number => client.received.length;
      let id = 1_000_000;
      const flood = (count: number): void => {
        for (let n = 0; n < count; n++)
          client.raw(JSON.stringify({ id: id++, method: 'Page.getNavigationHistory', sessionId }));
      };
      const before = answers();
      flood(FLOOD);
      await until('all answers', () => answers() - before >= FLOOD, 90_000);
      expect(cdpmux.told('browser.lost')).toEqual([]);
      expect(cdpmux.told('browser.health-open', busy.id)).toEqual([]);
    },
    LONG,
  );

  it(
    'is found behind a network that lost its way',
    async () => {
      const [one, other] = [await arena.chrome(), await arena.chrome()];
      const relay = await arena.relayTo(one);
      const cdpmux = await arena.start({ 'browsers.upstreams': `${relay.wsUrl},${other.wsUrl}` });
      const clients = await arena.clientsOf(cdpmux, 6);
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint === relay.wsUrl)!;
      relay.silent = true;
      expect((await endOf(cdpmux, victim.id)).message).toMatch(/nor a WebSocket ping/);
      await areToldApart(clients, victim.id);
      relay.silent = false;
      await until('both browsers', () => ready(cdpmux).length === 2, 60_000);
    },
    LONG,
  );
});

describe('the policy of health checks', () => {
  it('takes for an outlier what is many times slower than the others, and not what is merely slower', () => {
    const others = [4, 5, 90];
    expect([26, 51, 400].map((one) => isOutlier(one, others, 5))).toEqual([false, true, true]);
    expect([400, 600].map((one) => isOutlier(one, [90, 110], 5))).toEqual([false, true]);
    expect(isOutlier(10_000, [], 5)).toBe(false);
  });

  it('ejects a share of the pool at most, one at least, and never the only one', () => {
    const allowed = (total: number): number =>
      [...Array(total).keys()].filter((ejected) => mayEject(ejected, total, 0.3)).length;
    expect([1, 2, 3, 6, 7, 10].map(allowed)).toEqual([0, 1, 1, 1, 2, 3]);
  });

  it('ejects for longer each time, up to five minutes', () => {
    expect([1, 2, 3, 4, 5].map((nth) => ejectionTime(nth, 10_000) / 1_000)).toEqual([30, 60, 120, 240, 300]);
  });

  it('doubts itself when more than the share of three or more look ill', () => {
    const cases = [
      [2, 2],
      [1, 3],
      [2, 3],
      [2, 4],
      [3, 4],
    ] as const;
    expect(cases.map(([ill, total]) => isPanic(ill, total, 0.5))).toEqual([false, false, true, false, true]);
  });

  it('lets one that came back start slowly', () => {
    expect([0, 15_000, 30_000, 60_000].map((age) => slowStart(age, 30_000))).toEqual([1, 0.5, 0, 0]);
    expect(slowStart(0, 0)).toBe(0);
  });
});
