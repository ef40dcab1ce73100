import { MB } from './judge.js';
import type { MemoryLimits } from './settings.js';

/** So many looks make a line. */
const LOOKS = 8;

/** The latest sizes of one, and when it meets its next limit if it goes on like this. */
export class Trend {
  readonly #times: number[] = [];
  readonly #sizes: number[] = [];

  /** Adds a size, bytes; in how many ms the next limit is met, Infinity where it does not grow or is past both. */
  add(now: number, held: number, { softLimitMb, hardLimitMb }: MemoryLimits): number {
    this.#times.push(now);
    this.#sizes.push(held);
    if (this.#times.length > LOOKS) {
      this.#times.shift();
      this.#sizes.shift();
    }
    const next = [softLimitMb, hardLimitMb].find((limit) => limit > 0 && held < limit * MB);
    const rate = slopeOf(this.#times, this.#sizes);
    return next === undefined || rate <= 0 ? Infinity : (next * MB - held) / rate;
  }
}

/** The slope of the line that fits best (least squares); 0 with fewer than two points. */
export function slopeOf(xs: readonly number[], ys: readonly number[]): number {
  const count = xs.length;
  const [meanX, meanY] = [sum(xs) / count, sum(ys) / count];
  let [covariance, variance] = [0, 0];
  for (const [at, x] of xs.entries()) {
    covariance += (x - meanX) * (ys[at]! - meanY);
    variance += (x - meanX) ** 2;
  }
  return variance === 0 || count < 2 ? 0 : covariance / variance;
}

function sum(all: readonly number[]): number {
  return all.reduce((total, one) => total + one, 0);
}
