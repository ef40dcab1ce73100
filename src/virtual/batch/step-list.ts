import type { BatchRequest } from './batch-request.js';

/** Which steps of a batch can be sent: each needs others to be done first. */
export class StepList {
  /** By step: how many it still waits for. */
  readonly #missing: number[];
  /** By step: those that wait for it. */
  readonly #dependents: number[][];
  readonly #ready: number[] = [];
  #next = 0;

  constructor({ steps, parallel }: BatchRequest) {
    this.#dependents = steps.map(() => []);
    this.#missing = steps.map(({ needs }, index) => {
      const before = parallel || index === 0 ? needs : [...needs, index - 1];
      const all = new Set(before);
      for (const need of all) this.#dependents[need]!.push(index);
      if (all.size === 0) this.#ready.push(index);
      return all.size;
    });
  }

  /** Whether one can be sent now. */
  get hasReady(): boolean {
    return this.#next < this.#ready.length;
  }

  take(): number {
    return this.#ready[this.#next++]!;
  }

  /** A step is done: those that waited for nothing else can be sent. */
  done(index: number): void {
    for (const dependent of this.#dependents[index]!) {
      this.#missing[dependent]!--;
      if (this.#missing[dependent] === 0) this.#ready.push(dependent);
    }
  }
}
