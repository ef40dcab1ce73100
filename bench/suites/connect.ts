import { fullStock } from '../full-stock.js';
import { median, quantile, ratios } from '../figures.js';
import { alone } from '../pool/figure.js';
import { RawClient } from '../raw-client.js';
import type { Suite } from '../suite.js';

/** Until what is done for each client has been done so often that it is compiled. */
const WARM_UP = 30;

/** From the opening of a WebSocket to its first answer. */
export const connectSuite: Suite = {
  name: 'connect',
  measures: 'opening a WebSocket until its first answer, with what is kept ready (twice --rounds)',
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux(['stock.enabled=true'])];
    const sides = [
      { url: direct.wsUrl, times: [] as number[] },
      { url: cdpmux.wsUrl, times: [] as number[] },
    ];
    for (let i = 0; i < WARM_UP; i++) for (const { url } of sides) await firstAnswer(url);
    const rounds = 2 * run.number('rounds');
    for (let round = 0; round < rounds; round++) {
      // whoever comes first meets what the round before left behind
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        await fullStock(cdpmux.url);
        side.times.push(await firstAnswer(side.url));
      }
    }
    const [before = [], after = []] = sides.map(({ times }) => times);
    const own = after.map((time, round) => time - (before[round] ?? NaN));
    const suite = 'connect';
    return [
      {
        suite,
        name: 'WebSocket to first answer, p50',
        unit: 'ms',
        direct: median(before),
        cdpmux: median(after),
        ratio: ratios(after, before),
        series: { direct: before, cdpmux: after },
      },
      alone(suite, "cdpmux's own part of it, p50", 'ms', median(own), { relation: '<=', value: 1.5 }),
      alone(suite, "cdpmux's own part of it, p90", 'ms', quantile(own, 0.9)),
    ];
  },
};

/** Milliseconds from the first packet of a connection to the answer of its first command. */
async function firstAnswer(url: string): Promise<number> {
  const start = performance.now();
  const client = await RawClient.connect(url);
  await client.request('Browser.getVersion');
  const took = performance.now() - start;
  client.close();
  await client.ended;
  return took;
}
