import { startCdpmux, type RunningCdpmux } from '../cdpmux.js';
import { EventEar } from '../evict/events.js';
import { browsersOf, metricOf, virtualsOf, waitFor } from './api.js';
import { HoldingClient } from './client.js';
import { must, type LoadOptions, type Scenario } from './scenario.js';

/** Steps by which a page grows, MB. */
const STEP = 20;

/** Two Chromes with the limits that were given. */
async function started({ executable, softMb, hardMb, closers }: LoadOptions): Promise<RunningCdpmux> {
  const settings = [
    'browsers.max=2',
    'browsers.virtualPerBrowser=4',
    `memory.softLimitMb=${softMb}`,
    `memory.hardLimitMb=${hardMb}`,
    'memory.virtual.softLimitMb=0',
    'memory.virtual.hardLimitMb=0',
  ];
  const cdpmux = await startCdpmux(executable, { settings });
  return { ...cdpmux, close: closers.add(() => cdpmux.close()) };
}

/** A Chrome past the soft limit is told of and takes nobody new, until it is well below. */
export const softLimit: Scenario = {
  name: 'soft limit warning',
  async run(options) {
    const cdpmux = await started(options);
    const ear = await EventEar.on(cdpmux.url);
    const client = await HoldingClient.open(cdpmux.wsUrl);
    await client.hold(options.softMb + 20);
    const noticed = await waitFor('a warning', () => ear.has('memory.warning'));
    const [first] = await browsersOf(cdpmux.url);
    const newcomer = await HoldingClient.open(cdpmux.wsUrl);
    const homes = new Set((await virtualsOf(cdpmux.url)).map(({ browser }) => browser));
    must(homes.size === 2, 'a newcomer came into the Chrome that is above its soft limit');
    await client.release();
    const recovered = await waitFor('a recovery', () => ear.has('memory.recovered'));
    must(client.closed === undefined, 'the client above the soft limit was closed');
    for (const one of [client, newcomer, ear, cdpmux]) await one.close();
    return { heldMb: first?.memory?.heldMb ?? NaN, noticedMs: noticed, recoveredMs: recovered };
  },
};

/** Past the hard limit the largest has to go; the others work on. */
export const hardLimit: Scenario = {
  name: 'hard limit eviction',
  async run(options) {
    const cdpmux = await started(options);
    const small = await HoldingClient.open(cdpmux.wsUrl);
    await small.hold(STEP);
    const large = await HoldingClient.open(cdpmux.wsUrl);
    let held = 0;
    while (!large.closed && held < 2 * options.hardMb) held = await large.hold(STEP).catch(() => held);
    await waitFor('a close', () => large.closed !== undefined);
    const { code, reason } = large.closed!;
    must(code === 4413, `closed with ${code} ${reason}`);
    must((await small.evaluate('k.length')) === STEP, 'the other one lost what it had');
    const counted = await metricOf(cdpmux.url, 'cdpmux_memory_evictions_total');
    must(counted === 1, `${counted} evictions were counted`);
    for (const one of [small, large, cdpmux]) await one.close();
    return { heldMb: held, code, reason };
  },
};

/** What is told of a heap is what is held. */
export const heapStats: Scenario = {
  name: 'heap stats',
  async run(options) {
    const cdpmux = await started(options);
    const client = await HoldingClient.open(cdpmux.wsUrl);
    const held = Math.round(options.softMb / 2);
    await client.hold(held);
    let told = NaN;
    let used = NaN;
    await waitFor(`${held} MB in the reports`, async () => {
      const memory = (await virtualsOf(cdpmux.url))[0]?.memory;
      told = memory?.heldMb ?? NaN;
      used = memory?.heapUsedMb ?? NaN;
      return [told, used].every((mb) => Math.abs(mb - held) < held / 10);
    });
    const [browser] = await browsersOf(cdpmux.url);
    must((browser?.memory?.residentMb ?? 0) > held, 'the processes hold less than the page');
    for (const one of [client, cdpmux]) await one.close();
    return { heldMb: held, toldMb: told, heapUsedMb: used, residentMb: browser?.memory?.residentMb ?? NaN };
  },
};
