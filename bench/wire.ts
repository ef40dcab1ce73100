import type { Histogram } from 'hdr-histogram-js';

import { durations, median, percentile, ratios, record, singleRatio } from './figures.js';
import type { Figure, Series, Target } from './figures.js';
import { cpuSeconds, peakMemory } from './process-cost.js';
import { RawClient } from './raw-client.js';
import { atRateFigures, noneAtRate, takeAtRate, WholeCost, wholeFigures, type AtRate } from './wire-load.js';

/** A page and the socket over which it is reached. */
interface Side {
  readonly client: RawClient;
  readonly sessionId: string;
  readonly latency: Histogram;
  readonly p50: number[];
  readonly p99: number[];
  readonly throughput: number[];
  readonly large: number[];
  /** Of the process in between; undefined where there is none, or nobody asked. */
  readonly pid: number | undefined;
  /** What it did and used while 64 were on their way. */
  readonly work: { commands: number; cpu: number };
  readonly atRate: AtRate;
  /** Of Chrome and what is in front; undefined where nobody asked. */
  whole: WholeCost | undefined;
}

const DEPTH = 64;
const LARGE_BYTES = 1e7;
const SMALL = '{"expression":"1"}';
const LARGE = `{"expression":"'x'.repeat(${LARGE_BYTES})","returnByValue":true}`;
/** A round measures one thing for so long on each side, ms: short, so that a change in the machine's load meets both. */
const SLICE = 60;
/** Slices for each large result, which takes as long as several of them. */
const SLICES = 3;

/** Something else in front of the direct Chrome. */
export interface Control {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** What cdpmux is to reach beside it: the ratio of latency one at a time, and that of CPU time. */
  readonly reach?: { readonly p50?: number; readonly cpu?: number };
}

/** What the wire suite is given. */
export interface WireOptions {
  readonly directUrl: string;
  readonly cdpmuxUrl: string;
  /** What else stands in front of the direct Chrome, by name, as controls: they pass bytes on and know no CDP. */
  readonly controls?: readonly Control[];
  /** The direct Chrome's process and cdpmux's, where their costs are to be measured. */
  readonly directPid?: number;
  readonly cdpmuxPid?: number;
  readonly seconds: number;
}

/** Latency one at a time, throughput at a depth of 64, and a large result, of `Runtime.evaluate` in a page. */
export async function wire(options: WireOptions): Promise<Figure[]> {
  const sides: Side[] = [];
  try {
    const controls = options.controls ?? [];
    sides.push(await open(options.directUrl), await open(options.cdpmuxUrl, options.cdpmuxPid));
    for (const { url, pid } of controls) sides.push(await open(url, pid));
    const [direct, cdpmux, ...others] = sides;
    if (!direct || !cdpmux) throw new Error('two sides are needed');
    for (const side of sides) await warmUp(side);
    await lookAtWhole(options, direct, cdpmux, others);
    const end = performance.now() + options.seconds * 1000;
    let round = 0;
    do {
      // whoever comes first meets what the round before left behind
      sides.reverse();
      for (let i = 0; i < SLICES; i++) {
        for (const side of sides) await latency(side);
        for (const side of sides) await throughput(side);
      }
      round++;
      for (const side of sides) await takeAtRate(side, side.atRate, round);
      for (const side of sides) await large(side);
    } while (performance.now() < end);
    return [
      ...(await compare(direct, cdpmux)),
      ...(
        await Promise.all(others.map((other, index) => compare(direct, other, controls[index]?.name)))
      ).flat(),
      ...(await Promise.all(others.map((other, index) => beside(cdpmux, other, controls[index]!)))).flat(),
    ];
  } finally {
    for (const { client } of sides) client.close();
  }
}

async function open(url: string, pid?: number): Promise<Side> {
  const client = await RawClient.connect(url);
  const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', {
    targetId,
    flatten: true,
  });
  return {
    client,
    sessionId,
    latency: durations(),
    p50: [],
    p99: [],
    throughput: [],
    large: [],
    pid,
    work: { commands: 0, cpu: 0 },
    atRate: noneAtRate(),
    whole: undefined,
  };
}

/** From now on what each side takes is counted; by now all its processes are there. */
async function lookAtWhole(
  { directPid, cdpmuxPid }: WireOptions,
  direct: Side,
  cdpmux: Side,
  others: readonly Side[],
): Promise<void> {
  if (directPid === undefined || cdpmuxPid === undefined) return;
  direct.whole = await WholeCost.of([directPid]);
  cdpmux.whole = await WholeCost.of([cdpmuxPid]);
  for (const side of others) side.whole = await WholeCost.of([directPid, side.pid ?? directPid]);
}

async function warmUp(side: Side): Promise<void> {
  await pump(side, 500);
  for (let i = 0; i < 200; i++) await evaluate(side, SMALL);
  await evaluate(side, LARGE);
}

function evaluate({ client, sessionId }: Side, params: string): Promise<Buffer> {
  return client.wait((done) => client.send('Runtime.evaluate', params, sessionId, done));
}

async function latency(side: Side): Promise<void> {
  const slice = durations();
  const end = performance.now() + SLICE;
  for (let start = performance.now(); start < end;) {
    await evaluate(side, SMALL);
    const now = performance.now();
    record(slice, now - start);
    start = now;
  }
  side.p50.push(percentile(slice, 50));
  side.p99.push(percentile(slice, 99));
  side.latency.add(slice);
}

async function throughput(side: Side): Promise<void> {
  const { pid, work: own } = side;
  const before = pid === undefined ? 0 : await cpuSeconds(pid);
  const work = (): ReturnType<typeof pump> => pump(side, SLICE);
  const { commands, perSecond } = await (side.whole ? side.whole.during(work) : work());
  side.throughput.push(perSecond);
  if (pid === undefined) return;
  own.cpu += (await cpuSeconds(pid)) - before;
  own.commands += commands;
}

/** Keeps 64 commands on their way for that long; gives the commands per second until the last reply. */
function pump({ client, sessionId }: Side, ms: number): Promise<{ commands: number; perSecond: number }> {
  return client.wait((done) => {
    const start = performance.now();
    let sent = 0;
    let answered = 0;
    const send = (): void => {
      sent++;
      client.send('Runtime.evaluate', SMALL, sessionId, onReply);
    };
    const onReply = (): void => {
      answered++;
      const elapsed = performance.now() - start;
      if (elapsed < ms) send();
      else if (answered === sent) done({ commands: answered, perSecond: (answered / elapsed) * 1000 });
    };
    for (let i = 0; i < DEPTH; i++) send();
  });
}

async function large(side: Side): Promise<void> {
  const start = performance.now();
  const { length } = await evaluate(side, LARGE);
  if (length < LARGE_BYTES) throw new Error(`the large result has ${length} bytes only`);
  side.large.push(LARGE_BYTES / 1e3 / (performance.now() - start));
}

async function compare(direct: Side, other: Side, control?: string): Promise<Figure[]> {
  const note = control === undefined ? '' : ` (${control} for cdpmux)`;
  const figure = (
    name: string,
    unit: string,
    values: readonly [direct: number, other: number],
    series: Series,
    target?: Omit<Target, 'of'>,
  ): Figure => ({
    suite: 'wire',
    name: `${name}${note}`,
    unit,
    direct: values[0],
    cdpmux: values[1],
    ratio: ratios(series.cdpmux, series.direct),
    ...(control === undefined && target && { target: { of: 'ratio', ...target } }),
    series,
  });
  const latencies = (percent: 50 | 99, target?: Omit<Target, 'of'>): Figure => {
    const key = `p${percent}` as const;
    const inMicroseconds = (values: readonly number[]): number[] => values.map((ms) => ms * 1000);
    const pooled = [direct, other].map(({ latency }) => percentile(latency, percent) * 1000);
    const series = { direct: inMicroseconds(direct[key]), cdpmux: inMicroseconds(other[key]) };
    return figure(`${key}, one at a time`, 'µs', [pooled[0] ?? NaN, pooled[1] ?? NaN], series, target);
  };
  const speeds = (name: string, unit: string, key: 'throughput' | 'large', value: number): Figure => {
    const series = { direct: direct[key], cdpmux: other[key] };
    return figure(name, unit, [median(series.direct), median(series.cdpmux)], series, {
      relation: '>=',
      value,
    });
  };
  return [
    latencies(50, { relation: '<=', value: 1.35 }),
    latencies(99),
    speeds('throughput, 64 at a time', 'commands/s', 'throughput', 0.95),
    speeds('result of 10 MB', 'MB/s', 'large', 1),
    ...atRateFigures(direct.atRate, other.atRate, note),
    ...(direct.whole && other.whole ? await wholeFigures(direct.whole, other.whole, note) : []),
  ];
}

/** cdpmux beside a control: latency, throughput, and what each process took. */
async function beside(cdpmux: Side, other: Side, { name, reach }: Control): Promise<Figure[]> {
  const figure = (
    what: string,
    unit: string,
    values: readonly [other: number, cdpmux: number],
    ratio: Figure['ratio'],
    most?: number,
  ): Figure => ({
    suite: 'wire',
    name: `${what}; direct: ${name}`,
    unit,
    direct: values[0],
    cdpmux: values[1],
    ratio,
    ...(most !== undefined && { target: { of: 'ratio', relation: '<=', value: most } }),
  });
  const p50s = [percentile(other.latency, 50) * 1000, percentile(cdpmux.latency, 50) * 1000] as const;
  const speeds = [median(other.throughput), median(cdpmux.throughput)] as const;
  const figures = [
    figure('p50, one at a time', 'µs', p50s, ratios(cdpmux.p50, other.p50), reach?.p50),
    figure('throughput, 64 at a time', 'commands/s', speeds, ratios(cdpmux.throughput, other.throughput)),
  ];
  if (cdpmux.pid === undefined || other.pid === undefined) return figures;
  const costs = [other, cdpmux].map(({ work }) => (work.cpu / work.commands) * 1e6);
  const peaks = [await peakMemory(other.pid), await peakMemory(cdpmux.pid)];
  for (const [what, unit, [one = NaN, own = NaN], most] of [
    ['CPU time of the process for 1000 commands, 64 at a time', 'ms', costs, reach?.cpu],
    ['most resident memory of the process', 'MB', peaks, undefined],
  ] as const) {
    figures.push(figure(what, unit, [one, own], singleRatio(own / one), most));
  }
  return figures;
}
