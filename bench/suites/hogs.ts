import { hogs } from '../hogs.js';
import type { Suite } from '../suite.js';

/** A client beside another one whose pages take all the processor they can get. */
export const hogsSuite: Suite = {
  name: 'hogs',
  measures: 'latency beside pages in endless loops of another client',
  flags: { hogs: { default: '4', help: 'hogs: how many pages are in endless loops' } },
  async run(run) {
    const slowing = await run.cdpmux(['limits.pageHang=0']);
    const not = await run.cdpmux(['limits.pageHang=0', 'health.slowHogs=false']);
    return hogs({
      sides: [
        { name: 'slowed down', cdpmux: slowing, slows: true },
        { name: 'not slowed down', cdpmux: not, slows: false },
      ],
      hogs: run.number('hogs'),
      rounds: Math.min(5, run.number('rounds')),
      seconds: run.number('seconds'),
    });
  },
};
