import { median, percentile, ratios, type Figure } from '../figures.js';
import { Random } from '../chaos/random.js';
import { startJsonProxy } from '../json-proxy.js';
import {
  closedLoop,
  joinPage,
  openLoop,
  openPage,
  poissonArrivals,
  SMALL,
  type BenchPage,
  type LoadResult,
} from '../arrivals.js';
import type { Suite } from '../suite.js';

/** How long each thing is measured on each side in a round, ms. */
const SLICE = 150;
/** Pages at most; further clients join one of them. */
const PAGES = 20;

/** One thing that is measured. */
interface Thing {
  readonly name: string;
  readonly unit: 'commands/s' | 'µs' | 'MB/s';
  readonly clients: number;
  run(pages: readonly BenchPage[], round: number): Promise<number>;
}

/** Depths, sizes and numbers of clients, against a direct Chrome and a JSON.parse proxy. */
export const sweepSuite: Suite = {
  name: 'sweep',
  measures:
    'commands at depths of 1 to 256, answers of 100 B to 10 MB, 1 to 500 clients, latency at a fixed arrival rate',
  flags: { most: { default: '500', help: 'sweep: the largest number of clients' } },
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux(['limits.sessions=5000'])];
    const json = await startJsonProxy(direct.wsUrl);
    run.closers.add(() => json.close());
    const sides = [
      { url: direct.wsUrl, isMux: false, pages: [] as BenchPage[] },
      { url: cdpmux.wsUrl, isMux: true, pages: [] as BenchPage[] },
      { url: json.wsUrl, isMux: false, pages: [] as BenchPage[] },
    ] as const;
    run.closers.add(() => sides.forEach(({ pages }) => pages.forEach(({ client }) => client.close())));
    const figures: Figure[] = [];
    const rounds = Math.max(5, Math.round(run.number('rounds') / 5));
    for (const thing of things.filter(({ clients }) => clients <= run.number('most'))) {
      for (const { url, isMux, pages } of sides) await grow(pages, thing.clients, url, isMux);
      const [before, after, parsed] = [[], [], []] as [number[], number[], number[]];
      const turns = [
        [sides[0], before],
        [sides[1], after],
        [sides[2], parsed],
      ] as const;
      // the first of each is not counted
      for (let round = -1; round < rounds; round++) {
        for (const [side, values] of round % 2 === 0 ? turns : turns.toReversed()) {
          const value = await thing.run(side.pages.slice(0, thing.clients), round);
          if (round >= 0) values.push(value);
        }
      }
      figures.push(
        figureOf(thing, '', before, after),
        figureOf(thing, '; direct: a JSON.parse proxy', parsed, after),
      );
    }
    return figures;
  },
};

/** Pages for the first ones; whoever comes later joins one of those, through cdpmux by its name. */
async function grow(pages: BenchPage[], clients: number, url: string, isMux: boolean): Promise<void> {
  while (pages.length < clients) {
    const nth = pages.length;
    const own = isMux ? `${url}name/bench-${nth % PAGES}/` : url;
    const first = pages[nth % PAGES];
    pages.push(nth < PAGES || !first ? await openPage(own) : await joinPage(own, first.targetId));
  }
}

function figureOf({ name, unit }: Thing, against: string, before: number[], after: number[]): Figure {
  return {
    suite: 'sweep',
    name: `${name}${against}`,
    unit,
    direct: median(before),
    cdpmux: median(after),
    ratio: ratios(after, before),
    series: { direct: before, cdpmux: after },
  };
}

const perSecond = ({ perSecond }: LoadResult): number => perSecond;

function atDepth(depth: number): Thing {
  const name = `1 client, ${depth} at a time: throughput`;
  return {
    name,
    unit: 'commands/s',
    clients: 1,
    run: async (pages) => perSecond(await closedLoop(pages, depth, SLICE)),
  };
}

function ofSize(bytes: number, words: string): Thing {
  const params = `{"expression":"'x'.repeat(${bytes})","returnByValue":true}`;
  return {
    name: `answers of ${words}, one at a time`,
    unit: 'MB/s',
    clients: 1,
    run: async (pages) => (perSecond(await closedLoop(pages, 1, SLICE, params)) * bytes) / 1e6,
  };
}

function ofClients(clients: number): Thing {
  const name = `${clients} clients, 1 at a time each: throughput`;
  return {
    name,
    unit: 'commands/s',
    clients,
    run: async (pages) => perSecond(await closedLoop(pages, 1, SLICE, SMALL)),
  };
}

function atRate(rate: number, percent: number): Thing {
  return {
    name: `20 clients, ${rate} commands a second as they come: p${percent}`,
    unit: 'µs',
    clients: 20,
    run: async (pages, round) => {
      const { latency } = await openLoop(pages, poissonArrivals(rate, SLICE, new Random(round + 2)));
      return percentile(latency, percent) * 1_000;
    },
  };
}

const things: readonly Thing[] = [
  ...[1, 8, 64, 256].map(atDepth),
  ofSize(100, '100 B'),
  ofSize(10_000, '10 kB'),
  ofSize(1_000_000, '1 MB'),
  ofSize(10_000_000, '10 MB'),
  ofClients(20),
  atRate(1_000, 50),
  atRate(1_000, 99),
  ofClients(100),
  ofClients(500),
];
