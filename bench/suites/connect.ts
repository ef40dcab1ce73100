import { median, quantile, ratios } from '../figures.js';
import { alone } from '../pool/figure.js';
import { RawClient } from '../raw-client.js';
import type { Suite } from '../suite.js';

/** More than is awaited of any one, but less than shows what a busy machine does. */
const WARM_UP = 20;

/** From the opening of a WebSocket to its first answer. */
export const connectSuite: Suite = {
  name: 'connect',
  measures: 'opening a WebSocket until its first answer (ten times --rounds)',
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    const sides = [
      { url: direct.wsUrl, times: [] as number[] },
      { url: `${cdpmux.wsUrl}?initialPage=false`, times: [] as number[] },
    ];
    const rounds = 10 * run.number('rounds');
    for (let round = -WARM_UP; round < rounds; round++) {
      // whoever comes first meets what the round before left behind
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const start = performance.now();
        const client = await RawClient.connect(side.url);
        await client.request('Browser.getVersion');
        if (round >= 0) side.times.push(performance.now() - start);
        client.close();
        await client.ended;
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
