import { availableParallelism, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { Closers } from './closers.js';
import { runInProcesses } from './fuzz-processes.js';
import { runFuzz, type FuzzOptions, type FuzzReport } from './fuzz-run.js';

const USAGE = `npm run fuzz -- [flags]
  --seconds <n>             for so long (60)
  --frames <n>              at most so many frames (1000000)
  --seed <n>                these frames (a random number, printed)
  --batch <n>[-<m>]         only this batch of a seed, as a problem names it, or these
  --clients <n>             so many that send at a time in each process, each in its own virtual browser (8)
  --processes <n>           so many at a time, each with a cdpmux and a Chrome of its own (one for each CPU; for --batch 1)
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    batch: { type: 'string' },
    clients: { type: 'string', default: '8' },
    processes: { type: 'string' },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
  },
});
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
const processes = Number(values.processes ?? (values.batch === undefined ? availableParallelism() : 1));
const [seconds, frames, seed, clients] = [values.seconds, values.frames, values.seed, values.clients].map(
  Number,
);
const [first = NaN, last = first] = (values.batch ?? '0').split('-').map(Number);
if (
  kind === undefined ||
  !(seconds! > 0) ||
  !(frames! > 0) ||
  !(clients! > 0) ||
  !(processes > 0) ||
  !Number.isInteger(seed) ||
  !Number.isInteger(first) ||
  !Number.isInteger(last)
) {
  console.error(USAGE);
  process.exit(2);
}

/** The figures are printed no more often, ms. */
const TELLING = 10_000;

process.exitCode = await Closers.with(async (closers) => {
  const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
  console.log(`seed ${seed}, ${processes} processes, on ${executable.kind} (${executable.path})`);
  const told = new Set<string>();
  let toldAt = 0;
  const options: FuzzOptions = {
    chrome: executable.path,
    seed: seed!,
    frames: frames!,
    duration: seconds! * 1000,
    clients: clients!,
    ...(values.batch !== undefined && { batches: [first, last] as const }),
    heapBound: 20,
    closers,
    onProgress: (now) => {
      if (performance.now() - toldAt > TELLING) {
        toldAt = performance.now();
        console.log(progress(now));
      }
      // at once: a run that is stopped has not found them for nothing
      for (const problem of now.problems) {
        if (!told.has(problem)) console.log(`  ${problem}`);
        told.add(problem);
      }
    },
  };
  const report = processes === 1 ? await runFuzz(options) : await runInProcesses(options, processes);
  console.log(`${progress(report)}
closed by cdpmux, as documented: ${list(report.endings)}
left unanswered by Chrome:
  ${list(report.excused, '\n  ')}
${report.problems.length === 0 ? 'no problem' : report.problems.join('\n')}`);
  return report.problems.length === 0 ? 0 : 1;
});

function progress({
  frames,
  answers,
  seconds,
  connections,
  renewals,
  bystander,
  heapMb,
  problems,
}: FuzzReport): string {
  return `${frames} frames, ${answers} answers, ${(frames / seconds).toFixed(0)} frames/s, ${connections} connections, ${renewals} renewals, ${bystander} right answers beside, heap ${heapMb < 0 ? '' : '+'}${heapMb.toFixed(1)} MB, ${problems.length} problems`;
}

function list(counts: ReadonlyMap<string, number>, separator = '; '): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([what, count]) => `${count} × ${what}`).join(separator) || 'none';
}
