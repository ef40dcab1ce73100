import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Arena } from './attack/arena.js';
import { named } from './attack/named.js';
import { partiesAt, strangers } from './attack/parties.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { exclusiveUrl } from './support/exclusive.js';
import { openSite, type Site } from './support/site.js';

describe('an attacker in a Chrome of its own, beside a victim in a shared one', () => {
  let cdpmux: TestCdpmux;
  let site: Site;
  let directory: string;
  let arena: Arena;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
    [cdpmux, site] = await Promise.all([
      startCdpmux({ ...strangers, 'browsers.min': 1, 'browsers.max': 3 }),
      openSite(),
    ]);
    const { victim, attacker } = partiesAt(cdpmux);
    const parties = { victim, attacker: { ...attacker, wsUrl: exclusiveUrl(attacker.wsUrl) } };
    arena = await Arena.open({ parties, site, directory });
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await Promise.all([site.close(), rm(directory, { recursive: true })]);
  });

  it.each(named)(
    'learns nothing of the victim or the machine, and changes nothing: $name',
    async (attack) => {
      const { leaks, tries } = await arena.run(attack);
      expect(leaks).toEqual([]);
      expect(tries).toBeGreaterThan(0);
    },
    60_000,
  );

  it('leaves the victim able to finish what it had begun', async () => {
    expect(await arena.close()).toEqual([]);
  });
});
