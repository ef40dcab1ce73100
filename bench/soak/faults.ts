import { setTimeout as delay } from 'node:timers/promises';

import { deeds, shares, type DeedName, type Stage } from '../chaos/deeds.js';
import { at, type Random } from '../chaos/random.js';

/** Between two faults there is up to so much time, ms: a Chrome that was lost takes seconds to be replaced. */
const LONGEST_GAP = 16_000;

const names = (Object.keys(shares) as DeedName[])
  // there is no remote Chrome
  .filter((name) => name !== 'cut an upstream')
  .flatMap((name) => Array<DeedName>(shares[name]).fill(name));

/** Does to a pool what may happen to one, in an order that the seed gives. */
export class Faults {
  readonly #stage: Stage;
  readonly #random: Random;
  /** How often each was done. */
  readonly done = new Map<DeedName, number>();
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
  }

  begin(): void {
    this.#stop = new AbortController();
    this.#running = this.#go(this.#stop.signal);
    // `end` hears of it
    this.#running.catch(() => undefined);
  }

  /** Ends them after the one that is being done: what was paused has been resumed then. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #go(signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(this.#random.next() * LONGEST_GAP, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const name = at(names, this.#random.next())!;
      const said = await deeds[name](this.#stage, this.#random.next());
      if (said !== undefined) this.done.set(name, (this.done.get(name) ?? 0) + 1);
    }
  }
}
