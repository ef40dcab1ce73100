/** Calls back when all that was begun has ended; who makes it counts as one that was begun. */
export class Countdown {
  readonly #done: () => void;
  #left = 1;

  constructor(done: () => void) {
    this.#done = done;
  }

  /** Begins one more, and gives what is to be called at its end. */
  more(): () => void {
    this.#left++;
    return () => this.one();
  }

  /** One has ended. */
  one(): void {
    if (--this.#left === 0) this.#done();
  }
}
