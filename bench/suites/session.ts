import type { Figure } from '../figures.js';
import { session } from '../session.js';
import { stock } from '../stock.js';
import type { Suite, SuiteRun } from '../suite.js';
import { visit } from '../visit.js';

/** Clients that come, get a page and go. */
export const sessionSuite: Suite = {
  name: 'session',
  measures:
    'clients that come, get a page, work with it and go; alone and beside others, with and without what is kept ready',
  flags: {
    'stock-only': { help: 'session: only what is kept ready', default: false },
    'bare-direct': {
      help: 'session: what is kept ready, compared with a Chrome that has no page when a client comes',
      default: false,
    },
    'visit-only': { help: 'session: only the work of one client, step by step', default: false },
  },
  async run(run) {
    if (run.isSet('stock-only')) return stock(run);
    if (run.isSet('visit-only')) return visit(run);
    return [...(await others(run)), ...(await visit(run)), ...(await stock(run))];
  },
};

async function others(run: SuiteRun): Promise<Figure[]> {
  const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
  const figures = await session({
    executable: run.executable,
    directUrl: direct.wsUrl,
    cdpmuxUrl: cdpmux.wsUrl,
    rounds: run.number('rounds'),
    neighbours: [1, 20, 100, 200],
  });
  await Promise.all([direct.close(), cdpmux.close()]);
  return figures;
}
