import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { runChaos } from '../bench/chaos/run.js';
import { Closers } from '../bench/closers.js';
import { projectRoot } from '../bench/paths.js';
import { findChrome } from '../src/chrome/executable.js';
import { chromeExecutable, testKind } from './support/chrome.js';

const closers = new Closers();
afterAll(() => closers.run(), 60_000);

describe('a pool to which everything happens that may (npm run chaos -- --seed 2026 --clients 8 --seconds 15)', () => {
  it('serves all clients that nothing befell, tells the others why, and leaves nothing over', async () => {
    // the clients run in a process of their own, from what is built
    execFileSync(process.execPath, [join(projectRoot, 'scripts/build-if-stale.mjs'), 'bench']);
    const kind = testKind();
    const executable = await findChrome({
      chrome: chromeExecutable(),
      kind,
      env: process.env,
      tmpDir: tmpdir(),
    });
    const report = await runChaos({ executable, seed: 2026, duration: 15_000, clients: 8, closers });
    const { problems, others, deeds, done } = report;
    expect({ problems, others }).toEqual({ problems: [], others });
    expect(done).toBeGreaterThan(0);
    for (const deed of ['kill -9', 'cut a client', 'cut an upstream', 'recycle'] as const) {
      expect([deed, deeds.get(deed) ?? 0]).not.toEqual([deed, 0]);
    }
  }, 300_000);
});
