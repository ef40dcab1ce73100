/** A thread that could run for so much of the time is in a loop, or as good as; the kernel tells of a wait when it is over. */
const ALWAYS = 0.8;
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

/** How busy the busiest thread of a process was lately. */
export class Busyness {
  /** The latest looks, as far back as it matters, the oldest first; ms. */
  readonly #looks: { readonly busy: number; readonly elapsed: number }[] = [];

  /** Its busiest thread was busy for so many of so many ms. */
  add(busy: number, elapsed: number): void {
    this.#looks.push({ busy, elapsed });
    while (this.#looks.slice(1).reduce((sum, one) => sum + one.elapsed, 0) >= CALM) this.#looks.shift();
  }

  get isHog(): boolean {
    return this.#share(LONG) >= ALWAYS;
  }

  get isCalm(): boolean {
    return this.#share(CALM) <= SELDOM;
  }

  /** Of the last so many ms; NaN while they are not over. */
  #share(span: number): number {
    let busy = 0;
    let elapsed = 0;
    for (const look of this.#looks.toReversed()) {
      if (elapsed >= span) break;
      busy += look.busy;
      elapsed += look.elapsed;
    }
    return elapsed >= span ? busy / elapsed : NaN;
  }
}
