import { afterEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { areToldApart, endOf, HealthArena, ready, until } from './support/health-arena.js';
import { renderersOf, ticksOf, zygotesOf } from './support/renderers.js';

const LONG = 180_000;

const arena = new HealthArena();
afterEach(() => arena.close());

describe('a browser that is ill', () => {
  it(
    'is taken back without a loss, where it was only slow to answer',
    async () => {
      const cdpmux = await arena.start({ 'browsers.min': 1, 'browsers.max': 1 }, { timeout: 10_000 });
      const [client] = await arena.clientsOf(cdpmux, 1);
      const [{ id, pid }] = ready(cdpmux) as unknown as [{ id: string; pid: number }];
      process.kill(pid, 'SIGSTOP');
      await until('an open circuit', () => cdpmux.told('browser.health-open', id).length > 0, 30_000);
      process.kill(pid, 'SIGCONT');
      await until('a closed circuit', () => cdpmux.told('browser.health-closed', id).length > 0);
      expect(await client!.works()).toBe(42);
      expect(cdpmux.told('browser.lost')).toEqual([]);
      const report = cdpmux.mux.browsers().find((one) => one.id === id);
      expect(report).toMatchObject({ state: 'ready', health: 'closed' });
    },
    LONG,
  );

  it(
    'is found, where it is a remote one that was stopped, and served again when it goes on',
    async () => {
      const [one, other] = [await arena.chrome(), await arena.chrome()];
      const cdpmux = await arena.start({ 'browsers.upstreams': `${one.url},${other.url}` });
      const clients = await arena.clientsOf(cdpmux, 6);
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint?.startsWith(one.url))!;
      process.kill(one.pid, 'SIGSTOP');
      await endOf(cdpmux, victim.id);
      await areToldApart(clients, victim.id);
      process.kill(one.pid, 'SIGCONT');
      await until('both browsers', () => ready(cdpmux).length === 2, 60_000);
    },
    LONG,
  );

  it(
    'is found behind a connection that was cut',
    async () => {
      const [one, other] = [await arena.chrome(), await arena.chrome()];
      const relay = await arena.relayTo(one);
      const cdpmux = await arena.start({ 'browsers.upstreams': `${relay.wsUrl},${other.wsUrl}` });
      const clients = await arena.clientsOf(cdpmux, 6);
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint === relay.wsUrl)!;
      relay.cut();
      await endOf(cdpmux, victim.id);
      await areToldApart(clients, victim.id);
      await until('both browsers', () => ready(cdpmux).length === 2, 60_000);
      // one that came back is given the few that the other has too many
      const [newcomer] = await arena.clientsOf(cdpmux, 1);
      expect(await newcomer!.works()).toBe(42);
    },
    LONG,
  );

  it(
    'is ejected, where it answers slowly, for longer each time, and comes back when it is quick',
    async () => {
      const [slow, quick] = [await arena.chrome(), await arena.chrome()];
      const relay = await arena.relayTo(slow);
      const upstreams = [relay.wsUrl, quick.wsUrl, quick.wsUrl.replace('127.0.0.1', 'localhost')];
      const cdpmux = await arena.start({ 'browsers.upstreams': upstreams.join(',') }, { interval: 100 });
      const [client] = await arena.clientsOf(cdpmux, 1);
      relay.delay = 400;
      const victim = cdpmux.mux.browsers().find(({ endpoint }) => endpoint === relay.wsUrl)!;
      const ejections = () => cdpmux.told('browser.health-open', victim.id);
      await until('an ejection', () => ejections().length > 0);
      expect(ejections()[0]!.message).toMatch(
        /round trip takes \d+ ms, more than 5 times that of the others/,
      );
      const newcomers = await arena.clientsOf(cdpmux, 6);
      expect(newcomers.map(({ browser }) => browser)).not.toContain(victim.id);
      await until('a second ejection', () => ejections().length > 1, 30_000);
      relay.delay = 0;
      const isClosed = () => ready(cdpmux).every(({ health }) => health === 'closed');
      await until('its return', isClosed, 60_000);
      expect(await client!.works()).toBe(42);
      expect(cdpmux.told('browser.lost')).toEqual([]);
    },
    LONG,
  );

  it(
    'is believed to be well, where most of the pool looks ill at once',
    async () => {
      const cdpmux = await arena.start({ 'browsers.min': 3, 'browsers.max': 3 }, { timeout: 4_000 });
      await until('three browsers', () => ready(cdpmux).length === 3, 30_000);
      const clients = await arena.clientsOf(cdpmux, 3);
      const pids = ready(cdpmux).map(({ pid }) => pid!);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      await until('a doubt', () => cdpmux.told('pool.health-doubted').length > 0, 20_000);
      for (const pid of pids) process.kill(pid, 'SIGCONT');
      await until('belief', () => cdpmux.told('pool.health-believed').length > 0, 20_000);
      await until('closed circuits', () => ready(cdpmux).every(({ health }) => health === 'closed'));
      await areToldApart(clients, 'nobody');
      expect(cdpmux.told('browser.lost')).toEqual([]);
    },
    LONG,
  );

  it(
    'is replaced, where it answers and can open no page',
    async () => {
      const short = { pageInterval: 200, timeout: 1_500 };
      const cdpmux = await arena.start({ 'browsers.min': 1, 'browsers.max': 2 }, short);
      const [client] = await arena.clientsOf(cdpmux, 1);
      const victim = ready(cdpmux)[0]!;
      // no new renderer comes from a zygote that does not run
      for (const pid of await zygotesOf(victim.pid!)) process.kill(pid, 'SIGSTOP');
      await until('an open circuit', () => cdpmux.told('browser.health-open', victim.id).length > 0, 60_000);
      const [{ message }] = cdpmux.told('browser.health-open', victim.id) as unknown as [{ message: string }];
      expect(message).toMatch(
        /a blank page could not be made: no answer to Runtime.evaluate in a blank page/,
      );
      const newcomer = await CdpClient.connect(cdpmux.wsUrl);
      await newcomer.newPage();
      const isLeaving = () =>
        cdpmux.mux.browsers().every(({ id, state }) => id !== victim.id || state !== 'ready');
      await until('its draining', isLeaving, 60_000);
      await client!.client.close();
      await until('its end', () => ticksOf(victim.pid!) === undefined, 30_000);
      expect(await renderersOf(victim.pid!)).toEqual([]);
    },
    LONG,
  );
});
