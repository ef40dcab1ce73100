import { getPriority } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { eventually } from './support/eventually.js';
import { startHealthCdpmux, type HealthCdpmux } from './support/health-cdpmux.js';
import { evaluate } from './support/page.js';
import { rendererOf } from './support/renderers.js';
import { Busyness, isContended } from '../src/mux/hogs-policy.js';

describe('a renderer', () => {
  it('is a hog when it has been busy all the time for 3 s, and calm again when it has been idle for 5 s', () => {
    const busy = new Busyness();
    for (const [now, share, isHog, isCalm] of [
      [1_000, 0.95, false, false],
      [2_000, 1, false, false],
      [3_000, 0.9, true, false],
      [4_000, 0.5, false, false],
      [5_000, 1, false, false],
      [6_000, 0.1, false, false],
      [9_000, 0.2, false, false],
      [10_000, 0, false, true],
    ] as const) {
      busy.add(share, now, 1_000);
      expect([now, busy.isHog(now), busy.isCalm(now)]).toEqual([now, isHog, isCalm]);
    }
  });

  it('keeps others waiting only when somebody waits for a processor for more than a tenth of the time', () => {
    expect([isContended(99, 1_000), isContended(101, 1_000)]).toEqual([false, true]);
  });
});

describe('pages in endless loops', () => {
  let cdpmux: HealthCdpmux | undefined;
  afterEach(async () => {
    await cdpmux?.close();
    cdpmux = undefined;
  });

  it('are slowed down, their time is counted for whom they belong to, and nobody else is slowed down', async () => {
    cdpmux = await startHealthCdpmux({ 'browsers.min': 1, 'browsers.max': 1 });
    const { wsUrl, mux } = cdpmux;
    const pid = mux.browsers()[0]!.pid!;
    const client = await CdpClient.connect(`${wsUrl}?label.name=client`);
    const page = await client.newPage();
    const quiet = await rendererOf(pid, client, page);
    const hog = await CdpClient.connect(`${wsUrl}?label.name=hog`);
    const pages = [await hog.newPage(), await hog.newPage(), await hog.newPage()];
    const loops: number[] = [];
    for (const one of pages) loops.push(await rendererOf(pid, hog, one));
    for (const [nth, one] of pages.entries()) {
      const params = { expression: 'for(;;){}' };
      hog.raw(
        JSON.stringify({ id: 1_000 + nth, method: 'Runtime.evaluate', params, sessionId: one.sessionId }),
      );
    }
    await eventually(
      async () => {
        expect(await evaluate(client, page, '6*7')).toBe(42);
        return loops.every((one) => getPriority(one) === 19);
      },
      { within: 60_000, what: 'the last priority' },
    );
    expect(getPriority(quiet)).toBe(0);
    const slowed = cdpmux.told('renderer.slowed').map(({ fields }) => fields['pid']);
    expect(slowed.sort()).toEqual(loops.sort());
    const secondsOf = (name: string): number =>
      mux.virtualBrowsers().find(({ labels }) => labels['name'] === name)?.processorSeconds ?? 0;
    await eventually(() => secondsOf('hog') > 1 && secondsOf('hog') > secondsOf('client'), {
      within: 60_000,
      what: 'the count of their time',
    });
  }, 150_000);
});
