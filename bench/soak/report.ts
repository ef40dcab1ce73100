import { conditions, shorten, type Report } from '../report.js';
import { growth, type Round, type Slope } from './series.js';
import type { Totals } from './tally.js';
import { ERRORS } from './trend.js';

/** A soak, as it is written to a file. */
export interface SoakReport extends Omit<Report, 'figures'> {
  readonly command: string;
  readonly seed: number;
  readonly clients: number;
  /** Hours of the start that no line goes through. */
  readonly warmUp: number;
  readonly rounds: readonly Round[];
  readonly slopes: readonly Slope[];
  readonly totals: Totals;
  readonly problems: readonly string[];
  /** Units that failed though nothing befell them. */
  readonly unexplained: readonly string[];
}

/** All that must not be: problems, and what grows. */
export function faultsOf({ problems, slopes }: SoakReport): readonly string[] {
  return [...problems, ...growth(slopes)];
}

/** The table of the slopes, in Markdown. */
export function slopeTable(slopes: readonly Slope[]): string {
  const rows = slopes.map(({ name, unit, line, mean, trend, matters }) => {
    const value = (number: number): string =>
      Number.isFinite(number) ? `${shorten(number)}${unit === '' ? '' : ` ${unit}`}` : '–';
    const cells = [
      name,
      value(mean),
      `${sign(line.slope)}${value(line.slope)}`,
      value(line.error),
      value(ERRORS * line.error),
      matters === undefined ? '' : value(matters),
      matters === undefined && trend !== 'unsure' ? `(${trend})` : trend,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| | mean | slope in an hour | standard error | would be seen | would matter | |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** What became of everything, in a few lines of Markdown. */
export function totalsText({ totals, rounds, warmUp, seed, clients }: SoakReport): string {
  const { units, done, onLoss, cutThemselves, unexplained, evicted } = totals;
  const hours = rounds.at(-1)?.hours ?? 0;
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, count]) => `${count} × ${name}`)
      .join(', ') || 'none';
  return [
    `${hours.toFixed(2)} hours, ${rounds.length} rounds, ${clients} clients, seed ${seed}; lines through all after ${warmUp.toFixed(2)} hours.`,
    '',
    `- ${units} units of work: ${done} done (${evicted} of them pages that leaked and were evicted with 4413), ${onLoss} lost with a Chrome, ${cutThemselves} cut on purpose, ${unexplained} failed though nothing befell them.`,
    `- Work: ${counts(totals.byKind)}.`,
    `- Faults: ${counts(totals.faults)}.`,
    `- Units that failed were told: ${counts(totals.endings)}.`,
    `- The probe's connection ended: ${counts(totals.probeEnds)}; upgrades that were refused: ${counts(totals.refusals)}.`,
  ].join('\n');
}

/** All of it, in Markdown. */
export function soakMarkdown(report: SoakReport): string {
  const wrong = faultsOf(report);
  const verdict =
    wrong.length === 0
      ? 'Nothing grows, and no error came that is not documented.'
      : wrong.map((one) => `- **${one}**`).join('\n');
  return [
    `${conditions({ ...report, figures: [] })}.`,
    totalsText(report),
    verdict,
    slopeTable(report.slopes),
  ].join('\n\n');
}

function sign(value: number): string {
  return value > 0 ? '+' : '';
}
