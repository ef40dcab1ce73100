import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import type { BrowserKind } from '../src/chrome/executable-types.js';
import { findChrome } from '../src/chrome/executable.js';
import { startCdpmux } from './cdpmux.js';
import { Closers } from './closers.js';
import { growerNames, type Grower } from './evict/growers.js';
import { Neighbours } from './evict/neighbours.js';
import { growOnce, type Run } from './evict/run.js';
import { quantile } from './figures.js';

const USAGE = `npm run evict -- [flags]
  --times <n>                how often each page grows (20)
  --only arrays,leak,…       which pages: ${growerNames.join(', ')} (all)
  --neighbours <n>           clients that work in the same Chrome (10)
  --kind auto|shell|chrome   on which Chrome (auto)
  --json <file>              write all runs there
`;

/** Of each virtual browser, as by default, MB. */
const HARD = 500;

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '20' },
    only: { type: 'string' },
    neighbours: { type: 'string', default: '10' },
    kind: { type: 'string', default: 'auto' },
    json: { type: 'string' },
  },
});
const which = (values.only?.split(',') ?? growerNames) as Grower[];
if (!(Number(values.times) > 0) || which.some((one) => !growerNames.includes(one))) {
  console.error(USAGE);
  process.exit(2);
}

await Closers.with(async (closers) => {
  const kind = values.kind as BrowserKind;
  const executable = await findChrome({ chrome: undefined, kind, env: process.env, tmpDir: tmpdir() });
  // one Chrome for all runs, however busy the machine is
  const settings = ['memory.evictionsPerMinute=1000', 'browsers.maxUses=100000', 'health.timeout=60s'];
  const cdpmux = await startCdpmux(executable, { settings });
  closers.add(() => cdpmux.close());
  const runs: Run[] = [];
  console.log(
    `${values.times} pages of each kind grow beside ${values.neighbours} clients, ${executable.path}`,
  );
  console.log('Times in ms after 500 MB were passed, median and worst; sizes in MB, median and largest.\n');
  console.log(
    '| page | ended by 4413 | warned at | largest | noticed | told | process gone | next one served | errors |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const grower of which) {
    const mine: Run[] = [];
    const neighbours = await Neighbours.start(cdpmux.wsUrl, Number(values.neighbours));
    for (let nth = 0; nth < Number(values.times); nth++) {
      mine.push(await growOnce(cdpmux, grower, { hardMb: HARD, neighbours }));
    }
    await neighbours.stop();
    runs.push(...mine);
    console.log(row(grower, mine));
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(runs, undefined, 2)}\n`);
  const missed = runs.filter(({ code }) => code !== 4413);
  for (const { grower, code, reason } of missed) console.log(`${grower}: closed with ${code} ${reason}`);
  for (const { grower, errors } of runs) for (const error of errors) console.log(`${grower}: ${error}`);
  if (missed.length > runs.length / 20 || runs.some(({ errors }) => errors.length > 0)) process.exitCode = 1;
});

function row(grower: Grower, runs: readonly Run[]): string {
  const both = (of: (run: Run) => number): string => {
    const all = runs.map(of).filter((one) => !Number.isNaN(one));
    return all.length === 0 ? '–' : `${Math.round(quantile(all, 0.5))}, ${Math.round(Math.max(...all))}`;
  };
  const evicted = runs.filter(({ code }) => code === 4413).length;
  const errors = runs.reduce((sum, one) => sum + one.errors.length, 0);
  const cells = [
    grower,
    `${evicted} of ${runs.length}`,
    both(({ warnedAt }) => warnedAt),
    both(({ peak }) => peak),
    both(({ noticed }) => noticed),
    both(({ told }) => told),
    both(({ gone }) => gone),
    both(({ served }) => served),
    String(errors),
  ];
  return `| ${cells.join(' | ')} |`;
}
