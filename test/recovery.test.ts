import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

/** Longest wait for Chromes, ms. */
const PATIENCE = 60_000;

describe('when one of two Chromes is killed', () => {
  let cdpmux: TestCdpmux;

  beforeAll(async () => {
    cdpmux = await startCdpmux({ 'browsers.min': 2, 'browsers.max': 3, 'browsers.virtualPerBrowser': 20 });
  }, PATIENCE);
  afterAll(() => cdpmux.close());

  const ready = (): { id: string; pid?: number }[] =>
    cdpmux.mux.browsers().filter(({ state }) => state === 'ready');
  const usesOf = (browser: string): number =>
    cdpmux.mux.browsers().find(({ id }) => id === browser)?.uses ?? NaN;
  const until = (what: string, condition: () => boolean): Promise<void> =>
    eventually(condition, { within: PATIENCE, what });

  it(
    'its clients are told, the others stay, whoever comes is served, and there are two again',
    async () => {
      await until('two Chromes', () => ready().length === 2);
      const clients = new Map<string, CdpClient>();
      for (let nth = 0; nth < 10; nth++) {
        const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.nth=${nth}`);
        clients.set(String(nth), client);
      }
      const places = cdpmux.mux.virtualBrowsers();
      const [victim] = ready();
      const isLost = (nth: string): boolean =>
        places.find(({ labels }) => labels['nth'] === nth)?.browser === victim!.id;
      const lost = [...clients].filter(([nth]) => isLost(nth)).map(([, client]) => client);
      const others = [...clients].filter(([nth]) => !isLost(nth)).map(([, client]) => client);
      expect(lost.length).toBeGreaterThan(0);
      expect(others.length).toBeGreaterThan(0);

      // it answers nobody any more, and cdpmux does not know: some are let in when it goes
      process.kill(victim!.pid!, 'SIGSTOP');
      const used = usesOf(victim!.id);
      const coming = Promise.all(Array.from({ length: 10 }, () => CdpClient.connect(cdpmux.wsUrl)));
      await until('a newcomer on it', () => usesOf(victim!.id) > used);
      process.kill(victim!.pid!, 'SIGKILL');
      const newcomers = await coming;

      for (const newcomer of newcomers) {
        const { sessionId } = await newcomer.newPage();
        const { result } = await newcomer.send<{ result: object }>(
          'Runtime.evaluate',
          { expression: '6*7' },
          sessionId,
        );
        expect(result).toMatchObject({ value: 42 });
      }
      for (const client of lost) expect(await client.closed).toMatchObject({ code: 4502 });
      for (const client of others) await client.newPage();
      await until('two others', () => ready().filter(({ id }) => id !== victim!.id).length >= 2);
      await Promise.all([...others, ...newcomers].map((client) => client.close()));
      await until('all places free', () => cdpmux.mux.stats().virtualBrowsers === 0);
    },
    3 * PATIENCE,
  );
});
