import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';

/** What a figure is to reach, by its ratio or by the figure itself. */
export interface Target {
  readonly of: 'ratio' | 'cdpmux';
  readonly relation: '<=' | '>=';
  readonly value: number;
}

/** One line of the result. */
export interface Figure {
  readonly suite: string;
  readonly name: string;
  readonly unit: string;
  /** Without cdpmux; NaN where there is nothing to compare. */
  readonly direct: number;
  readonly cdpmux: number;
  /** cdpmux by direct: the median over the rounds, and the quartles around it. */
  readonly ratio: Spread;
  readonly target?: Target;
  /** What was measured in each round, in the unit above, for a closer look at the written figures. */
  readonly series?: Series;
}

/** Values of both sides, measured side by side. */
export interface Series {
  readonly direct: readonly number[];
  readonly cdpmux: readonly number[];
}

/** A median with its quartiles, of `rounds` values. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

/** A histogram of durations, up to a minute in ns, with three digits. */
export function durations(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 60e9, numberOfSignificantValueDigits: 3 });
}

/** Records a duration given in ms. */
export function record(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.min(60e9, Math.max(1, Math.round(ms * 1e6))));
}

/** A percentile in ms. */
export function percentile(histogram: Histogram, percent: number): number {
  return histogram.getValueAtPercentile(percent) / 1e6;
}

/** The value below which that part (0 to 1) of the values lie, interpolated. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Median and quartiles of the ratios of two series that were measured side by side. */
export function ratios(cdpmux: readonly number[], direct: readonly number[]): Spread {
  const each = cdpmux.map((value, round) => value / (direct[round] ?? NaN));
  return { median: median(each), low: quantile(each, 0.25), high: quantile(each, 0.75), rounds: each.length };
}

/** For what can be measured once only. */
export function singleRatio(value: number): Spread {
  return { median: value, low: value, high: value, rounds: 1 };
}

/** Whether the target is reached; undefined where there is none. */
export function isMet({ target, ratio, cdpmux }: Figure): boolean | undefined {
  if (!target) return undefined;
  const value = target.of === 'ratio' ? ratio.median : cdpmux;
  return target.relation === '<=' ? value <= target.value : value >= target.value;
}

/** The figures as lines of aligned columns. */
export function table(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'direct', 'cdpmux', 'unit', 'ratio', 'quartiles', 'rounds', 'target', ''],
    ...figures.map((figure) => row(figure)),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((one) => one[column]?.length ?? 0)));
  return rows
    .map((one) =>
      one
        .map((cell, column) =>
          isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function isText(column: number): boolean {
  return column === 0 || column === 3 || column >= 7;
}

function row(figure: Figure): string[] {
  const { suite, name, unit, direct, cdpmux, ratio, target } = figure;
  const met = isMet(figure);
  return [
    `${suite}: ${name}`,
    digits(direct),
    digits(cdpmux),
    unit,
    Number.isNaN(ratio.median) ? '' : ratio.median.toFixed(3),
    ratio.rounds > 1 ? `${ratio.low.toFixed(3)}..${ratio.high.toFixed(3)}` : '',
    String(ratio.rounds),
    target ? `${target.of === 'ratio' ? 'ratio' : unit} ${target.relation} ${target.value}` : '',
    met === undefined ? '' : met ? 'met' : 'short',
  ];
}

function digits(value: number): string {
  if (Number.isNaN(value)) return '';
  return value >= 1000 ? Math.round(value).toString() : Number(value.toPrecision(4)).toString();
}
