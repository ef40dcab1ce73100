import type { DeedName } from '../chaos/deeds.js';
import type { Verdict } from '../chaos/judge.js';
import type { Unit } from '../chaos/messages.js';
import type { Probed } from './probe-messages.js';

/** With which a probe's connection may end. */
const ENDS: readonly string[] = ['1001', '4502', '4503'];
/** What a probe may be told when it wants a page: refused with a time to come back, or lost while it was made. */
const TOLD = /^Unexpected server response: (429|503)$|closed with (1001|4502|4503)|browser was lost/;
/** The part of the units that must be done where nothing was lost under them. */
const SHARE = 0.99;
/** So many problems are told; the rest is counted. */
const MOST = 50;

/** What became of everything, counted over all rounds. */
export interface Totals {
  readonly units: number;
  readonly done: number;
  /** Not done, since a Chrome was lost under them or while they waited. */
  readonly onLoss: number;
  readonly cutThemselves: number;
  /** Not done, and nothing had befallen them. */
  readonly unexplained: number;
  /** Pages that leaked, each evicted with 4413. */
  readonly evicted: number;
  readonly byKind: Readonly<Record<string, number>>;
  readonly endings: Readonly<Record<string, number>>;
  readonly probeEnds: Readonly<Record<string, number>>;
  readonly refusals: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
}

/** Counts what became of units, probes and faults, for as long as a soak lasts: nothing is kept of a single one. */
export class Tally {
  readonly #counts = { units: 0, done: 0, onLoss: 0, cutThemselves: 0, unexplained: 0, evicted: 0 };
  readonly #byKind: Record<string, number> = {};
  readonly #endings: Record<string, number> = {};
  readonly #probeEnds: Record<string, number> = {};
  readonly #refusals: Record<string, number> = {};
  readonly #faults: Record<string, number> = {};
  readonly #problems: string[] = [];
  readonly #others: string[] = [];
  #untold = 0;

  add({ kind, error }: Unit): void {
    add(this.#byKind, kind, 1);
    if (kind === 'leak' && error === undefined) this.#counts.evicted++;
  }

  take(verdict: Verdict, probed: Probed, faults: ReadonlyMap<DeedName, number>): void {
    this.#counts.units += verdict.units;
    this.#counts.done += verdict.done;
    this.#counts.onLoss += verdict.onKilled + verdict.onCut + verdict.beforeAny;
    this.#counts.cutThemselves += verdict.cutThemselves;
    this.#counts.unexplained += verdict.others.length;
    this.problem(...verdict.problems);
    this.#others.push(...verdict.others.slice(0, MOST - this.#others.length));
    for (const [ending, count] of verdict.endings) add(this.#endings, ending, count);
    for (const [code, count] of Object.entries(probed.ends)) {
      add(this.#probeEnds, code, count);
      if (!ENDS.includes(code)) this.problem(`undocumented: a probe was closed with ${code}`);
    }
    for (const [said, count] of Object.entries(probed.refusals)) {
      add(this.#refusals, said, count);
      if (!TOLD.test(said)) this.problem(`undocumented: a probe was told ${said}`);
    }
    for (const [name, count] of faults) this.#faults[name] = count;
  }

  problem(...said: readonly string[]): void {
    for (const one of said) {
      if (this.#problems.length < MOST) this.#problems.push(one);
      else this.#untold++;
    }
  }

  get totals(): Totals {
    return {
      ...this.#counts,
      byKind: { ...this.#byKind },
      endings: { ...this.#endings },
      probeEnds: { ...this.#probeEnds },
      refusals: { ...this.#refusals },
      faults: { ...this.#faults },
    };
  }

  /** The units that failed though nothing befell them, in words: the first ones. */
  get others(): readonly string[] {
    return this.#others;
  }

  /** What must not be, growth aside. */
  get problems(): readonly string[] {
    const { done, unexplained } = this.#counts;
    const share = done / (done + unexplained);
    return [
      ...this.#problems,
      ...(this.#untold > 0 ? [`and ${this.#untold} more`] : []),
      ...(share < SHARE
        ? [`only ${(100 * share).toFixed(2)} % of the units were done that nothing befell`]
        : []),
      ...(done === 0 ? ['no unit was done'] : []),
    ];
  }
}

function add(counts: Record<string, number>, name: string, count: number): void {
  counts[name] = (counts[name] ?? 0) + count;
}
