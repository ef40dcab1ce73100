import { session } from '../session.js';
import type { Suite } from '../suite.js';

/** Clients that come, get a page and go. */
export const sessionSuite: Suite = {
  name: 'session',
  measures: 'clients that come, get a page and go, alone and beside others',
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    return session({
      executable: run.executable,
      directUrl: direct.wsUrl,
      cdpmuxUrl: cdpmux.wsUrl,
      rounds: run.number('rounds'),
      neighbours: [1, 20, 100, 200],
    });
  },
};
