import { pool } from '../pool.js';
import type { Suite } from '../suite.js';

/** What a pool of Chromes does for its clients. */
export const poolSuite: Suite = {
  name: 'pool',
  measures: 'admission, recovery, cold start, reuse, affinity and waiting',
  run: (run) =>
    pool({
      executable: run.executable,
      clients: run.number('clients'),
      rounds: run.number('rounds'),
      closers: run.closers,
    }),
};
