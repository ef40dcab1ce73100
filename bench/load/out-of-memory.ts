import { startCdpmux } from '../cdpmux.js';
import { browsersOf, waitFor } from './api.js';
import { HoldingClient } from './client.js';
import { must, type Scenario } from './scenario.js';

/** V8's own limit, MB, beneath which nothing of cdpmux's intervenes here. */
const ISOLATE = 200;

/** A page that V8 itself kills is told to its client, which goes on in the same Chrome; its neighbour does not notice. */
export const outOfMemory: Scenario = {
  name: 'recovery after out-of-memory',
  async run({ executable, closers }) {
    const settings = ['memory.enabled=false', `memory.isolateMb=${ISOLATE}`];
    const cdpmux = await startCdpmux(executable, { settings });
    const close = closers.add(() => cdpmux.close());
    const neighbour = await HoldingClient.open(cdpmux.wsUrl);
    await neighbour.hold(10);
    const client = await HoldingClient.open(cdpmux.wsUrl);
    const [before] = await browsersOf(cdpmux.url);
    const died = await client.hold(3 * ISOLATE).then(
      () => undefined,
      (error: Error) => error.message,
    );
    must(died?.includes('crashed') === true, `the page did not die of ${3 * ISOLATE} MB: ${died}`);
    const began = performance.now();
    // Chrome answers nothing of a page whose process died until it is loaded anew
    client.reload().catch(() => undefined);
    const next = await HoldingClient.open(cdpmux.wsUrl);
    must((await next.evaluate('6*7')) === 42, 'the next client was given no page that works');
    const recovered = Math.round(performance.now() - began);
    must((await neighbour.evaluate('k.length')) === 10, 'the neighbour lost what it had');
    const [after] = await browsersOf(cdpmux.url);
    must(after?.pid === before?.pid, 'the Chrome is another one');
    await waitFor('a count of the crash', async () => (await browsersOf(cdpmux.url))[0]?.crashes === 1);
    for (const one of [neighbour, client, next]) one.close();
    await close();
    return { isolateMb: ISOLATE, recoveredMs: recovered };
  },
};
