import { median, ratios, type Figure } from '../figures.js';
import { startLink } from '../link-relay.js';
import { batched, connectEach, hasBatch, pooled, TITLE, type Way } from '../requests.js';
import { openSite } from '../site.js';
import type { Suite, SuiteRun } from '../suite.js';

/** Fast enough that only the delay counts. */
const RATE = 1e9;
const WINDOW = 6 * 1024 * 1024;

/** A request over a long way, which lies before cdpmux or behind it. */
export const wanSuite: Suite = {
  name: 'wan',
  measures:
    'goto + title with a round trip of --wan ms between client and cdpmux, and between cdpmux and Chrome (a fifth of --rounds)',
  flags: { wan: { default: '0,10,50,100', help: 'wan: round trips, ms' } },
  async run(run) {
    const figures: Figure[] = [];
    const site = await openSite();
    run.closers.add(() => site.close());
    for (const roundTrip of run.numbers('wan')) figures.push(...(await over(run, roundTrip, site.url)));
    return figures;
  },
};

async function over(run: SuiteRun, roundTrip: number, site: string): Promise<Figure[]> {
  const link = { delay: roundTrip / 2, rate: RATE, window: WINDOW };
  const direct = await run.direct();
  const near = await run.cdpmux();
  const toChrome = await startLink(direct.wsUrl, link);
  run.closers.add(() => toChrome.close());
  const toCdpmux = await startLink(near.wsUrl, link);
  run.closers.add(() => toCdpmux.close());
  const far = await run.cdpmux([`browsers.upstreams=${toChrome.wsUrl}`, 'browsers.min=0', 'browsers.max=0']);
  const plain = connectEach({ ...direct, wsUrl: toChrome.wsUrl }, site);
  const ways = [
    { where: 'client to cdpmux', way: pooled({ wsUrl: toCdpmux.wsUrl, pid: near.pid }, site) },
    { where: 'cdpmux to Chrome', way: pooled({ wsUrl: far.wsUrl, pid: far.pid }, site) },
    ...((await hasBatch(near.url))
      ? [
          {
            where: 'client to cdpmux, Mux.batch',
            way: batched({ wsUrl: toCdpmux.wsUrl, pid: near.pid }, site),
          },
          { where: 'cdpmux to Chrome, Mux.batch', way: batched({ wsUrl: far.wsUrl, pid: far.pid }, site) },
        ]
      : []),
  ];
  const all = [plain, ...ways.map(({ way }) => way)];
  const times = new Map(all.map((way) => [way, [] as number[]]));
  const rounds = Math.max(5, Math.round(run.number('rounds') / 5));
  for (let round = -1; round < rounds; round++) {
    // whoever comes first meets what the round before left behind
    for (const way of round % 2 === 0 ? all : all.toReversed()) {
      const took = await timeOf(way);
      if (round >= 0) times.get(way)!.push(took);
    }
  }
  for (const one of [far, toCdpmux, toChrome, near, direct]) await one.close();
  const before = times.get(plain)!;
  return ways.map(({ where, way }) => ({
    suite: 'wan',
    name: `${roundTrip} ms, ${where}: goto + title; direct: client to Chrome`,
    unit: 'ms',
    direct: median(before),
    cdpmux: median(times.get(way)!),
    ratio: ratios(times.get(way)!, before),
    series: { direct: before, cdpmux: times.get(way)! },
  }));
}

async function timeOf(way: Way): Promise<number> {
  const start = performance.now();
  if ((await way.request()) !== TITLE) throw new Error(`${way.name} did not bring the title`);
  return performance.now() - start;
}
