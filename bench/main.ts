import { writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';

import { findChrome } from '../src/chrome/executable.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { isMet, table } from './figures.js';
import type { Figure } from './figures.js';
import { readFlags, usage, type Flags } from './flags.js';
import { RawClient } from './raw-client.js';
import { suites } from './registry.js';
import { SuiteRun } from './suite.js';

async function run(flags: Flags, closers: Closers): Promise<void> {
  const { kind, chrome } = flags;
  const executable = await findChrome({ chrome, kind, env: process.env, tmpDir: tmpdir() });
  const product = await versionOf(executable, closers);
  const where = `${executable.kind === 'shell' ? 'headless shell' : 'full Chrome'} ${product.replace(/^.*\//, '')}`;
  const machine = `Node ${process.versions.node}, ${availableParallelism()} CPUs, load ${(loadavg()[0] ?? 0).toFixed(1)}`;
  console.log(`cdpmux against a direct Chrome, in turns, on ${where} (${executable.path}), ${machine}\n`);
  const figures: Figure[] = [];
  const extras: Record<string, unknown> = {};
  for (const suite of flags.suites) {
    const own = new Closers();
    const closeOwn = closers.add(() => own.run());
    const one = new SuiteRun(executable, own, flags.values, flags.cpuProf);
    figures.push(...(await suite.run(one)));
    Object.assign(extras, one.extras);
    await closeOwn();
  }
  if (figures.length > 0) console.log(`${table(figures)}\n\nAll on ${where}. ${explanation}`);
  if (flags.json !== undefined) {
    const results = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
    const date = new Date().toISOString();
    const report = { date, kind: executable.kind, version: product, machine, figures: results, ...extras };
    await writeFile(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
}

const explanation =
  'ratio: cdpmux by direct, median of the rounds; both sides take turns within a round, so that\n' +
  "the machine's load weighs on both alike. direct and cdpmux: medians over all rounds.";

async function versionOf(executable: ChromeExecutable, closers: Closers): Promise<string> {
  const direct = await startDirect(executable);
  const close = closers.add(() => direct.close());
  const client = await RawClient.connect(direct.wsUrl);
  try {
    return (await client.request<{ product: string }>('Browser.getVersion')).product;
  } finally {
    client.close();
    await close();
  }
}

let flags: Flags;
try {
  flags = readFlags(process.argv.slice(2), suites);
} catch (error) {
  console.error(`${(error as Error).message}\n\n${usage(suites)}`);
  process.exit(2);
}
await Closers.with((closers) => run(flags, closers));
