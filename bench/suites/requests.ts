import { median, quantile, ratios, singleRatio, type Figure } from '../figures.js';
import { batched, cluster, connectEach, hasBatch, launchEach, pooled, TITLE, type Way } from '../requests.js';
import { openSite } from '../site.js';
import type { Suite } from '../suite.js';
import { watchTree, type Tree, type TreeCost } from '../tree-cost.js';

/** Requests at a time where throughput is measured. */
const PARALLEL = 20;

/** Requests of each way before the first that counts: a pool runs for weeks, and until then V8 runs most of it unoptimised. */
const WARM_UP = 50;

/** A request that needs a page: a Chrome for each, a connection for each, pooled, pooled and batched. */
export const requestsSuite: Suite = {
  name: 'requests',
  measures:
    "goto + title on a page of one's own: a Chrome for each, one Chrome, puppeteer-cluster, cdpmux, Mux.batch",
  flags: { crowds: { default: '5', help: `requests: how often ${PARALLEL} come at a time` } },
  async run(run) {
    const site = await openSite();
    run.closers.add(() => site.close());
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux(['stock.enabled=true'])];
    const { executable } = run;
    const launched = await launchEach(executable, site.url);
    const ours = pooled(cdpmux, site.url);
    const others = [
      connectEach(direct, site.url),
      await cluster(executable, site.url, PARALLEL),
      ...((await hasBatch(cdpmux.url)) ? [batched(cdpmux, site.url)] : []),
    ];
    const ways = [launched, ours, ...others];
    for (const way of ways) run.closers.add(() => way.close());
    const times = await latencies(ways, run.number('rounds'));
    // what else runs beneath this process is not launched for a request
    const rest = ways.flatMap(({ tree }) => tree.roots).filter((pid) => pid !== process.pid);
    const treeOf = (way: Way): Tree => (way === launched ? { ...way.tree, without: rest } : way.tree);
    const loads = await underLoad(ways, treeOf, run.number('crowds'));
    const most = executable.kind === 'shell' ? 0.2 : 0.25;
    return ways
      .filter((way) => way !== launched)
      .flatMap((way) => {
        const isOurs = way.name.startsWith('cdpmux');
        return [
          ...latencyFigures(way.name, times.get(launched)!, times.get(way)!, isOurs ? most : undefined),
          ...loadFigures(way.name, loads.get(launched)!, loads.get(way)!, isOurs),
        ];
      });
  },
};

async function latencies(ways: readonly Way[], rounds: number): Promise<Map<Way, number[]>> {
  const times = new Map(ways.map((way) => [way, [] as number[]]));
  for (let round = -WARM_UP; round < rounds; round++) {
    // whoever comes first meets what the round before left behind
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      await way.rest?.();
      const start = performance.now();
      await serve(way);
      if (round >= 0) times.get(way)!.push(performance.now() - start);
    }
  }
  return times;
}

/** What a way did with many requests at a time. */
interface Load extends TreeCost {
  /** Requests per second. */
  readonly rates: readonly number[];
}

async function underLoad(
  ways: readonly Way[],
  treeOf: (way: Way) => Tree,
  rounds: number,
): Promise<Map<Way, Load>> {
  const rates = new Map(ways.map((way) => [way, [] as number[]]));
  const crowd = (way: Way): Promise<unknown> =>
    Promise.all(Array.from({ length: PARALLEL }, () => serve(way)));
  for (let round = 0; round < rounds; round++) {
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      await way.rest?.();
      const start = performance.now();
      await crowd(way);
      rates.get(way)!.push((PARALLEL * 1_000) / (performance.now() - start));
    }
  }
  const loads = new Map<Way, Load>();
  for (const way of ways) {
    await way.rest?.();
    // by itself, since looking takes time; what is made ready for the next ones is done for these
    const work = crowd(way).then(() => way.rest?.());
    loads.set(way, { rates: rates.get(way)!, ...(await watchTree(treeOf(way), work)) });
  }
  return loads;
}

async function serve(way: Way): Promise<void> {
  const title = await way.request();
  if (title !== TITLE) throw new Error(`${way.name} brought ${JSON.stringify(title)} for a title`);
}

function latencyFigures(name: string, before: number[], after: number[], most?: number): Figure[] {
  const mean = (values: number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const figure = (what: string, of: (values: number[]) => number): Figure => ({
    suite: 'requests',
    name: `${name}: ${what}; direct: a Chrome launched for each`,
    unit: 'ms',
    direct: of(before),
    cdpmux: of(after),
    ratio: singleRatio(of(after) / of(before)),
    ...(most !== undefined && { target: { of: 'ratio', relation: '<=', value: most } }),
    series: { direct: before, cdpmux: after },
  });
  return [
    { ...figure('p50', median), ratio: ratios(after, before) },
    figure('average', mean),
    figure('P95', (values) => quantile(values, 0.95)),
    figure('P99', (values) => quantile(values, 0.99)),
  ];
}

function loadFigures(name: string, before: Load, after: Load, isOurs: boolean): Figure[] {
  const figure = (what: string, unit: string, one: readonly number[], other: readonly number[]): Figure => ({
    suite: 'requests',
    name: `${name}: ${PARALLEL} at a time${what}; direct: a Chrome launched for each`,
    unit,
    direct: median(one),
    cdpmux: median(other),
    ratio: ratios(other, one),
    series: { direct: one, cdpmux: other },
  });
  const thousand = ({ cpu }: Load): number[] => [(cpu / PARALLEL) * 1_000];
  return [
    {
      ...figure('', 'requests/s', before.rates, after.rates),
      ...(isOurs && { target: { of: 'ratio', relation: '>=', value: 3 } }),
    },
    figure(', CPU time for 1000', 's', thousand(before), thousand(after)),
    figure(', most memory', 'MB', [before.peak], [after.peak]),
  ];
}
