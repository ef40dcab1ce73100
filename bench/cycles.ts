import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { Closers } from './closers.js';
import { runCycles } from './leftovers.js';
import type { Moment } from './leftovers.js';

const USAGE = `npm run cycles -- [flags]
  --cycles <n>              connect, newPage, goto, evaluate, disconnect (500)
  --parallel <n>            so many at a time (10)
  --warm-up <n>             so many of them before the heap is first looked at (50)
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
  --json <file>             write the figures there too
`;

const HEAP_BOUND = 10;

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '500' },
    parallel: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '50' },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
    json: { type: 'string' },
  },
});
const [cycles = 0, parallel = 0, warmUp = 0] = [values.cycles, values.parallel, values['warm-up']].map(
  Number,
);
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
if (kind === undefined || !(parallel > 0) || !(warmUp > 0) || !(cycles > warmUp)) {
  console.error(USAGE);
  process.exit(2);
}

process.exitCode = await Closers.with(async (closers) => {
  const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
  const report = await runCycles({ executable, cycles, parallel, warmUp, heapBound: HEAP_BOUND, closers });
  const { version, start, warm, end, seconds, problems } = report;
  console.log(`${cycles} cycles, ${parallel} at a time, on ${executable.kind} ${version} (${executable.path})
${moment('at the start', start)}
${moment(`after ${warmUp} cycles`, warm)}
${moment(`after ${cycles} cycles`, end)}
${((cycles - warmUp) / seconds).toFixed(1)} cycles/s; heap ${signed(end.heapMb - warm.heapMb)} MB (at most ${HEAP_BOUND})
${problems.length === 0 ? 'nothing left over' : problems.join('\n')}`);
  if (values.json !== undefined) {
    const written = {
      date: new Date().toISOString(),
      kind: executable.kind,
      cycles,
      parallel,
      warmUp,
      ...report,
    };
    await writeFile(values.json, `${JSON.stringify(written, undefined, 2)}\n`);
  }
  return problems.length === 0 ? 0 : 1;
});

function moment(when: string, { chrome, cdpmux, timers, heapMb }: Moment): string {
  const { targets, contexts, renderers } = chrome;
  const counts = Object.entries(cdpmux).map(([name, count]) => `${name} ${count}`);
  return `${when.padEnd(18)} Chrome: targets ${targets.length}, contexts ${contexts}, renderers ${renderers}; cdpmux: ${counts.join(', ')}, timers ${timers}, heap ${heapMb.toFixed(1)} MB`;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
}
