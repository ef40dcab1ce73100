import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

import { isMet, type Figure } from './figures.js';

/** Where a result was measured: what two results must have in common to be compared. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  /** Of the last minute, when it began and when it was over: above the number of CPUs the figures are of a busy machine. */
  readonly load: readonly [before: number, after: number];
  /** All that was measured had realtime priority (`chrt -r 1 npm run bench`), so that what else ran weighed on it little. */
  readonly isRealtime?: boolean;
}

/** A run of the benchmark, as it is written to a file. */
export interface Report {
  readonly date: string;
  readonly cdpmux: string;
  readonly kind: 'shell' | 'chrome';
  /** Chrome's own name for its version. */
  readonly version: string;
  readonly machine: Machine;
  readonly figures: readonly (Figure & { readonly met?: boolean | undefined })[];
}

/** This machine, with its load before and after. */
export function machineOf(load: Machine['load']): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model ?? 'unknown',
    cpus: cpus().length,
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    node: process.versions.node,
    load: [Number(load[0].toFixed(1)), Number(load[1].toFixed(1))],
    ...(hasRealtimePriority() && { isRealtime: true }),
  };
}

/** What this process starts has the same. */
function hasRealtimePriority(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // the policy is the 41st field; the third is the first one after the name: FIFO is 1, RR is 2
    return ['1', '2'].includes(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38] ?? '');
  } catch {
    return false;
  }
}

/** One line about what it was measured on. */
export function conditions({ date, kind, version, machine, cdpmux }: Report): string {
  const chrome = `${kind === 'shell' ? 'headless shell' : 'full Chrome'} ${version.replace(/^.*\//, '')}`;
  const { cpus: count, cpu, load, node, isRealtime } = machine;
  const realtime = isRealtime ? ' with realtime priority' : '';
  return `cdpmux ${cdpmux}, ${chrome}, Node ${node}, ${count} × ${cpu}, load ${load.join(' to ')}${realtime}, ${date.slice(0, 10)}`;
}

/** The figures of a report as Markdown tables, one for each suite; only those with something to reach where `onlyTargets` says so. */
export function markdown(report: Report, { onlyTargets = false } = {}): string {
  const shown = report.figures.filter(({ target }) => !onlyTargets || target !== undefined);
  const suites = [...new Set(shown.map(({ suite }) => suite))];
  const tables = suites.map((suite) => {
    const rows = shown.filter((figure) => figure.suite === suite).map(rowOf);
    return [
      `| ${suite} | direct | cdpmux | ratio (quartiles) | reach | |`,
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ];
  });
  return [conditions(report), ...tables.map((lines) => lines.join('\n'))].join('\n\n');
}

function rowOf(figure: Figure): string {
  const { name, unit, direct, cdpmux, ratio, target } = figure;
  const value = (number: number | null): string =>
    isNumber(number) ? `${shorten(number)}${unit === '' ? '' : ` ${unit}`}` : '';
  const quartiles = ratio.rounds > 1 ? ` (${shorten(ratio.low)} to ${shorten(ratio.high)})` : '';
  const reach = target ? `${target.of === 'ratio' ? 'ratio ' : ''}${target.relation} ${target.value}` : '';
  const met = isMet(figure);
  const cells = [
    name.replaceAll('|', '\\|'),
    value(direct),
    value(cdpmux),
    isNumber(ratio.median) ? `${shorten(ratio.median)}${quartiles}` : '',
    reach,
    met === undefined ? '' : met ? 'met' : 'short',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** JSON has null where there was no number. */
function isNumber(value: number | null): value is number {
  return value !== null && Number.isFinite(value);
}

/** As many digits as a reader needs. */
export function shorten(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
