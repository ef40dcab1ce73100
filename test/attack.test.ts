import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Arena } from './attack/arena.js';
import { everyCommand } from './attack/every-command.js';
import { named } from './attack/named.js';
import { partiesAt, strangers } from './attack/parties.js';
import { commands } from './attack/protocol.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { openSite, type Site } from './support/site.js';

/** `npm run attack` looks after each command; here it is enough to know the few it was among. */
const LOOK_AFTER = 8;

describe('an attacker in one Chrome with a victim that has one of everything', () => {
  let cdpmux: TestCdpmux;
  let site: Site;
  let directory: string;
  let arena: Arena;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
    [cdpmux, site] = await Promise.all([
      startCdpmux({ ...strangers, 'browsers.min': 1, 'browsers.max': 1 }),
      openSite(),
    ]);
    arena = await Arena.open({ parties: partiesAt(cdpmux), site, directory });
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await Promise.all([site.close(), rm(directory, { recursive: true })]);
  });

  it.each(named)(
    'learns nothing and changes nothing: $name',
    async (attack) => {
      const { leaks, tries } = await arena.run(attack);
      expect(leaks).toEqual([]);
      expect(tries).toBeGreaterThan(0);
    },
    60_000,
  );

  it('learns nothing and changes nothing with any command of the protocol and the victim’s ids, from any session', async () => {
    const outcomes = await everyCommand(arena, { lookAfter: LOOK_AFTER });
    expect(outcomes.flatMap(({ leaks }) => leaks)).toEqual([]);
    expect(outcomes).toHaveLength(new Set(commands.map(({ domain }) => domain)).size);
    // with 56 ids and 9 kinds of session; fewer mean that the protocol's parameters are not recognised any more
    expect(outcomes.reduce((sum, { tries }) => sum + tries, 0)).toBeGreaterThan(15_000);
  }, 240_000);

  it('leaves the victim able to finish what it had begun', async () => {
    expect(await arena.close()).toEqual([]);
  });
});
