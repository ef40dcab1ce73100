import type { VirtualBrowserReport } from '../../src/index.js';
import type { Operator } from './operator.js';

/** How often is looked unless told otherwise, ms: a unit takes several times as long. */
const EVERY = 100;

/** Where a unit's virtual browser was. */
export interface Place {
  readonly browser: string;
  readonly connection: string;
}

/** Looks again and again which unit is on which browser, by the label that each gives itself. */
export class Sightings {
  readonly #operator: Operator;
  readonly #every: number;
  readonly #places = new Map<number, Place>();
  /** A unit that was seen in two places: a virtual browser never moves. */
  readonly moved: string[] = [];
  #looking: Promise<void> | undefined;
  #state: 'looking' | 'stopped' = 'stopped';

  constructor(operator: Operator, every = EVERY) {
    this.#operator = operator;
    this.#every = every;
  }

  of(unit: number): Place | undefined {
    return this.#places.get(unit);
  }

  start(): void {
    this.#state = 'looking';
    this.#looking = this.#lookOn();
    // `stop` hears of it; when the chaos ends by another error, that one is to be told.
    this.#looking.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    await this.#looking;
  }

  async look(): Promise<void> {
    for (const one of await this.#operator.virtualBrowsers()) this.#saw(one);
  }

  async #lookOn(): Promise<void> {
    while (this.#state === 'looking') {
      await this.look();
      await new Promise((resolve) => setTimeout(resolve, this.#every));
    }
  }

  #saw({ labels, browser, connection, id }: VirtualBrowserReport): void {
    // others beside the units: they are nobody's to judge
    if (labels['unit'] === undefined) return;
    const unit = Number(labels['unit']);
    const before = this.#places.get(unit);
    if (before && before.browser !== browser) {
      this.moved.push(`unit ${unit} (${id}) was on ${before.browser}, then on ${browser}`);
    }
    this.#places.set(unit, { browser, connection });
  }
}
