import type { Downstream } from './types.js';

/** Why a client is not read: bits, for there may be several reasons at a time. */
export const CHROME_IS_BEHIND = 1;
export const RATE = 2;
export const HELD = 4;

/** Stops reading from a client while there is a reason to. */
export class Valve {
  readonly #downstream: Downstream;
  #reasons = 0;

  constructor(downstream: Downstream) {
    this.#downstream = downstream;
  }

  isShutFor(reason: number): boolean {
    return (this.#reasons & reason) !== 0;
  }

  shut(reason: number): void {
    if (this.#reasons === 0) this.#downstream.pause();
    this.#reasons |= reason;
  }

  open(reason: number): void {
    if (this.#reasons === 0) return;
    this.#reasons &= ~reason;
    if (this.#reasons === 0) this.#downstream.resume();
  }
}
