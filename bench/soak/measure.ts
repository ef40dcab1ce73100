import { loadavg } from 'node:os';

import { ownVersion } from '../../proxy/version.js';
import { versionOf } from '../chrome-version.js';
import { machineOf } from '../report.js';
import type { SoakReport } from './report.js';
import { soak, type SoakOptions } from './run.js';
import { slopesOf } from './series.js';

/** The part of a soak that no line goes through: V8 compiles, caches fill, lists that keep the last thousand grow to that. */
const WARM_UP = 0.2;

/** What is measured, and how it was asked for. */
export interface MeasureOptions extends Omit<SoakOptions, 'onRound'> {
  readonly command: string;
  /** Told the report as it stands, after each round. */
  readonly onReport?: (report: SoakReport) => Promise<void> | void;
}

/** Runs a soak, and gives its report. */
export async function measureSoak(options: MeasureOptions): Promise<SoakReport> {
  const { executable, closers, duration, seed, clients, command } = options;
  const version = await versionOf(executable, closers);
  const load = loadavg()[0] ?? 0;
  const date = new Date().toISOString();
  const warmUp = (WARM_UP * duration) / 3_600_000;
  let report: SoakReport | undefined;
  await soak({
    ...options,
    async onRound(rounds, tally) {
      report = {
        date,
        command,
        cdpmux: ownVersion(),
        kind: executable.kind,
        version,
        machine: machineOf([load, loadavg()[0] ?? 0]),
        seed,
        clients,
        warmUp,
        totals: tally.totals,
        problems: tally.problems,
        unexplained: tally.others,
        slopes: slopesOf(rounds, warmUp),
        rounds: [...rounds],
      };
      await options.onReport?.(report);
    },
  });
  if (!report) throw new Error('the soak ended before its first round');
  return report;
}
