import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findChrome } from '../src/chrome/executable.js';
import { Closers } from './closers.js';
import { counts } from './load/counts.js';
import { crowd } from './load/crowd.js';
import { hardLimit, heapStats, softLimit } from './load/limits.js';
import { outOfMemory } from './load/out-of-memory.js';
import type { Figures, LoadOptions, Scenario } from './load/scenario.js';
import { projectRoot } from './paths.js';

const USAGE = `npm run load -- [browsers [operations [soft MB [hard MB]]]]
  20 1000 300 500 where they are not given; the report is written to dist/load-report.json
`;

/** What became of one scenario. */
interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly figures: Figures;
  readonly error?: string;
}

const scenarios: readonly Scenario[] = [softLimit, hardLimit, outOfMemory, heapStats, crowd, counts];
const given = process.argv.slice(2);
const [browsers = 20, operations = 1_000, softMb = 300, hardMb = 500] = given.map(Number);
const all = [browsers, operations, softMb, hardMb];
if (given.length > 4 || !all.every((one) => Number.isInteger(one) && one > 0) || softMb >= hardMb) {
  console.error(`Four whole numbers above 0, the soft limit below the hard one.\n\n${USAGE}`);
  process.exit(2);
}

await Closers.with(async (closers) => {
  const executable = await findChrome({ kind: 'auto', env: process.env, tmpDir: tmpdir() });
  console.log(
    `${browsers} browsers, ${operations} operations, ${softMb} and ${hardMb} MB, ${executable.path}`,
  );
  const outcomes: Outcome[] = [];
  for (const scenario of scenarios) {
    const outcome = await attempt(scenario, { executable, browsers, operations, softMb, hardMb, closers });
    outcomes.push(outcome);
    console.log(line(outcome));
  }
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const report = { date: new Date().toISOString(), browsers, operations, softMb, hardMb, outcomes };
  await mkdir(join(projectRoot, 'dist'), { recursive: true });
  await writeFile(join(projectRoot, 'dist/load-report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`${outcomes.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});

async function attempt(scenario: Scenario, options: LoadOptions): Promise<Outcome> {
  const began = performance.now();
  const seconds = (): number => Math.round((performance.now() - began) / 100) / 10;
  const { name } = scenario;
  try {
    const figures = await scenario.run(options);
    return { name, passed: true, seconds: seconds(), figures };
  } catch (error) {
    // what it started goes before the next one
    await options.closers.run();
    return { name, passed: false, seconds: seconds(), figures: {}, error: (error as Error).message };
  }
}

function line({ name, passed, seconds, figures, error }: Outcome): string {
  const colour = process.stdout.isTTY ? (passed ? '\x1b[32m' : '\x1b[31m') : '';
  const plain = process.stdout.isTTY ? '\x1b[0m' : '';
  const said =
    error ??
    Object.entries(figures)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ');
  return `${colour}${passed ? 'passed' : 'FAILED'}${plain}  ${name} (${seconds} s): ${said}`;
}
