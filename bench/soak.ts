import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { BrowserKind } from '../src/chrome/executable-types.js';
import { findChrome } from '../src/chrome/executable.js';
import { Closers } from './closers.js';
import { projectRoot } from './paths.js';
import { shorten } from './report.js';
import { withBlock } from './results.js';
import { soakChart } from './soak/chart.js';
import { measureSoak } from './soak/measure.js';
import { slopesOf } from './soak/series.js';
import { faultsOf, soakMarkdown, type SoakReport } from './soak/report.js';

const USAGE = `npm run soak -- [flags]
  --hours <n>               for so long (1)
  --clients <n>             clients at work (6)
  --work <seconds>          so long a round works until all is let go and looked at (40)
  --seed <n>                the order of the faults (a random number, printed)
  --lose-kb <n>             have cdpmux's process lose so much in each round: the soak must find it (0)
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
  --json <file>             write all figures there, after each round
  --snapshots <directory>   write heap snapshots there, of the third round and of the last
  --docs                    write docs/soak.md, docs/soak.json and docs/soak.svg
  --from <file>             run nothing; take the figures that --json has written
`;
/** Between these in docs/soak.md. */
const BLOCK = ['<!-- soak: written by npm run soak -- --docs -->', '<!-- end of soak -->'] as const;

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    clients: { type: 'string', default: '6' },
    work: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    'lose-kb': { type: 'string', default: '0' },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
    json: { type: 'string' },
    snapshots: { type: 'string' },
    docs: { type: 'boolean', default: false },
    from: { type: 'string' },
  },
});
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
const [hours = 0, clients = 0, work = 0, seed = 0, loseKb = 0] = [
  values.hours,
  values.clients,
  values.work,
  values.seed,
  values['lose-kb'],
].map(Number);
if (
  kind === undefined ||
  !(hours > 0) ||
  !(clients > 0) ||
  !(work > 0) ||
  !Number.isInteger(seed) ||
  !(loseKb >= 0)
) {
  console.error(USAGE);
  process.exit(2);
}

const report = values.from === undefined ? await run(kind) : await readFrom(values.from);
console.log(`\n${soakMarkdown(report)}`);
for (const one of report.unexplained) console.log(`failed though nothing befell it: ${one}`);
if (values.docs) await writeDocs(report);
if (faultsOf(report).length > 0) process.exitCode = 1;

/** What was written, with the lines that are drawn through it now. */
async function readFrom(path: string): Promise<SoakReport> {
  const written = JSON.parse(await readFile(path, 'utf8')) as SoakReport;
  return { ...written, slopes: slopesOf(written.rounds, written.warmUp) };
}

async function run(kind: BrowserKind): Promise<SoakReport> {
  return Closers.with(async (closers) => {
    const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
    console.log(
      `seed ${seed}, ${clients} clients for ${hours} h, on ${executable.kind} (${executable.path})`,
    );
    if (values.snapshots !== undefined) await mkdir(values.snapshots, { recursive: true });
    return measureSoak({
      executable,
      seed,
      clients,
      closers,
      loseKb,
      duration: hours * 3_600_000,
      work: work * 1_000,
      snapshots: values.snapshots,
      command: `npm run soak -- --hours ${hours} --clients ${clients} --work ${work} --seed ${seed}`,
      async onReport(now) {
        console.log(lineOf(now));
        if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(now)}\n`);
      },
    });
  });
}

function lineOf({ rounds, totals, problems }: SoakReport): string {
  const { hours = 0, values: now = {} } = rounds.at(-1) ?? {};
  const figures = [
    'heap',
    'busyHeap',
    'external',
    'rss',
    'fds',
    'resources',
    'processes',
    'pss',
    'p50Ratio',
    'settle',
  ].map((key) => `${key} ${shorten(now[key] ?? NaN)}`);
  return `${(60 * hours).toFixed(1).padStart(6)} min, ${totals.units} units, ${totals.unexplained} unexplained, ${problems.length} problems: ${figures.join(', ')}`;
}

async function writeDocs(report: SoakReport): Promise<void> {
  const docs = join(projectRoot, 'docs');
  await writeFile(join(docs, 'soak.json'), `${JSON.stringify(report, undefined, 1)}\n`);
  await writeFile(join(docs, 'soak.svg'), `${await soakChart(report)}\n`);
  const page = join(docs, 'soak.md');
  const text = `\n\`${report.command}\`\n\n${soakMarkdown(report)}\n\n![Each figure over the hours](soak.svg)\n`;
  await writeFile(page, withBlock(await readFile(page, 'utf8'), text, BLOCK));
}
