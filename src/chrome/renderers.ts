import { threadsOf } from './cpu.js';
import { ProcFile } from './proc-file.js';
import {
  argumentsOf,
  bytesInPage,
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

/** One that was looked at, with what looking at it again takes. */
interface Seen extends Renderer {
  readonly statm: ProcFile;
  /** The look that found it last. */
  nth: number;
}

/** A process that renderers are forked off. */
interface Zygote {
  readonly pid: number;
  readonly children: ProcFile;
}

/** How long the other processes are taken to be the same, ms. */
const OTHERS_KEPT = 15_000;

/**
 * The renderer processes of a Chrome of this machine. Chrome starts them from few processes, the zygotes, whose children a look
 * reads, without a word to Chrome. The files that it reads stay open until `close`.
 */
export class Renderers {
  readonly #browserPid: number;
  readonly #all = new Map<number, Seen>();
  /** Children of zygotes that are something else. */
  readonly #notRenderers = new Set<number>();
  /** Processes that start renderers, and those that are neither: Chrome's own, for graphics, network, … */
  #others: { readonly zygotes: readonly Zygote[]; readonly helpers: readonly number[]; readonly at: number } =
    {
      zygotes: [],
      helpers: [],
      at: -Infinity,
    };
  /** Counts looks. */
  #nth = 0;

  constructor(browserPid: number) {
    this.#browserPid = browserPid;
  }

  get all(): Iterable<Renderer> {
    return this.#all.values();
  }

  /** Reads who is there and what each holds; those that have ended are gone from `all` afterwards. True when others are there than before. */
  look(): boolean {
    const now = performance.now();
    const nth = ++this.#nth;
    if (now - this.#others.at > OTHERS_KEPT) this.#lookForOthers(now);
    let isNew = false;
    let found = 0;
    for (const { children } of this.#others.zygotes) {
      for (let count = children.read(pids), at = 0; at < count; at++) {
        const pid = pids[at]!;
        const known = this.#all.get(pid);
        if (known ? !readSize(known) : !this.#meet(pid, now)) continue;
        this.#all.get(pid)!.nth = nth;
        isNew ||= known === undefined;
        found++;
      }
    }
    if (found === this.#all.size) return isNew;
    for (const [pid, { nth: last, statm }] of this.#all) {
      if (last === nth) continue;
      statm.close();
      this.#all.delete(pid);
    }
    return true;
  }

  /** Memory of all Chrome's processes, bytes; pages that they share are counted once, as in the largest of them. */
  resident(): number {
    let own = 0;
    let shared = 0;
    const { helpers, zygotes } = this.#others;
    const others = [...helpers, ...zygotes.map(({ pid }) => pid)];
    for (const pid of new Set([...others, ...this.#all.keys()])) {
      const resident = residentOf(pid);
      own += resident?.own ?? 0;
      shared = Math.max(shared, resident?.shared ?? 0);
    }
    return own + shared;
  }

  /** Gives back the files that it keeps open, and forgets all; it may look again. */
  close(): void {
    for (const { statm } of this.#all.values()) statm.close();
    for (const { children } of this.#others.zygotes) children.close();
    this.#all.clear();
  }

  /** A child of a zygote that was not there before; true when it is a renderer. */
  #meet(pid: number, now: number): boolean {
    if (this.#notRenderers.has(pid)) return false;
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
    const statm = new ProcFile(`/proc/${pid}/statm`);
    const seen: Seen = { pid, startTime, startedAt: now - age, own: 0, statm, nth: 0 };
    if (!readSize(seen)) return false;
    this.#all.set(pid, seen);
    return true;
  }

  #lookForOthers(now: number): void {
    for (const { children } of this.#others.zygotes) children.close();
    const { zygotes, helpers } = this.#findOthers();
    const files = zygotes.map((pid) => ({
      pid,
      children: new ProcFile(`/proc/${pid}/task/${pid}/children`),
    }));
    this.#others = { zygotes: files, helpers, at: now };
    // Their numbers may be others' by now.
    this.#notRenderers.clear();
    // One without children may be a renderer that has only been forked off.
    for (const { pid, children } of files) if (children.read(pids) > 0) this.#notRenderers.add(pid);
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

/** What was read last: numbers of processes, and those of a `statm`. */
const pids: number[] = [];
const sizes: number[] = [];

/** Reads what a renderer holds now; false when it has ended. */
function readSize(one: Seen): boolean {
  if (one.statm.read(sizes, 3) < 3 || sizes[1] === 0) {
    // A zombie has nothing, and its file is still there.
    one.statm.close();
    return false;
  }
  one.own = (sizes[1]! - sizes[2]!) * bytesInPage();
  return true;
}
