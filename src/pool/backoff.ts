/** How long to wait before a failed launch is tried again, ms: at first, and in the end. */
const FIRST = 250;
const LAST = 30_000;

/** After a failure it waits; each further one doubles the wait, up to 30 s, and up to half of it is left to chance. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;
  #failedLaunches = 0;
  #hadAccident = false;
  #until = 0;
  #failedAt = 0;
  #reason: Error | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What failed last; undefined after a success. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Launches that failed in a row; one that came up and died later is none of them. */
  get failedLaunches(): number {
    return this.#failedLaunches;
  }

  /** It did not come up. */
  failed(reason: Error, now: number): void {
    this.#failedLaunches++;
    this.#wait(reason, FIRST * 2 ** this.#failures, now);
  }

  /** It came up, and died soon: the first time is an accident, and its successor may come at once. */
  diedSoon(reason: Error, now: number): void {
    if (!this.#hadAccident) this.#hadAccident = true;
    else this.#wait(reason, FIRST * 2 ** this.#failures, now);
  }

  /** It came up. */
  succeeded(): void {
    this.#failedLaunches = 0;
    this.#until = 0;
    this.#reason = undefined;
  }

  /** What was launched at `launchedAt` stayed up: failures before that don't count any more, later ones do. */
  settled(launchedAt: number): void {
    if (launchedAt < this.#failedAt) return;
    this.#failures = 0;
    this.#hadAccident = false;
    this.#reason = undefined;
  }

  /** How long still, ms; 0 when it may be tried. */
  remaining(now: number): number {
    return Math.max(0, this.#until - now);
  }

  #wait(reason: Error, wait: number, now: number): void {
    this.#failures++;
    this.#failedAt = now;
    this.#reason = reason;
    this.#until = now + Math.min(LAST, wait) * (1 - this.#random() / 2);
  }
}
