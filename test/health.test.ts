import { afterEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { startHealthCdpmux, TIMES, type HealthCdpmux } from './support/health-cdpmux.js';
import { startLossyRelay, type LossyRelay } from './support/lossy-relay.js';
import { evaluate } from './support/page.js';

/** Longest wait for what takes an interval and a timeout, ms: five times as long. */
const PATIENCE = 5 * (TIMES.interval + TIMES.timeout);
const LONG = 120_000;

describe('a browser that answers no more', () => {
  let lastClient = 0;
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const start = async (...args: Parameters<typeof startHealthCdpmux>): Promise<HealthCdpmux> => {
    const cdpmux = await startHealthCdpmux(...args);
    closers.push(() => cdpmux.close());
    return cdpmux;
  };
  const chrome = async (): Promise<DirectChrome> => {
    const direct = await startChrome();
    closers.push(() => direct.close());
    return direct;
  };
  const relayTo = async ({ wsUrl }: DirectChrome): Promise<LossyRelay> => {
    const relay = await startLossyRelay(wsUrl);
    closers.push(() => relay.close());
    return relay;
  };
  const ready = ({ mux }: HealthCdpmux) => mux.browsers().filter(({ state }) => state === 'ready');
  const until = (what: string, condition: () => boolean): Promise<void> =>
    eventually(condition, { within: PATIENCE, what });
  /** So many clients, each with a page, and which browser each is in. */
  const clientsOf = async ({ wsUrl, mux }: HealthCdpmux, count: number) => {
    const clients: { client: CdpClient; browser: string; works: () => Promise<unknown> }[] = [];
    for (let nth = 0; nth < count; nth++) {
      const name = String(++lastClient);
      const client = await CdpClient.connect(`${wsUrl}?label.name=${name}`);
      const page = await client.newPage();
      const { browser } = mux.virtualBrowsers().find(({ labels }) => labels['name'] === name)!;
      clients.push({ client, browser, works: () => evaluate(client, page, '6*7') });
    }
    return clients;
  };
  const isLostTo = async ({ client }: { client: CdpClient }): Promise<void> =>
    expect(await client.closed).toMatchObject({ code: 4502 });

  it(
    'is found and replaced, where it was launched; others in the pool feel nothing',
    async () => {
      const cdpmux = await start({ 'browsers.min': 2, 'browsers.max': 3 });
      await until('two browsers', () => ready(cdpmux).length === 2);
      const clients = await clientsOf(cdpmux, 8);
      const victim = ready(cdpmux)[0]!;
      const [lost, others] = [true, false].map((isVictims) =>
        clients.filter(({ browser }) => (browser === victim.id) === isVictims),
      ) as [typeof clients, typeof clients];
      expect([lost.length > 0, others.length > 0]).toEqual([true, true]);
      process.kill(victim.pid!, 'SIGSTOP');
      await until('a circuit that is open', () => cdpmux.told('browser.health-open', victim.id).length > 0);
      // given nobody from here on, while it may still come back
      const newcomers = await clientsOf(cdpmux, 4);
      for (const { browser } of newcomers) expect(browser).not.toBe(victim.id);
      await until('its end', () => cdpmux.told('browser.lost', victim.id).length > 0);
      await Promise.all(lost.map(isLostTo));
      for (const { works } of [...others, ...newcomers]) expect(await works()).toBe(42);
      const [event] = cdpmux.told('browser.lost', victim.id);
      expect(event!.message).toMatch(/failed health checks: no answer to Browser.getVersion within 1000 ms/);
      await until('a successor', () => ready(cdpmux).length >= 2);
      await eventually(() => !isAlive(victim.pid!), { within: 15_000, what: 'the end of the process' });
      const { body } = await cdpmux.mux.metricsText();
      expect(body).toMatch(/^cdpmux_health_transitions_total\{to="open"\} [1-9]/m);
    },
    LONG,
  );

  it(
    'is taken back without a loss, where it was only slow to answer',
    async () => {
      const cdpmux = await start({ 'browsers.min': 1, 'browsers.max': 1 }, { timeout: 10_000 });
      const [client] = await clientsOf(cdpmux, 1);
      const [victim] = ready(cdpmux);
      process.kill(victim!.pid!, 'SIGSTOP');
      await eventually(
        () => cdpmux.mux.browsers().some(({ id, health }) => id === victim!.id && health !== 'closed'),
        {
          within: 30_000,
          what: 'a circuit that is open',
        },
      );
      process.kill(victim!.pid!, 'SIGCONT');
      await until(
        'a circuit that is closed',
        () => cdpmux.told('browser.health-closed', victim!.id).length > 0,
      );
      expect(await client!.works()).toBe(42);
      expect(cdpmux.told('browser.lost')).toEqual([]);
      expect(cdpmux.mux.browsers().find(({ id }) => id === victim!.id)).toMatchObject({
        state: 'ready',
        health: 'closed',
      });
    },
    LONG,
  );

  it(
    'is found, where it is a remote one that was stopped, and served again when it goes on',
    async () => {
      const [one, other] = [await chrome(), await chrome()];
      const cdpmux = await start({ 'browsers.upstreams': `${one.url},${other.url}` });
      const clients = await clientsOf(cdpmux, 6);
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint?.startsWith(one.url))!;
      process.kill(one.pid, 'SIGSTOP');
      await until('its end', () => cdpmux.told('browser.lost', victim.id).length > 0);
      for (const each of clients) {
        if (each.browser === victim.id) await isLostTo(each);
        else expect(await each.works()).toBe(42);
      }
      process.kill(one.pid, 'SIGCONT');
      await eventually(() => ready(cdpmux).length === 2, { within: 60_000, what: 'both browsers' });
    },
    LONG,
  );

  it.each([
    ['a network that lost its way', (relay: LossyRelay) => (relay.silent = true), /nor a WebSocket ping/],
    ['a connection that was cut', (relay: LossyRelay) => relay.cut(), /closed|reset/i],
  ])(
    'is found behind %s',
    async (_, harm, reason) => {
      const [one, other] = [await chrome(), await chrome()];
      const relay = await relayTo(one);
      const cdpmux = await start({ 'browsers.upstreams': `${relay.wsUrl},${other.wsUrl}` });
      const clients = await clientsOf(cdpmux, 6);
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint === relay.wsUrl)!;
      expect(clients.some(({ browser }) => browser === victim.id)).toBe(true);
      harm(relay);
      await until('its end', () => cdpmux.told('browser.lost', victim.id).length > 0);
      for (const each of clients) {
        if (each.browser === victim.id) await isLostTo(each);
        else expect(await each.works()).toBe(42);
      }
      expect(cdpmux.told('browser.lost', victim.id)[0]!.message).toMatch(reason);
      relay.silent = false;
      await eventually(() => ready(cdpmux).length === 2, { within: 60_000, what: 'both browsers' });
    },
    LONG,
  );

  it(
    'is ejected, where it answers slowly, for longer each time, and comes back when it is quick',
    async () => {
      const chromes = [await chrome(), await chrome()];
      const relay = await relayTo(chromes[0]!);
      const upstreams = [relay.wsUrl, chromes[1]!.wsUrl, chromes[1]!.wsUrl.replace('127.0.0.1', 'localhost')];
      const cdpmux = await start({ 'browsers.upstreams': upstreams.join(',') }, { interval: 100 });
      const [client] = await clientsOf(cdpmux, 1);
      relay.delay = 400;
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint === relay.wsUrl)!;
      const ejections = () => cdpmux.told('browser.health-open', victim.id);
      await until('an ejection', () => ejections().length > 0);
      expect(ejections()[0]!.message).toMatch(
        /round trip takes \d+ ms, more than 5 times that of the others/,
      );
      for (const { browser } of await clientsOf(cdpmux, 6)) expect(browser).not.toBe(victim.id);
      await until('three ejections', () => ejections().length >= 3);
      const times = ejections().map(({ at }) => at);
      expect(times[2]! - times[1]!).toBeGreaterThan(1.5 * (times[1]! - times[0]! - 3 * 400));
      relay.delay = 0;
      await eventually(() => ready(cdpmux).every(({ health }) => health === 'closed'), {
        within: 60_000,
        what: 'its return',
      });
      expect(await client!.works()).toBe(42);
      expect(cdpmux.told('browser.lost')).toEqual([]);
    },
    LONG,
  );

  it(
    'is believed to be well, where most of the pool looks ill at once',
    async () => {
      const cdpmux = await start({ 'browsers.min': 3, 'browsers.max': 3 }, { timeout: 4_000 });
      await eventually(() => ready(cdpmux).length === 3, { within: 30_000, what: 'three browsers' });
      const clients = await clientsOf(cdpmux, 3);
      const pids = ready(cdpmux).map(({ pid }) => pid!);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      await eventually(() => cdpmux.told('pool.health-doubted').length > 0, {
        within: 20_000,
        what: 'a doubt',
      });
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      await eventually(() => cdpmux.told('pool.health-believed').length > 0, {
        within: 20_000,
        what: 'belief',
      });
      await eventually(() => ready(cdpmux).every(({ health }) => health === 'closed'), {
        what: 'closed circuits',
      });
      for (const { works } of clients) expect(await works()).toBe(42);
      expect(cdpmux.told('browser.lost')).toEqual([]);
    },
    LONG,
  );
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
