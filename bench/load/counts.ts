import { startCdpmux } from '../cdpmux.js';
import { EventEar } from '../evict/events.js';
import { metricOf, waitFor } from './api.js';
import { HoldingClient } from './client.js';
import { must, type Scenario } from './scenario.js';

/** How many are evicted one after the other. */
const TIMES = 3;

/** What happened, what events tell and what metrics count are the same. */
export const counts: Scenario = {
  name: 'metrics and events counted',
  async run({ executable, softMb, hardMb, closers }) {
    const settings = [`memory.virtual.softLimitMb=${softMb}`, `memory.virtual.hardLimitMb=${hardMb}`];
    const cdpmux = await startCdpmux(executable, { settings });
    const close = closers.add(() => cdpmux.close());
    const ear = await EventEar.on(cdpmux.url);
    for (let nth = 0; nth < TIMES; nth++) {
      const client = await HoldingClient.open(cdpmux.wsUrl);
      await client.hold(softMb + 20);
      await waitFor('a warning', () => ear.count('memory.warning') === nth + 1);
      client.hold(hardMb).catch(() => undefined);
      await waitFor('a close', () => client.closed !== undefined);
      must(client.closed?.code === 4413, `closed with ${client.closed?.code}`);
    }
    const [warnings, evictions] = await Promise.all([
      metricOf(cdpmux.url, 'cdpmux_memory_warnings_total'),
      metricOf(cdpmux.url, 'cdpmux_memory_evictions_total'),
    ]);
    const [told, toldOf] = [ear.count('memory.warning'), ear.count('memory.evicted')];
    must(warnings === TIMES && told === TIMES, `${TIMES} warnings, ${told} events, ${warnings} counted`);
    must(
      evictions === TIMES && toldOf === TIMES,
      `${TIMES} evictions, ${toldOf} events, ${evictions} counted`,
    );
    ear.close();
    await close();
    return { warnings, evictions };
  },
};
