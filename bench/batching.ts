import type { RunningCdpmux } from './cdpmux.js';
import { Random } from './chaos/random.js';
import { percentile, ratios, median, type Figure } from './figures.js';
import {
  burstyArrivals,
  closedLoop,
  openLoop,
  openPage,
  poissonArrivals,
  type BenchPage,
  type LoadResult,
} from './arrivals.js';
import { alone } from './pool/figure.js';
import { cpuSeconds } from './process-cost.js';
import { bucketBelow, scrape } from './scrape.js';

/** The default, and the fixed windows that it is judged against. */
export const ways = [
  { name: 'adaptive', settings: [] },
  { name: 'fixed 0 (each command at once)', settings: ['batch.enabled=false'] },
  ...[1, 5, 50].map((ms) => ({
    name: `fixed ${ms} ms`,
    settings: [`batch.window=${ms}ms`],
  })),
] as const;

/** Never worse than the best fixed window by more. */
const TOLERANCE = 1.05;
const CLIENTS = 20;

/** A load, and what of it is judged. */
interface Load {
  readonly name: string;
  readonly judged: 'p50' | 'throughput';
  run(pages: readonly BenchPage[], ms: number, round: number): Promise<LoadResult>;
}

const loads: readonly Load[] = [
  { name: '1 client, 1 at a time', judged: 'p50', run: (pages, ms) => closedLoop(pages.slice(0, 1), 1, ms) },
  {
    name: '1 client, 64 at a time',
    judged: 'throughput',
    run: (pages, ms) => closedLoop(pages.slice(0, 1), 64, ms),
  },
  {
    name: '20 clients, 1 at a time each',
    judged: 'throughput',
    run: (pages, ms) => closedLoop(pages, 1, ms),
  },
  {
    name: '20 clients, Poisson, 1000 a second',
    judged: 'p50',
    run: (pages, ms, round) => openLoop(pages, poissonArrivals(1_000, ms, new Random(round))),
  },
  {
    name: '20 clients, bursts of 16, 1000 a second',
    judged: 'p50',
    run: (pages, ms, round) => openLoop(pages, burstyArrivals(16, 1_000, ms, new Random(round))),
  },
];

/** One way, running. */
interface Side {
  readonly name: string;
  readonly cdpmux: RunningCdpmux;
  readonly pages: readonly BenchPage[];
}

/** What the batching suite is given. */
export interface BatchingOptions {
  readonly start: (settings: readonly string[]) => Promise<RunningCdpmux>;
  readonly rounds: number;
  /** How long each load is on each side in a round, ms. */
  readonly slice: number;
}

/** The default way of gathering writes against fixed windows, in turns, and what it does to waits and to the number of writes. */
export async function batching({ start, rounds, slice }: BatchingOptions): Promise<Figure[]> {
  const sides: Side[] = [];
  for (const { name, settings } of ways) {
    const cdpmux = await start(settings);
    const pages: BenchPage[] = [];
    for (let i = 0; i < CLIENTS; i++) pages.push(await openPage(cdpmux.wsUrl));
    sides.push({ name, cdpmux, pages });
  }
  const [adaptive] = sides;
  const figures: Figure[] = [];
  for (const load of loads) {
    const values = new Map<Side, number[]>(sides.map((side) => [side, []]));
    const work = new Map<Side, { cpu: number; commands: number }>(
      sides.map((side) => [side, { cpu: 0, commands: 0 }]),
    );
    for (const side of sides) await load.run(side.pages, slice, 0);
    const before = await scrape(adaptive!.cdpmux.url);
    for (let round = 1; round <= rounds; round++) {
      // whoever comes first meets what the round before left behind
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const cpuBefore = await cpuSeconds(side.cdpmux.pid);
        const { latency, perSecond } = await load.run(side.pages, slice, round);
        const sum = work.get(side)!;
        sum.cpu += (await cpuSeconds(side.cdpmux.pid)) - cpuBefore;
        sum.commands += latency.totalCount;
        values.get(side)!.push(load.judged === 'p50' ? percentile(latency, 50) * 1_000 : perSecond);
      }
    }
    const after = await scrape(adaptive!.cdpmux.url);
    figures.push(...judged(load, sides, values), ...costs(load, before, after));
    for (const side of sides) {
      const { cpu, commands } = work.get(side)!;
      figures.push(
        alone(
          'batching',
          `${load.name}: CPU of cdpmux for 1000 commands, ${side.name}`,
          'ms',
          (cpu / commands) * 1e6,
        ),
      );
    }
  }
  for (const { pages } of sides) for (const { client } of pages) client.close();
  return figures;
}

function judged({ name, judged }: Load, sides: readonly Side[], values: Map<Side, number[]>): Figure[] {
  const [adaptive, ...fixed] = sides.map((side) => ({ name: side.name, values: values.get(side)! }));
  const isLatency = judged === 'p50';
  const best = fixed.reduce((a, b) => (median(a.values) < median(b.values) === isLatency ? a : b));
  return fixed.map((one) => ({
    suite: 'batching',
    name: `${name}: ${judged}; direct: ${one.name}${one === best ? ' (the best fixed one)' : ''}`,
    unit: isLatency ? 'µs' : 'commands/s',
    direct: median(one.values),
    cdpmux: median(adaptive!.values),
    ratio: ratios(adaptive!.values, one.values),
    ...(one === best && {
      target: isLatency
        ? { of: 'ratio', relation: '<=', value: TOLERANCE }
        : { of: 'ratio', relation: '>=', value: Number((1 / TOLERANCE).toFixed(3)) },
    }),
    series: { direct: one.values, cdpmux: adaptive!.values },
  }));
}

function costs(
  { name }: Load,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Figure[] {
  const grown = (sample: string): number => (after.get(sample) ?? 0) - (before.get(sample) ?? 0);
  const each = grown('cdp_batch_size_count') / grown('cdp_batch_size_sum');
  const wait = bucketBelow('cdpmux_batch_wait_seconds', 0.99, before, after) * 1e6;
  const isDeep = name.includes('64 at a time');
  return [
    alone(
      'batching',
      `${name}: writes per command`,
      '',
      each,
      isDeep ? { relation: '<=', value: 0.2 } : undefined,
    ),
    alone('batching', `${name}: wait for others added by adaptive, p99 at most`, 'µs', wait),
  ];
}
