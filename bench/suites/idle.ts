import { setTimeout as delay } from 'node:timers/promises';

import { alone } from '../pool/figure.js';
import { RawClient } from '../raw-client.js';
import { residentMemory } from '../process-cost.js';
import type { Suite } from '../suite.js';

/** How long memory may take to come to rest, ms. */
const REST = 3_000;

/** What clients that do nothing cost cdpmux's own process. */
export const idleSuite: Suite = {
  name: 'idle',
  measures: "cdpmux's own memory with --idle clients that do nothing, without pages",
  flags: { idle: { default: '500', help: 'idle: how many clients' } },
  async run(run) {
    const count = run.number('idle');
    const cdpmux = await run.cdpmux();
    // one that came and went: what is loaded and compiled for the first one is not each one's
    const first = await RawClient.connect(`${cdpmux.wsUrl}?initialPage=false`);
    await first.request('Browser.getVersion');
    first.close();
    await delay(REST);
    const empty = await residentMemory(cdpmux.pid);
    const clients: RawClient[] = [];
    run.closers.add(() => clients.forEach((one) => one.close()));
    for (let i = 0; i < count; i++) {
      const client = await RawClient.connect(`${cdpmux.wsUrl}?initialPage=false`);
      clients.push(client);
      await client.request('Browser.getVersion');
    }
    await delay(REST);
    const full = await residentMemory(cdpmux.pid);
    return [
      alone('idle', 'resident memory of cdpmux, empty', 'MB', empty),
      alone('idle', `resident memory of cdpmux, ${count} idle clients more`, 'MB', full - empty, {
        relation: '<=',
        value: 150,
      }),
    ];
  },
};
