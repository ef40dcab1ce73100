/** How often silence is looked for within the time that it may last. */
const LOOKS = 4;

/** What ends a client that is too long there, or silent for too long; 0 is no limit. */
export interface ClientTimes {
  /** Longest time without a frame in either direction, ms. */
  readonly idle: number;
  /** Longest time of this client, ms. */
  readonly timeout: number;
}

/** Watches the time of one client; what it costs for each frame is one assignment. */
export class TimeLimits {
  /** Set for every frame. */
  active = true;
  readonly #idle: number;
  readonly #onOver: (reason: string) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #quietLooks = 0;

  /** `onOver` is told why, in words for the WebSocket's close. */
  constructor({ idle, timeout }: ClientTimes, onOver: (reason: string) => void) {
    this.#idle = idle;
    this.#onOver = onOver;
    if (idle > 0) this.#timers.push(setInterval(this.#look, idle / LOOKS).unref());
    if (timeout > 0) {
      const over = (): void => onOver(`time limit: ${timeout} ms, as its timeout parameter asked for`);
      this.#timers.push(setTimeout(over, timeout).unref());
    }
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #look = (): void => {
    this.#quietLooks = this.active ? 0 : this.#quietLooks + 1;
    this.active = false;
    if (this.#quietLooks < LOOKS) return;
    this.#onOver(`idle: no CDP message either way for ${this.#idle} ms (raise limits.idle, 0 for no limit)`);
  };
}
