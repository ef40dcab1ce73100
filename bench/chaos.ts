import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { runChaos, type ChaosReport } from './chaos/run.js';
import { Closers } from './closers.js';

const USAGE = `npm run chaos -- [flags]
  --seconds <n>             for so long (120)
  --clients <n>             clients at work (20)
  --seed <n>                the order of what is done to the pool (a random number, printed)
  --quiet                   don't tell each deed
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    clients: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    quiet: { type: 'boolean', default: false },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
  },
});
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
const [seconds = 0, clients = 0, seed = 0] = [values.seconds, values.clients, values.seed].map(Number);
if (kind === undefined || !(seconds > 0) || !(clients > 0) || !Number.isInteger(seed)) {
  console.error(USAGE);
  process.exit(2);
}

process.exitCode = await Closers.with(async (closers) => {
  const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
  console.log(
    `seed ${seed}, ${clients} clients for ${seconds} s, on ${executable.kind} (${executable.path})`,
  );
  const report = await runChaos({
    executable,
    seed,
    duration: seconds * 1000,
    clients,
    closers,
    ...(!values.quiet && { onDeed: (line) => console.log(line) }),
  });
  console.log(`\n${table(report)}\n\nseed ${seed}: ${verdict(report)}`);
  return report.problems.length === 0 ? 0 : 1;
});

function table(report: ChaosReport): string {
  const { units, done, onKilled, onCut, cutThemselves, beforeAny, others, share, endings, seconds } = report;
  const deeds = [...report.deeds].map(([name, count]) => `${count} × ${name}`).join(', ');
  const rows: [string, string | number][] = [
    ['done to the pool', deeds],
    ['units of work', `${units} in ${seconds.toFixed(0)} s`],
    ['done', done],
    ['not done: on a browser that was killed', onKilled],
    ['not done: on an upstream connection that was cut', onCut],
    ['not done: own connection cut', cutThemselves],
    ['not done: waited while a browser was lost', beforeAny],
    ['not done, and nothing befell it', others.length],
    ['done of those that nothing befell', `${(100 * share).toFixed(2)} % (at least 99 %)`],
    ...[...endings].map(([ending, count]): [string, number] => [`told by: ${ending}`, count]),
    ...Object.keys({ ...report.before, ...report.after }).map((name): [string, string] => [
      `before, after: ${name}`,
      `${report.before[name] ?? 0}, ${report.after[name] ?? 0}`,
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function verdict({ problems, others }: ChaosReport): string {
  if (problems.length === 0) return 'every promise held';
  return [`${problems.length} problems`, ...problems, ...others].join('\n  ');
}
