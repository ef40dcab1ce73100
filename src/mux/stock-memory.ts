import type { Upstream } from '../cdp/upstream.js';
import { proportionalMemory } from '../chrome/proc.js';

/** What is taken for it until it is known, and where it can't be: for a remote Chrome, and without /proc. MB. */
const ASSUMED_MB = 64;
/** How often it is measured, ms. */
const INTERVAL = 60_000;
/** A virtual browser that is kept ready has so many pages, and each has a process of its own. */
const PROCESSES = 2;

/** What one that is kept ready takes of memory: that of the processes which came into Chrome while it was made. */
export class StockMemory {
  readonly #upstream: Upstream;
  readonly #isHere: boolean;
  #mb = ASSUMED_MB;
  #measuredAt = -Infinity;

  /** `isHere`: the Chrome's processes are this machine's. */
  constructor(upstream: Upstream, isHere: boolean) {
    this.#upstream = upstream;
    this.#isHere = isHere;
  }

  /** Of one, MB. */
  get mb(): number {
    return this.#mb;
  }

  /** To be called before one is made, where that is due; the function it gives when all of it is there. Both never fail. */
  begin(): () => Promise<void> {
    const now = performance.now();
    if (!this.#isHere || now - this.#measuredAt < INTERVAL) return () => Promise.resolve();
    this.#measuredAt = now;
    const before = this.#renderers();
    // One that does not come about asks for nothing more.
    before.catch(() => undefined);
    return () => this.#measure(before).catch(() => undefined);
  }

  async #measure(before: Promise<ReadonlySet<number>>): Promise<void> {
    const known = await before;
    const added = [...(await this.#renderers())].filter((pid) => !known.has(pid));
    // Where a client had a page made meanwhile, nobody can tell whose they are.
    if (added.length !== PROCESSES) return;
    let bytes = 0;
    for (const pid of added) bytes += (await proportionalMemory(pid)) ?? NaN;
    if (bytes > 0) this.#mb = bytes / 2 ** 20;
  }

  async #renderers(): Promise<ReadonlySet<number>> {
    const { processInfo } = await this.#upstream.request('SystemInfo.getProcessInfo', undefined, '');
    return new Set(processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id));
  }
}
