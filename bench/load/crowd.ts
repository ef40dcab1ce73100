import { startCdpmux } from '../cdpmux.js';
import { quantile } from '../figures.js';
import { browsersOf, waitFor } from './api.js';
import { HoldingClient } from './client.js';
import { must, type Scenario } from './scenario.js';

/** What each client's page holds, MB. */
const HELD = 20;

/** So many Chromes, each with a client at a time, and so many checkouts in turn. */
export const crowd: Scenario = {
  name: 'browsers at once',
  async run({ executable, browsers, operations, softMb, hardMb, closers }) {
    const settings = [
      `browsers.min=${Math.min(5, browsers)}`,
      `browsers.max=${browsers}`,
      'browsers.virtualPerBrowser=1',
      `memory.softLimitMb=${softMb}`,
      `memory.hardLimitMb=${hardMb}`,
      'queue.maxLength=1000',
      'queue.timeout=2m',
    ];
    const cdpmux = await startCdpmux(executable, { settings });
    const close = closers.add(() => cdpmux.close());
    const first = await Promise.all(Array.from({ length: browsers }, () => HoldingClient.open(cdpmux.wsUrl)));
    await Promise.all(first.map((client) => client.hold(HELD)));
    let resident = 0;
    await waitFor('the size of all Chromes', async () => {
      const sizes = (await browsersOf(cdpmux.url)).map(({ memory }) => memory?.residentMb ?? 0);
      resident = Math.round(sizes.reduce((sum, one) => sum + one, 0));
      return sizes.filter((one) => one > 0).length === browsers;
    });
    for (const client of first) client.close();
    const times: number[] = [];
    const failures: string[] = [];
    let left = operations;
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const began = performance.now();
        try {
          const client = await HoldingClient.open(cdpmux.wsUrl);
          must((await client.hold(1)) === 1, 'a page held something before');
          client.close();
          times.push(performance.now() - began);
        } catch (error) {
          failures.push((error as Error).message);
        }
      }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: browsers }, worker));
    const seconds = (performance.now() - began) / 1_000;
    await close();
    must(failures.length === 0, `${failures.length} checkouts failed: ${failures[0]}`);
    return {
      browsers,
      served: `${times.length} of ${operations}`,
      medianMs: Math.round(quantile(times, 0.5)),
      p95Ms: Math.round(quantile(times, 0.95)),
      perSecond: Math.round(times.length / seconds),
      residentMb: resident,
    };
  },
};
