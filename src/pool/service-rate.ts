/** How many of the latest are looked at, and how far back, ms. */
const LATEST = 50;
const WINDOW = 60_000;
/** Longest time that anybody is told to stay away, s. */
const LONGEST = 60;

/** How fast places come free, for telling those who are refused when to come again. */
export class ServiceRate {
  readonly #freed: number[] = [];

  /** A place came free. */
  count(now: number): void {
    this.#freed.push(now);
    if (this.#freed.length > LATEST) this.#freed.shift();
  }

  /** When the one behind `waiting` others would be served, s: 1..60; 1 when nothing is known. */
  retryAfter(waiting: number, now: number): number {
    const recent = this.#freed.filter((at) => now - at <= WINDOW);
    const first = recent[0];
    if (first === undefined) return 1;
    const perSecond = recent.length / Math.max(1, (now - first) / 1_000);
    return Math.min(LONGEST, Math.max(1, Math.ceil((waiting + 1) / perSecond)));
  }
}
