const MINUTE = 60_000;

/** Counts what may happen so many times within a minute. */
export class PerMinute {
  readonly #most: () => number;
  #times: number[] = [];

  constructor(most: () => number) {
    this.#most = most;
  }

  /** Takes one; false when it would be one too many. The time is in ms. */
  tryTake(now: number): boolean {
    this.#times = this.#times.filter((at) => now - at < MINUTE);
    if (this.#times.length >= this.#most()) return false;
    this.#times.push(now);
    return true;
  }
}
