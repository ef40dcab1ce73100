import { slopeOf } from '../../src/mux/memory/trend.js';

/** Sizes of so long make the fit, ms; with fewer nothing is foretold. */
const WINDOW = 6_000;
/** How much of the slope of all each half of it must have: a burst, and what has come to rest, do not. */
const STEADY = 0.5;
/** Below this part of the limit nothing is foretold: nearly all that starts grows at first. */
const NEAR = 0.7;
/** So many looks in a row must foretell it. */
const AGREEING = 3;
/** What falls to this part of its peak has collected garbage. */
const FALL = 0.75;
/** It is expected to do so again before it has passed that peak by so much. */
const PAST_PEAK = 1.1;

/**
 * Foretells from recent sizes when a limit will be met: by the line that fits them best (least squares), where both halves of it
 * grow alike, and not before it is larger than it was when it last fell.
 */
export class Forecast {
  readonly #times: number[] = [];
  readonly #sizes: number[] = [];
  #agreeing = 0;
  #peak = 0;
  /** The peak from which it fell last. */
  #fellFrom = 0;

  /** Adds a size at a time in ms; true when the limit, in the same unit, will be met within `horizon` ms. */
  add(now: number, size: number, limit: number, horizon: number): boolean {
    const [times, sizes] = [this.#times, this.#sizes];
    times.push(now);
    sizes.push(size);
    this.#peak = Math.max(this.#peak, size);
    if (size < this.#peak * FALL) {
      this.#fellFrom = this.#peak;
      this.#peak = size;
      // What was before says nothing of what comes.
      times.splice(0, times.length - 1);
      sizes.splice(0, sizes.length - 1);
    }
    while (times.length > 2 && now - times[1]! >= WINDOW) {
      times.shift();
      sizes.shift();
    }
    const mayBe = size > limit * NEAR && size > this.#fellFrom * PAST_PEAK;
    this.#agreeing = mayBe && this.#left(limit) <= horizon ? this.#agreeing + 1 : 0;
    return this.#agreeing >= AGREEING;
  }

  #left(limit: number): number {
    const [times, sizes] = [this.#times, this.#sizes];
    const [first = 0, last = 0] = [times[0], times.at(-1)];
    if (last - first < WINDOW) return Infinity;
    const slope = slopeOf(times, sizes);
    const middle = times.length >> 1;
    const halves = [
      slopeOf(times.slice(0, middle), sizes.slice(0, middle)),
      slopeOf(times.slice(middle), sizes.slice(middle)),
    ];
    if (slope <= 0 || halves.some((half) => half < slope * STEADY)) return Infinity;
    const now = average(sizes) + slope * (last - average(times));
    return (limit - now) / slope;
  }
}

function average(all: readonly number[]): number {
  return all.reduce((sum, one) => sum + one, 0) / all.length;
}
