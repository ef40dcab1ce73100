import { mkdir, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';

import { findChrome } from '../src/chrome/executable.js';
import { ownVersion } from '../proxy/version.js';
import { versionOf } from './chrome-version.js';
import { Closers } from './closers.js';
import { judge } from './compare.js';
import { isMet, table } from './figures.js';
import type { Figure } from './figures.js';
import { readFlags, usage, type Flags } from './flags.js';
import { explainProfiles } from './profile.js';
import { suites } from './registry.js';
import { conditions, machineOf, type Report } from './report.js';
import { readReport, saveReport, writeReadme } from './results.js';
import { SuiteRun } from './suite.js';

async function run(flags: Flags, closers: Closers): Promise<void> {
  if (flags.onlyReadme) return writeReadme();
  const before = flags.compare === undefined ? undefined : await readReport(flags.compare);
  const { kind, chrome } = flags;
  const executable = await findChrome({ chrome, kind, env: process.env, tmpDir: tmpdir() });
  const version = await versionOf(executable, closers);
  const load = loadavg()[0] ?? 0;
  const figures: Figure[] = [];
  const extras: Record<string, unknown> = {};
  const reportNow = (): Report => ({
    date: new Date().toISOString(),
    cdpmux: ownVersion(),
    kind: executable.kind,
    version,
    machine: machineOf([load, loadavg()[0] ?? 0]),
    figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
    ...extras,
  });
  console.log(`${conditions(reportNow())} (${executable.path})\n`);
  if (flags.cpuProf !== undefined) await mkdir(flags.cpuProf, { recursive: true });
  for (const suite of flags.suites) {
    const own = new Closers();
    const closeOwn = closers.add(() => own.run());
    const one = new SuiteRun(executable, own, flags.values, flags.cpuProf);
    const measured = await suite.run(one);
    figures.push(...measured);
    Object.assign(extras, one.extras);
    await closeOwn();
    if (measured.length > 0) console.log(`${table(measured)}\n`);
  }
  if (figures.length > 0) console.log(explanation);
  const report = reportNow();
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(report, undefined, 1)}\n`);
  if (flags.save) console.log((await saveReport({ ...report })).join('\n'));
  if (flags.readme) await writeReadme();
  if (flags.cpuProf !== undefined) console.log((await explainProfiles(flags.cpuProf)).join('\n'));
  if (!before) return;
  const { text, exitCode } = judge(before, report);
  console.log(text);
  process.exitCode = exitCode;
}

const explanation =
  'ratio: cdpmux by direct, median of the rounds; both sides take turns within a round, so that\n' +
  "the machine's load weighs on both alike. direct and cdpmux: medians over all rounds.";

let flags: Flags;
try {
  flags = readFlags(process.argv.slice(2), suites);
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage(suites)}`);
  process.exit(2);
}
await Closers.with((closers) => run(flags, closers));
