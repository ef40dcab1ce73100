/** What is to be looked at again after so many ms, or not at all. */
export type Look = (now: number) => number | undefined;

/** Who is due may be looked at when this part of its delay is over. */
const EARLIEST = 0.5;

/** Between these one is to be looked at, by `performance.now`. */
interface Due {
  readonly earliest: number;
  readonly latest: number;
}

/** One timer for all that is looked at: waking up costs more than a look, so whoever is soon due is looked at with whoever is due. */
export class Rounds {
  readonly #due = new Map<Look, Due>();
  #timer: NodeJS.Timeout | undefined;
  /** When the timer is set to, by `performance.now`. */
  #at = Infinity;

  /** Whether one is looked at. */
  has(look: Look): boolean {
    return this.#due.has(look);
  }

  /** Looks at one within so many ms, and again as it says. */
  add(look: Look, within: number): void {
    this.#arm(this.#dueIn(look, within, performance.now()));
  }

  /** Looks at it no more. */
  delete(look: Look): void {
    this.#due.delete(look);
    if (this.#due.size > 0) return;
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }

  /** Gives when that is at the latest. */
  #dueIn(look: Look, delay: number, now: number): number {
    this.#due.set(look, { earliest: now + delay * EARLIEST, latest: now + delay });
    return now + delay;
  }

  #arm(latest: number): void {
    if (latest >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = latest;
    this.#timer = setTimeout(() => this.#go(), Math.max(0, latest - performance.now())).unref();
  }

  #go(): void {
    this.#at = Infinity;
    let next = Infinity;
    for (const [look, { earliest, latest }] of [...this.#due]) {
      const now = performance.now();
      if (now < earliest) {
        next = Math.min(next, latest);
        continue;
      }
      const delay = look(now);
      if (delay === undefined) this.#due.delete(look);
      else if (this.#due.has(look)) next = Math.min(next, this.#dueIn(look, delay, now));
    }
    if (this.#due.size > 0) this.#arm(next);
  }
}
