/** Numbers from 0 to 1, the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** The one of a list at a part (0 to 1) of it; undefined of an empty one. */
export function at<T>(list: readonly T[], part: number): T | undefined {
  return list[Math.min(list.length - 1, Math.floor(part * list.length))];
}
