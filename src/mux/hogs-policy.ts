/** A thread that could run for so much of the time is in a loop, or as good as. */
const ALWAYS = 0.9;
/** For so long it must have been so, ms: loading a page takes the processor, too. */
const LONG = 3_000;
/** One that could run for less of the time is none any more, and for so long, ms. */
const SELDOM = 0.3;
const CALM = 5_000;
/** Somebody waits for a processor for so much of the time: less is chance. */
const PRESSURE = 0.1;

/** Whether others are kept waiting: for so many of so many ms somebody waited for a processor. */
export function isContended(waited: number, elapsed: number): boolean {
  return waited > PRESSURE * elapsed;
}

/** How busy the busiest thread of a process is, and since when it has been as busy, or as calm, as it is. */
export class Busyness {
  #alwaysSince: number | undefined;
  #calmSince: number | undefined;

  /** The busiest thread could run for that share of the time since the last look; `now` in ms. */
  add(share: number, now: number, elapsed: number): void {
    // It began with the time that was looked at.
    this.#alwaysSince = share >= ALWAYS ? (this.#alwaysSince ?? now - elapsed) : undefined;
    this.#calmSince = share <= SELDOM ? (this.#calmSince ?? now - elapsed) : undefined;
  }

  isHog(now: number): boolean {
    return this.#alwaysSince !== undefined && now - this.#alwaysSince >= LONG;
  }

  isCalm(now: number): boolean {
    return this.#calmSince !== undefined && now - this.#calmSince >= CALM;
  }
}
