import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

let cdpmux: TestCdpmux;
beforeAll(async () => void (cdpmux = await startCdpmux()));
afterAll(() => cdpmux.close());

/** How many such commands were answered from memory, and how many by a browser. */
async function counts(): Promise<{ memory: number; browser: number }> {
  const { body } = await ask(`${cdpmux.url}/metrics`);
  const of = (from: string): number =>
    Number(new RegExp(`^cdpmux_shared_answers_total{from="${from}"} (\\d+)`, 'm').exec(body)?.[1]);
  return { memory: of('memory'), browser: of('browser') };
}

describe('answers that are the same for everybody', () => {
  it('are asked of Chrome once, and given as Chrome gave them', async () => {
    const [one, other] = [await CdpClient.connect(cdpmux.wsUrl), await CdpClient.connect(cdpmux.wsUrl)];
    const { sessionId } = await other.newPage();
    const before = await counts();
    const ofChrome = await one.ask('Browser.getVersion');
    const again = await other.ask('Browser.getVersion', {});
    expect(again.result).toEqual(ofChrome.result);
    expect(await counts()).toEqual({ memory: before.memory + 1, browser: before.browser + 1 });
    const domains = await other.ask('Schema.getDomains', {}, sessionId);
    expect(await other.ask('Schema.getDomains', {}, sessionId)).toEqual({ ...domains, id: domains.id! + 1 });
    expect(domains.result).toHaveProperty('domains');
    expect(await counts()).toEqual({ memory: before.memory + 2, browser: before.browser + 2 });
    const { memory, browser } = await counts();
    expect(cdpmux.mux.stats().sharedAnswers).toBeCloseTo(memory / (memory + browser));
    await Promise.all([one.close(), other.close()]);
  });

  it('never overtake the answer to what the client asked before', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    await client.send('Browser.getVersion');
    const ids = Array.from({ length: 60 }, (_, nth) => 1_000 + nth);
    const before = await counts();
    for (const id of ids) {
      const method = id % 3 === 0 ? 'Target.getTargets' : 'Browser.getVersion';
      client.raw(JSON.stringify({ id, method }));
    }
    const answered = (): number[] => client.received.flatMap(({ id = 0 }) => (id >= 1_000 ? id : []));
    await client.until(() => answered().length === ids.length, 'all answers');
    expect(answered()).toEqual(ids);
    // 1000 and 1001 come before the first that Chrome is asked; what comes behind that one waits behind it
    expect((await counts()).browser).toBeGreaterThan(before.browser);
    await client.close();
  });

  it('are not given where Chrome would judge parameters', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    await client.send('Browser.getVersion');
    const before = await counts();
    expect((await client.ask('Browser.getVersion', { more: 1 })).result).toHaveProperty('product');
    expect((await client.ask('Schema.getDomains')).error?.code).toBe(-32601);
    expect(await counts()).toEqual(before);
    await client.close();
  });

  it('are of one Chrome: another one is asked itself', async () => {
    const own = await CdpClient.connect(`${cdpmux.wsUrl}?mode=exclusive`);
    const before = await counts();
    await own.send('Browser.getVersion');
    expect(await counts()).toEqual({ ...before, browser: before.browser + 1 });
    await own.close();
  });
});
