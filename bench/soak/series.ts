import type { Probed } from './probe-messages.js';
import { judge, trendLine, type Line, type Trend } from './trend.js';

/** One thing that is looked at in each round. */
export interface Series {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** The smallest growth in an hour that matters; undefined where the machine's load decides, and growth is no verdict. */
  readonly matters?: number;
}

/** What a round came to. */
export interface Round {
  /** When its sample was taken, hours since the start. */
  readonly hours: number;
  readonly values: Readonly<Record<string, number>>;
}

/** A series with its line. */
export interface Slope extends Series {
  readonly line: Line;
  readonly mean: number;
  readonly trend: Trend;
}

/** With nobody connected and nothing kept ready, at the end of each round. */
const atRest: readonly Series[] = [
  { key: 'heap', name: 'JS heap after a collection', unit: 'MB' },
  { key: 'data', name: 'of it without compiled code', unit: 'MB', matters: 0.5 },
  { key: 'code', name: 'of it code that V8 has compiled', unit: 'MB', matters: 4 },
  { key: 'external', name: 'external memory', unit: 'MB', matters: 0.5 },
  { key: 'rss', name: 'resident memory of cdpmux', unit: 'MB', matters: 5 },
  { key: 'anonymous', name: 'of it backed by no file', unit: 'MB', matters: 5 },
  { key: 'writable', name: 'memory that cdpmux may write to, touched or not', unit: 'MB', matters: 5 },
  { key: 'fds', name: 'open file descriptors', unit: '', matters: 1 },
  { key: 'resources', name: 'handles and requests of the event loop', unit: '', matters: 1 },
  { key: 'processes', name: 'processes of the Chromes', unit: '', matters: 1 },
  { key: 'pss', name: 'memory of the Chromes (PSS)', unit: 'MB', matters: 20 },
  { key: 'entries', name: 'entries in the temporary directory', unit: '', matters: 1 },
  { key: 'settle', name: 'time until all has gone', unit: 's' },
];

/** While clients work and faults are made. */
const atWork: readonly Series[] = [
  { key: 'busyHeap', name: 'at work: JS heap without compiled code', unit: 'MB', matters: 1 },
  { key: 'busyFds', name: 'at work: open file descriptors', unit: '', matters: 5 },
  { key: 'p50Ratio', name: 'at work: probe p50, by that of the Chrome beside', unit: '', matters: 0.2 },
  { key: 'p99Ratio', name: 'at work: probe p99, by that of the Chrome beside', unit: '', matters: 0.5 },
  { key: 'p50', name: 'at work: probe p50', unit: 'ms' },
  { key: 'p99', name: 'at work: probe p99', unit: 'ms' },
  { key: 'directP50', name: 'at work: p50 of the Chrome beside', unit: 'ms' },
  { key: 'directP99', name: 'at work: p99 of the Chrome beside', unit: 'ms' },
  { key: 'entry', name: 'at work: connecting to the first answer, p50', unit: 'ms' },
  { key: 'outage', name: 'at work: from a loss to a new page that answers, mean', unit: 'ms' },
  { key: 'failed', name: 'at work: units that a fault ended, of 100', unit: '', matters: 3 },
  { key: 'unexplained', name: 'at work: units that failed without one, of 100', unit: '', matters: 0.5 },
  { key: 'unitsPerMinute', name: 'at work: units done in a minute', unit: '' },
];

/** Kinds of handles that came in any round become series of their own. */
export const HANDLE = 'resource ';

/** All series, those of single kinds of handles included. */
export function seriesOf(rounds: readonly Round[]): readonly Series[] {
  const kinds = new Set(
    rounds.flatMap(({ values }) => Object.keys(values).filter((key) => key.startsWith(HANDLE))),
  );
  const handles = [...kinds].sort().map((key) => ({
    key,
    name: `of them ${key.slice(HANDLE.length)}`,
    unit: '',
    matters: 1,
  }));
  const after = atRest.findIndex(({ key }) => key === 'resources') + 1;
  return [...atRest.slice(0, after), ...handles, ...atRest.slice(after), ...atWork];
}

/** The line of each series through all rounds after the warm-up. */
export function slopesOf(rounds: readonly Round[], warmUp: number): readonly Slope[] {
  return seriesOf(rounds).flatMap((series) => {
    const points = rounds
      .filter(({ hours }) => hours > warmUp)
      .map(({ hours, values }) => ({
        x: hours,
        // a kind of handle that was not there is 0; anything else was not measured
        y: values[series.key] ?? (series.key.startsWith(HANDLE) ? 0 : NaN),
      }))
      .filter(({ y }) => Number.isFinite(y));
    if (points.length === 0) return [];
    const line = trendLine(points);
    const mean = points.reduce((sum, { y }) => sum + y, 0) / points.length;
    return [{ ...series, line, mean, trend: judge(line, series.matters ?? 0) }];
  });
}

/** What grows that should not, in words. */
export function growth(slopes: readonly Slope[]): string[] {
  return slopes
    .filter(({ trend, matters }) => trend === 'grows' && matters !== undefined)
    .map(({ name, unit, line }) => {
      const by = `${line.slope.toPrecision(3)} ± ${line.error.toPrecision(2)} ${unit}`.trimEnd();
      return `grows: ${name}, by ${by} in an hour`;
    });
}

/** The values of the probes. */
export function probeValues({ cdpmux, direct, entry, outages }: Probed): Record<string, number> {
  return {
    p50: cdpmux.p50,
    p99: cdpmux.p99,
    directP50: direct.p50,
    directP99: direct.p99,
    p50Ratio: cdpmux.p50 / direct.p50,
    p99Ratio: cdpmux.p99 / direct.p99,
    entry: entry.p50,
    outage: outages.length === 0 ? NaN : outages.reduce((sum, one) => sum + one, 0) / outages.length,
  };
}
