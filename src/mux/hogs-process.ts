import { pausesOf, slowDown, speedUp, threadsOf, threadTimes, type ThreadTimes } from '../chrome/cpu.js';
import { Busyness } from './hogs-policy.js';

/** With less processor time than this share of a core nothing in it is in a loop, unless fifty more are. */
const WORTH_A_LOOK = 0.02;

/** A loop waits for nothing; so many pauses in a second of work are the garbage collector's. */
const FEW_PAUSES = 20;
/** A thread that runs for less of the time that it could is not worth counting its pauses. */
const WORTH_A_COUNT = 0.02;

interface Seen extends ThreadTimes {
  pauses: number | undefined;
}

/** One renderer: how busy its threads are, and whether it was slowed down. */
export class RendererLoad {
  readonly #pid: number;
  readonly #busy = new Busyness();
  /** Its threads as they were at the last look. */
  #threads = new Map<number, Seen>();
  /** What the priorities of its threads were; undefined while they are as they were. */
  #before: Map<number, number> | undefined;
  /** Processor time, in clock ticks, of which it is known whose it is. */
  credited = 0;
  #ticks: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  get isSlow(): boolean {
    return this.#before !== undefined;
  }

  /** Takes note of the processor time it has used so far; `perMs` ticks are as long as a ms. */
  look(ticks: number, elapsed: number, perMs: number): void {
    const used = (ticks - (this.#ticks ?? ticks)) / perMs;
    this.#ticks = ticks;
    if (used < WORTH_A_LOOK * elapsed && !this.isSlow) {
      this.#threads.clear();
      this.#busy.add(0, elapsed);
      return;
    }
    this.#busy.add(this.#busiest(), elapsed);
  }

  /** Changes its priority where that is due; gives what was done: `stuck` where it should have been given back and could not be. */
  adjust(isContended: boolean): 'slowed' | 'restored' | 'stuck' | undefined {
    if (this.#before) {
      if (!this.#busy.isCalm) {
        slowDown(this.#pid, this.#before);
        return undefined;
      }
      const isBack = speedUp(this.#pid, this.#before);
      if (isBack) this.#before = undefined;
      return isBack ? 'restored' : 'stuck';
    }
    if (!isContended || !this.#busy.isHog) return undefined;
    this.#before = new Map();
    slowDown(this.#pid, this.#before);
    return 'slowed';
  }

  /**
   * How long its busiest thread was busy since the last look, ms; 0 at the first. Waiting for a processor counts only where a
   * thread does nothing but that: where it is crowded, everybody waits who has anything to do.
   */
  #busiest(): number {
    const now = new Map<number, Seen>();
    let busiest = 0;
    for (const thread of threadsOf(this.#pid)) {
      const times = threadTimes(this.#pid, thread);
      if (!times) continue;
      const before = this.#threads.get(thread);
      const ran = times.ran - (before?.ran ?? times.ran);
      const waited = times.waited - (before?.waited ?? times.waited);
      const seen: Seen = { ...times, pauses: undefined };
      now.set(thread, seen);
      if (ran < WORTH_A_COUNT * (ran + waited)) continue;
      seen.pauses = pausesOf(this.#pid, thread);
      const pauses = (seen.pauses ?? Infinity) - (before?.pauses ?? -Infinity);
      busiest = Math.max(busiest, pauses <= FEW_PAUSES * (ran / 1_000) + 1 ? ran + waited : ran);
    }
    this.#threads = now;
    return busiest;
  }
}
