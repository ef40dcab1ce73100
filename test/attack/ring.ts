import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCdpmux } from '../support/cdpmux.js';
import { openSite } from '../support/site.js';
import { Arena } from './arena.js';
import { partiesAt, strangers, type Parties } from './parties.js';

/** An arena with all that it stands on. */
export interface Ring {
  readonly arena: Arena;
  close(): Promise<void>;
}

/** Starts a cdpmux for strangers with at most so many Chromes, a site, and victim and attacker at work there. */
export async function openRing(
  mostBrowsers: number,
  seat: (parties: Parties) => Parties = (parties) => parties,
): Promise<Ring> {
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-attack-'));
  const [cdpmux, site] = await Promise.all([
    startCdpmux({ ...strangers, 'browsers.min': 1, 'browsers.max': mostBrowsers }),
    openSite(),
  ]);
  const arena = await Arena.open({ parties: seat(partiesAt(cdpmux)), site, directory });
  return {
    arena,
    close: async () => {
      await cdpmux.close();
      await Promise.all([site.close(), rm(directory, { recursive: true })]);
    },
  };
}
