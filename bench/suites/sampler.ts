import { setTimeout as delay } from 'node:timers/promises';

import { timesOf, TICKS_PER_SECOND } from '../../src/chrome/resident.js';
import type { RunningCdpmux } from '../cdpmux.js';
import { Neighbours } from '../evict/neighbours.js';
import { singleRatio, type Figure } from '../figures.js';
import type { Suite, SuiteRun } from '../suite.js';
import { wire } from '../wire.js';

/** One after the other, so that the machine's load weighs on both alike. */
const ROUNDS = 4;

/** What watching memory costs: a cdpmux that does against one that does not. */
export const samplerSuite: Suite = {
  name: 'sampler',
  measures: 'what watching memory costs: a cdpmux without it (direct) against one with it',
  byNameOnly: true,
  async run(run) {
    const seconds = run.number('seconds');
    return [
      ...(await processorTime(run, { browsers: 1, each: 20 }, seconds)),
      ...(await processorTime(run, { browsers: 20, each: 1 }, seconds)),
      ...(await commands(run, seconds)),
    ];
  },
};

/** Of a core, in percent, of cdpmux itself, while each of 20 clients evaluates something every 20 ms. */
async function processorTime(
  run: SuiteRun,
  { browsers, each }: { readonly browsers: number; readonly each: number },
  seconds: number,
): Promise<Figure[]> {
  const settings = [
    `browsers.min=${browsers}`,
    `browsers.max=${browsers}`,
    `browsers.virtualPerBrowser=${each}`,
  ];
  const sides: { readonly cdpmux: RunningCdpmux; readonly shares: number[] }[] = [];
  const all: Neighbours[] = [];
  for (const enabled of [false, true]) {
    const cdpmux = await run.cdpmux([...settings, `memory.enabled=${enabled}`]);
    all.push(await Neighbours.start(cdpmux.wsUrl, browsers * each));
    sides.push({ cdpmux, shares: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { cdpmux, shares } of sides) {
      const before = ticksOf(cdpmux);
      const began = performance.now();
      await delay((seconds * 1_000) / ROUNDS);
      const ms = performance.now() - began;
      shares.push(((ticksOf(cdpmux) - before) / TICKS_PER_SECOND / ms) * 100_000);
    }
  }
  for (const neighbours of all) await neighbours.stop();
  const [off, on] = sides.map(({ shares }) => shares.reduce((sum, one) => sum + one, 0) / ROUNDS);
  for (const { cdpmux } of sides) await cdpmux.close();
  const name = `processor time of cdpmux, ${browsers} browsers with ${each} clients each`;
  const figure = { suite: 'sampler', unit: '% of a core', ratio: singleRatio(on! / off!) };
  return [
    { ...figure, name, direct: off!, cdpmux: on! },
    {
      ...figure,
      name: `${name}: the difference`,
      direct: NaN,
      cdpmux: on! - off!,
      ratio: singleRatio(NaN),
      target: { of: 'cdpmux', relation: '<=', value: 1 },
    },
  ];
}

/** The wire suite between the two. */
async function commands(run: SuiteRun, seconds: number): Promise<Figure[]> {
  const [off, on] = [await run.cdpmux(['memory.enabled=false']), await run.cdpmux()];
  const figures = await wire({ directUrl: off.wsUrl, cdpmuxUrl: on.wsUrl, seconds });
  return figures.map((figure) => {
    const { target: _of, ...rest } = figure;
    const isP50 = figure.name.startsWith('p50');
    const target = { of: 'ratio', relation: '<=', value: 1.03 } as const;
    return { ...rest, suite: 'sampler', ...(isP50 && { target }) };
  });
}

function ticksOf({ pid }: RunningCdpmux): number {
  return timesOf(pid)?.ticks ?? NaN;
}
