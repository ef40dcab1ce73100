import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findChrome } from '../src/chrome/executable.js';
import { Closers } from './closers.js';
import { runComebacks } from './comebacks.js';
import type { Moment } from './leftovers.js';

const USAGE = `npm run coming-back -- [flags]
  --times <n>               lose the network in the middle of a navigation, come back, look, end it (100)
  --kind auto|shell|chrome  on which Chrome (auto: the headless shell where there is one)
  --chrome <path>           that very Chrome
`;

const { values } = parseArgs({
  options: {
    times: { type: 'string', default: '100' },
    kind: { type: 'string', default: 'auto' },
    chrome: { type: 'string' },
  },
});
const times = Number(values.times);
const kind = (['auto', 'shell', 'chrome'] as const).find((one) => one === values.kind);
if (kind === undefined || !Number.isSafeInteger(times) || times < 1) {
  console.error(USAGE);
  process.exit(2);
}

process.exitCode = await Closers.with(async (closers) => {
  const executable = await findChrome({ chrome: values.chrome, kind, env: process.env, tmpDir: tmpdir() });
  const onTime = (n: number): void => void process.stderr.write(n % 10 === 9 ? `${n + 1}\n` : '.');
  const { version, start, end, tried, problems } = await runComebacks({
    executable,
    times,
    closers,
    onTime,
    onProblem: (problem) => void process.stderr.write(`\n${problem}\n`),
  });
  const ways = Object.entries(tried).map(([way, count]) => `${String(count).padStart(5)}  ${way}`);
  console.log(`${times} times, on ${executable.kind} ${version} (${executable.path})
${ways.join('\n')}
${moment('at the start', start)}
${moment('at the end', end)}
${problems.length === 0 ? 'all was there as it was left, and nothing is left over' : problems.join('\n')}`);
  return problems.length === 0 ? 0 : 1;
});

function moment(when: string, { chrome, cdpmux }: Moment): string {
  const counts = Object.entries(cdpmux).map(([name, count]) => `${name} ${count}`);
  return `${when.padEnd(12)} Chrome: targets ${chrome.targets.length}, contexts ${chrome.contexts}, renderers ${chrome.renderers}; cdpmux: ${counts.join(', ')}`;
}
