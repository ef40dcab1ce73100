import { batchFigures } from '../batch.js';
import type { Suite } from '../suite.js';

/** Many commands in one frame, over a link. */
export const batchSuite: Suite = {
  name: 'batch',
  measures:
    'Mux.batch and cdpmux/client over a link of 50 ms, against Puppeteer with a direct Chrome over the same',
  async run(run) {
    const [direct, cdpmux] = [await run.direct(), await run.cdpmux()];
    return batchFigures({
      directUrl: direct.wsUrl,
      cdpmuxUrl: cdpmux.wsUrl,
      rounds: run.number('rounds'),
      closers: run.closers,
    });
  },
};
