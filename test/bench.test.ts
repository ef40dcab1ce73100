import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { startCdpmux } from '../bench/cdpmux.js';
import { Closers } from '../bench/closers.js';
import { startDirect } from '../bench/direct-chrome.js';
import { isMet, table } from '../bench/figures.js';
import type { Figure } from '../bench/figures.js';
import { runCycles } from '../bench/leftovers.js';
import { projectRoot } from '../bench/paths.js';
import { wire } from '../bench/wire.js';
import { findChrome } from '../src/chrome/executable.js';
import type { ChromeExecutable } from '../src/index.js';

let executable: ChromeExecutable;
const closers = new Closers();

beforeAll(async () => {
  executable = await findChrome({ kind: 'auto', env: process.env, tmpDir: tmpdir() });
});

afterAll(() => closers.run());

describe('the benchmark', () => {
  it('gives a figure for each thing that the wire suite measures', async () => {
    execFileSync(process.execPath, [join(projectRoot, 'scripts/build-if-stale.mjs')]);
    const direct = await startDirect(executable);
    closers.add(() => direct.close());
    const cdpmux = await startCdpmux(executable);
    closers.add(() => cdpmux.close());
    const figures = await wire({ directUrl: direct.wsUrl, cdpmuxUrl: cdpmux.wsUrl, seconds: 1 });
    expect(figures.map(({ name }) => name)).toEqual([
      'p50, one at a time',
      'p99, one at a time',
      'throughput, 64 at a time',
      'result of 10 MB',
      'p50, 1000 a second as they come',
      'p99, 1000 a second as they come',
      'p99.9, 1000 a second as they come',
    ]);
    for (const { direct, cdpmux, ratio } of figures) {
      for (const value of [direct, cdpmux, ratio.low, ratio.median, ratio.high, ratio.rounds]) {
        expect(Number.isFinite(value) && value > 0).toBe(true);
      }
    }
  }, 120_000);

  it('says of each figure whether its target is reached', () => {
    const figure = (median: number, target?: Figure['target']): Figure => ({
      suite: 'wire',
      name: `at ${median}`,
      unit: 'µs',
      direct: 100,
      cdpmux: 100 * median,
      ratio: { median, low: median, high: median, rounds: 3 },
      ...(target && { target }),
    });
    const atMost = { of: 'ratio', relation: '<=', value: 1.35 } as const;
    const figures = [figure(1.35, atMost), figure(1.36, atMost), figure(9)];
    expect(figures.map(isMet)).toEqual([true, false, undefined]);
    expect(table(figures).split('\n')).toEqual([
      'figure         direct  cdpmux  unit  ratio     quartiles  rounds  target',
      'wire: at 1.35     100     135  µs    1.350  1.350..1.350       3  ratio <= 1.35  met',
      'wire: at 1.36     100     136  µs    1.360  1.360..1.360       3  ratio <= 1.35  short',
      'wire: at 9        100     900  µs    9.000  9.000..9.000       3',
    ]);
  });
});

describe('clients that come and go', () => {
  it('leave nothing in Chrome and in cdpmux', async () => {
    const options = { cycles: 30, parallel: 10, warmUp: 10, heapBound: 10, closers };
    const { start, end, problems } = await runCycles({ ...options, executable });
    expect(problems).toEqual([]);
    expect(end.chrome).toEqual({ targets: [], contexts: 0, renderers: start.chrome.renderers });
    expect(end.cdpmux).toEqual(start.cdpmux);
  }, 120_000);
});
