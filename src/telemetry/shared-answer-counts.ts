import { Counter, type Registry } from 'prom-client';

/** How often a command whose answer all may share was answered from memory. */
export class SharedAnswerCounts {
  #known = 0;
  #asked = 0;
  readonly #counter: Counter;

  constructor(registry: Registry) {
    this.#counter = new Counter({
      name: 'cdpmux_shared_answers_total',
      help: 'Commands since start whose answer is the same for everybody, by where it came from: memory or browser.',
      labelNames: ['from'],
      registers: [registry],
    });
  }

  /** One such command came: its answer was known, or Chrome was asked. */
  add(isKnown: boolean): void {
    if (isKnown) this.#known++;
    else this.#asked++;
  }

  /** Part of them, 0 to 1, that was answered from memory; 0 while there was none. */
  get hitRatio(): number {
    const all = this.#known + this.#asked;
    return all === 0 ? 0 : this.#known / all;
  }

  /** Writes them for a scrape. */
  write(): void {
    this.#counter.reset();
    this.#counter.inc({ from: 'memory' }, this.#known);
    this.#counter.inc({ from: 'browser' }, this.#asked);
  }
}
