import type { RateLimit } from './rate-limit.js';
import { RATE, type Valve } from './valve.js';

/** Each of these bytes count as one command more: Chrome's time for them grows alike. */
const BYTES_SHIFT = 14;
/** Reading stops for so long at least, ms: one timer for what comes in that time, and not for each message. */
const SHORTEST_PAUSE = 5;

/** How many commands a frame of so many bytes counts as. */
export function weightOf(bytes: number): number {
  return 1 + (bytes >> BYTES_SHIFT);
}

/**
 * Holds a client to its tenant's rate by not reading from it. Nothing is refused: commands wait in the client's own
 * socket, in their order, as they would in front of a slower Chrome, and no client has to know of the limit.
 */
export class Throttle {
  readonly #limit: RateLimit;
  readonly #valve: Valve;
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: RateLimit, valve: Valve) {
    this.#limit = limit;
    this.#valve = valve;
  }

  /** A frame came; what a paused socket had read already still comes, and makes the pause longer. */
  count(bytes: number): void {
    const wait = this.#limit.take(performance.now(), weightOf(bytes));
    if (wait === 0 || this.#timer !== undefined) return;
    this.#valve.shut(RATE);
    this.#timer = setTimeout(this.#onTimer, Math.max(SHORTEST_PAUSE, wait));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #onTimer = (): void => {
    this.#timer = undefined;
    const wait = this.#limit.wait(performance.now());
    if (wait > 0) this.#timer = setTimeout(this.#onTimer, Math.max(SHORTEST_PAUSE, wait));
    else this.#valve.open(RATE);
  };
}
