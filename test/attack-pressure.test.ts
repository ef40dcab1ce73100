import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Stage } from './attack/arena.js';
import { partiesAt, strangers } from './attack/parties.js';
import { pressures } from './attack/pressure.js';
import { Alone, work } from './attack/work.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { openSite, type Site } from './support/site.js';

/** What differs between these is chance, and is not asked of later runs. */
const RUNS_ALONE = 3;

/** So long the attacker goes on here, ms; `npm run attack -- --part latency` has it go on to the work's end. */
const PRESSED = 3_000;

/** Every second one here, `npm run attack -- --part latency` does all. */
const chosen = pressures.filter((_pressure, index) => index % 2 === 0);

/** Longest that the work may take; alone it takes about 2 s, and here all of it shares one process, ms. */
const PATIENCE = 50_000;

describe('a client at work in one Chrome', () => {
  let cdpmux: TestCdpmux;
  let site: Site;
  let stage: Stage;
  let alone: Alone;

  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
    [cdpmux, site] = await Promise.all([
      startCdpmux({ ...strangers, 'browsers.min': 1, 'browsers.max': 1 }),
      openSite(),
    ]);
    stage = { parties: partiesAt(cdpmux), site, directory };
    const runs = [];
    for (let n = 0; n < RUNS_ALONE; n++) runs.push(await work(stage));
    alone = new Alone(runs);
  }, 90_000);

  afterAll(async () => {
    await cdpmux.close();
    await Promise.all([site.close(), rm(stage.directory, { recursive: true })]);
  });

  it('is told the same things each time', () => {
    expect(alone.size).toBeGreaterThan(100);
  });

  it.each(chosen)(
    'finishes its work and is told what it is told alone beside one that $name',
    async ({ press }) => {
      const pressing = await press(stage.parties.attacker, site);
      const release = setTimeout(() => void pressing.stop(), PRESSED);
      try {
        const late = new AbortController();
        const run = await Promise.race([
          work(stage),
          pause(PATIENCE, undefined, { signal: late.signal }).then(() => undefined),
        ]);
        late.abort();
        if (!run) throw new Error(`the work was not done within ${PATIENCE} ms`);
        expect(alone.differences(run)).toEqual([]);
      } finally {
        clearTimeout(release);
        await pressing.stop();
      }
    },
    60_000,
  );
});
