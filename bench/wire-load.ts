import type { Histogram } from 'hdr-histogram-js';

import { openLoop, poissonArrivals, type BenchPage } from './arrivals.js';
import { Random } from './chaos/random.js';
import { durations, percentile, ratios, singleRatio, type Figure } from './figures.js';
import { cpuSeconds, peakMemory } from './process-cost.js';
import { processTree } from './resident.js';

/** Commands a second that come whether or not earlier ones are answered. */
const RATE = 1_000;
/** How long they come in a round, ms. */
const SLICE = 120;

/** Latency of one side at a fixed rate, counted from when a command was due. */
export interface AtRate {
  readonly latency: Histogram;
  /** Of each round, ms. */
  readonly p50: number[];
}

/** One with nothing in it. */
export function noneAtRate(): AtRate {
  return { latency: durations(), p50: [] };
}

/** One slice; the same arrivals on all sides of a round. */
export async function takeAtRate(
  page: Pick<BenchPage, 'client' | 'sessionId'>,
  into: AtRate,
  round: number,
): Promise<void> {
  const { latency } = await openLoop([page], poissonArrivals(RATE, SLICE, new Random(round + 1)));
  into.p50.push(percentile(latency, 50));
  into.latency.add(latency);
}

/** cdpmux, or what stands in its place, beside the direct Chrome. */
export function atRateFigures(direct: AtRate, other: AtRate, note: string): Figure[] {
  return [50, 99, 99.9].map((percent) => {
    const [before, after] = [direct, other].map(({ latency }) => percentile(latency, percent) * 1_000);
    return {
      suite: 'wire',
      name: `p${percent}, ${RATE} a second as they come${note}`,
      unit: 'µs',
      direct: before!,
      cdpmux: after!,
      ratio: percent === 50 ? ratios(other.p50, direct.p50) : singleRatio(after! / before!),
    };
  });
}

/** What all processes of one side have used: Chrome's, and of what stands in front of it. */
export class WholeCost {
  readonly #pids: readonly number[];
  #cpu = 0;
  #commands = 0;

  private constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  /** Of these processes and all beneath them, as they are now. */
  static async of(roots: readonly number[]): Promise<WholeCost> {
    return new WholeCost([...(await processTree(roots))]);
  }

  /** Counts the commands that `work` says it did, and the CPU time meanwhile. */
  async during<T extends { readonly commands: number }>(work: () => Promise<T>): Promise<T> {
    const before = await this.#used();
    const done = await work();
    this.#cpu += (await this.#used()) - before;
    this.#commands += done.commands;
    return done;
  }

  /** CPU seconds for 1,000 commands. */
  get perThousand(): number {
    return (this.#cpu / this.#commands) * 1_000;
  }

  /** The most resident memory that each process has had, all together, MB: what they share is counted in each. */
  async peak(): Promise<number> {
    const each = await Promise.all(this.#pids.map((pid) => peakMemory(pid).catch(() => 0)));
    return each.reduce((sum, mb) => sum + mb, 0);
  }

  async #used(): Promise<number> {
    const each = await Promise.all(this.#pids.map((pid) => cpuSeconds(pid).catch(() => 0)));
    return each.reduce((sum, seconds) => sum + seconds, 0);
  }
}

/** What the whole of one side took beside the direct Chrome. */
export async function wholeFigures(direct: WholeCost, other: WholeCost, note: string): Promise<Figure[]> {
  const figure = (name: string, unit: string, one: number, own: number): Figure => ({
    suite: 'wire',
    name: `${name}, Chrome included${note}`,
    unit,
    direct: one,
    cdpmux: own,
    ratio: singleRatio(own / one),
  });
  return [
    figure('CPU time for 1000 commands, 64 at a time', 's', direct.perThousand, other.perThousand),
    figure('most resident memory of all processes', 'MB', await direct.peak(), await other.peak()),
  ];
}
