import { threadsOf } from './cpu.js';
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

/** How long the other processes are taken to be the same, ms. */
const OTHERS_KEPT = 15_000;

/**
 * The renderer processes of a Chrome of this machine. Chrome starts them from few processes, the zygotes, whose children a look
 * reads: some 10 µs and 4 µs for each renderer, without a word to Chrome.
 */
export class Renderers {
  readonly #browserPid: number;
  readonly #all = new Map<number, Renderer>();
  /** Children of zygotes that are something else. */
  readonly #notRenderers = new Set<number>();
  /** Processes that start renderers, and those that are neither: Chrome's own, for graphics, network, … */
  #others: { readonly zygotes: readonly number[]; readonly helpers: readonly number[]; readonly at: number } =
    {
      zygotes: [],
      helpers: [],
      at: -Infinity,
    };

  constructor(browserPid: number) {
    this.#browserPid = browserPid;
  }

  get all(): Renderer[] {
    return [...this.#all.values()];
  }

  /** Reads who is there and what each holds; those that have ended are gone from `all` afterwards. */
  look(): void {
    const now = performance.now();
    if (now - this.#others.at > OTHERS_KEPT) {
      this.#others = { ...this.#findOthers(), at: now };
      // Their numbers may be others' by now.
      this.#notRenderers.clear();
    }
    const seen = new Set<number>();
    for (const zygote of this.#others.zygotes) {
      for (const pid of childrenOf(zygote)) if (this.#read(pid, now)) seen.add(pid);
    }
    for (const pid of this.#all.keys()) if (!seen.has(pid)) this.#all.delete(pid);
  }

  /** Memory of all Chrome's processes, bytes; pages that they share are counted once, as in the largest of them. */
  resident(): number {
    let own = 0;
    let shared = 0;
    const { helpers, zygotes } = this.#others;
    for (const pid of new Set([...helpers, ...zygotes, ...this.#all.keys()])) {
      const resident = residentOf(pid);
      own += resident?.own ?? 0;
      shared = Math.max(shared, resident?.shared ?? 0);
    }
    return own + shared;
  }

  #read(pid: number, now: number): boolean {
    if (this.#notRenderers.has(pid)) return false;
    const known = this.#all.get(pid);
    const resident = residentOf(pid);
    if (resident === undefined) return false;
    if (known) {
      known.own = resident.own;
      return true;
    }
    // What has only been forked off is called like its zygote for a moment.
    const [, type] = /--type=([\w-]+)/.exec(argumentsOf(pid)) ?? [];
    if (type !== 'renderer') {
      if (type !== undefined && type !== 'zygote') this.#notRenderers.add(pid);
      return false;
    }
    const times = timesOf(pid);
    if (times === undefined) return false;
    const age = ((ticksSinceBoot() - times.startTime) / TICKS_PER_SECOND) * 1_000;
    const { startTime } = times;
    this.#all.set(pid, { pid, startTime, startedAt: now - age, own: resident.own });
    return true;
  }

  #findOthers(): { zygotes: number[]; helpers: number[] } {
    const zygotes: number[] = [];
    const helpers = [this.#browserPid];
    const lookBelow = (pids: readonly number[]): void => {
      for (const pid of pids) {
        const isZygote = argumentsOf(pid).includes('--type=zygote');
        (isZygote ? zygotes : helpers).push(pid);
        if (isZygote) lookBelow(childrenOf(pid).filter((child) => !this.#all.has(child)));
      }
    };
    for (const thread of threadsOf(this.#browserPid)) lookBelow(childrenOf(this.#browserPid, thread));
    return { zygotes, helpers: helpers.filter((pid) => !argumentsOf(pid).includes('--type=renderer')) };
  }
}
