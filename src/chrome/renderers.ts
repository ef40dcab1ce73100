import { readdirSync } from 'node:fs';
import {
  argumentsOf,
  childrenOf,
  residentOf,
  ticksSinceBoot,
  timesOf,
  TICKS_PER_SECOND,
} from './resident.js';

/** One renderer process of a launched Chrome. */
export interface Renderer {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
  /** When it was started, by `performance.now`, to 10 ms. */
  readonly startedAt: number;
  /** Memory of its own at the last look, bytes. */
  own: number;
}

/** How long the processes that start renderers are taken to be the same, ms. */
const ZYGOTES_KEPT = 5_000;

/**
 * The renderer processes of a Chrome of this machine. Chrome starts them from few processes, the zygotes, whose children a look
 * reads: some 10 µs and 4 µs for each renderer, without a word to Chrome.
 */
export class Renderers {
  readonly #browserPid: number;
  readonly #all = new Map<number, Renderer>();
  #zygotes: { readonly pids: readonly number[]; readonly at: number } = { pids: [], at: -Infinity };

  constructor(browserPid: number) {
    this.#browserPid = browserPid;
  }

  get all(): Renderer[] {
    return [...this.#all.values()];
  }

  /** Reads who is there and what each holds; those that have ended are gone from `all` afterwards. */
  look(): void {
    const now = performance.now();
    if (now - this.#zygotes.at > ZYGOTES_KEPT) this.#zygotes = { pids: this.#findZygotes(), at: now };
    const seen = new Set<number>();
    for (const zygote of this.#zygotes.pids) {
      for (const pid of childrenOf(zygote)) if (this.#read(pid, now)) seen.add(pid);
    }
    for (const pid of this.#all.keys()) if (!seen.has(pid)) this.#all.delete(pid);
  }

  #read(pid: number, now: number): boolean {
    const known = this.#all.get(pid);
    const resident = residentOf(pid);
    if (resident === undefined) return false;
    if (known) {
      known.own = resident.own;
      return true;
    }
    // What has only been forked off is called like its zygote for a moment.
    if (!argumentsOf(pid).includes('--type=renderer')) return false;
    const times = timesOf(pid);
    if (times === undefined) return false;
    const age = ((ticksSinceBoot() - times.startTime) / TICKS_PER_SECOND) * 1_000;
    const { startTime } = times;
    this.#all.set(pid, { pid, startTime, startedAt: now - age, own: resident.own });
    return true;
  }

  #findZygotes(): number[] {
    const found: number[] = [];
    const lookBelow = (pids: readonly number[]): void => {
      for (const pid of pids) {
        if (!argumentsOf(pid).includes('--type=zygote')) continue;
        found.push(pid);
        lookBelow(childrenOf(pid));
      }
    };
    for (const thread of threadsOf(this.#browserPid)) lookBelow(childrenOf(this.#browserPid, thread));
    return found;
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}
