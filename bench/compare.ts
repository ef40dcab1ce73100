import type { Figure, Spread } from './figures.js';
import { shorten, type Report } from './report.js';

/** A loss of more than this is one too many. */
const LOSS = 0.1;
/** What was measured once has no spread: this much either way is taken for it. */
const SINGLE = 0.1;
/** Units of which more is better. */
const MORE_IS_BETTER = new Set(['commands/s', 'requests/s', 'MB/s', '%', 'events/s']);

/** What became of one figure. */
export interface Change {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  /** Part by which it is better, below 0 worse. */
  readonly gain: number;
  /** The quartiles of both do not overlap. */
  readonly isBeyondNoise: boolean;
  /** Beyond noise, and over 10 % worse. */
  readonly isLoss: boolean;
}

/**
 * Compares figures that both reports have: their ratios where they have some, since a busier machine weighs on both sides of a ratio, else
 * the figures themselves.
 */
export function compare(before: Report, after: Report): Change[] {
  const old = new Map(before.figures.map((figure) => [keyOf(figure), figure]));
  return after.figures.flatMap((figure) => {
    const one = old.get(keyOf(figure));
    const change = one && changeOf(one, figure);
    return change ? [change] : [];
  });
}

/** The comparison as text, and the exit code that it comes to: 1 on a loss. */
export function judge(before: Report, after: Report): { readonly text: string; readonly exitCode: 0 | 1 } {
  const changes = compare(before, after);
  return {
    text: comparison(before, after, changes),
    exitCode: changes.some(({ isLoss }) => isLoss) ? 1 : 0,
  };
}

/** What the comparison comes to, for a person. */
export function comparison(before: Report, after: Report, changes: readonly Change[]): string {
  const lines = changes
    .filter(({ isBeyondNoise }) => isBeyondNoise)
    .sort((a, b) => a.gain - b.gain)
    .map(({ name, before: from, after: to, gain, isLoss }) => {
      const percent = `${Math.abs(gain * 100).toFixed(0)} % ${gain < 0 ? 'worse' : 'better'}`;
      return `${isLoss ? 'LOSS  ' : '      '}${percent.padStart(14)}  ${name}: ${shorten(from)} to ${shorten(to)}`;
    });
  const notes = differences(before, after).map((what) => `note: ${what}`);
  const steady = changes.length - lines.length;
  return [...notes, ...lines, `${steady} of ${changes.length} figures are within noise`].join('\n');
}

function differences(before: Report, after: Report): string[] {
  const found: string[] = [];
  const add = (what: string, one: unknown, other: unknown): void => {
    if (one !== other) found.push(`another ${what}: ${String(one)}, ${String(other)}`);
  };
  add('kind of Chrome', before.kind, after.kind);
  add('Chrome', before.version, after.version);
  add('Node', before.machine.node, after.machine.node);
  add('CPU', before.machine.cpu, after.machine.cpu);
  add('number of CPUs', before.machine.cpus, after.machine.cpus);
  for (const { date, machine } of [before, after]) {
    const [from, to] = machine.load;
    if (!machine.isRealtime && Math.max(from, to) > 2 * machine.cpus)
      found.push(`the machine was busy on ${date}: load ${from} to ${to}`);
  }
  return found;
}

function keyOf({ suite, name, unit }: Figure): string {
  return `${suite}: ${name}${unit === '' ? '' : ` (${unit})`}`;
}

function changeOf(before: Figure, after: Figure): Change | undefined {
  const [one, other] = [spreadOf(before), spreadOf(after)];
  if (!one || !other || one.median === 0) return undefined;
  const grown = other.median / one.median - 1;
  const gain = moreIsBetter(after) ? grown : -grown;
  const isBeyondNoise = other.low > one.high || other.high < one.low;
  return {
    name: keyOf(after),
    before: one.median,
    after: other.median,
    gain,
    isBeyondNoise,
    isLoss: isBeyondNoise && gain < -LOSS,
  };
}

function moreIsBetter({ target, unit }: Figure): boolean {
  return target ? target.relation === '>=' : MORE_IS_BETTER.has(unit);
}

/** JSON has null where there was no number. */
function spreadOf({ ratio, cdpmux }: Figure): Spread | undefined {
  const value = Number.isFinite(ratio.median)
    ? ratio
    : { median: cdpmux, low: cdpmux, high: cdpmux, rounds: 1 };
  if (!Number.isFinite(value.median)) return undefined;
  if (value.rounds > 1) return value;
  return { ...value, low: value.median * (1 - SINGLE), high: value.median * (1 + SINGLE) };
}
