/** How long to wait before a failed launch is tried again, ms: at first, and in the end. */
const FIRST = 250;
const LAST = 30_000;

/** After a failure it waits; each further one doubles the wait, up to 30 s, and up to half of it is left to chance. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;
  #until = 0;
  #reason: Error | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What failed last; undefined after a success. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  failed(reason: Error, now: number): void {
    const wait = Math.min(LAST, FIRST * 2 ** this.#failures);
    this.#failures++;
    this.#reason = reason;
    this.#until = now + wait * (1 - this.#random() / 2);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = 0;
    this.#reason = undefined;
  }

  /** How long still, ms; 0 when it may be tried. */
  remaining(now: number): number {
    return Math.max(0, this.#until - now);
  }
}
