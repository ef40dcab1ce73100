import { batching } from '../batching.js';
import type { Suite } from '../suite.js';

/** The default of `batch.*` against fixed windows. */
export const batchingSuite: Suite = {
  name: 'batching',
  measures:
    'the default of batch.* against fixed windows of 0, 1, 5 and 50 ms (in rounds, of which each takes --slice per thing)',
  flags: { slice: { default: '250', help: 'batching: how long each load is on each side in a round, ms' } },
  run: (run) =>
    batching({
      start: (settings) => run.cdpmux(settings),
      rounds: run.number('rounds'),
      slice: run.number('slice'),
    }),
};
