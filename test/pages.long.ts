import { getPriority } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { eventually } from './support/eventually.js';
import { startHealthCdpmux, type HealthCdpmux } from './support/health-cdpmux.js';
import { evaluate } from './support/page.js';
import { rendererOf, ticksOf } from './support/renderers.js';

const LONG = 150_000;

let cdpmux: HealthCdpmux | undefined;
afterEach(async () => {
  await cdpmux?.close();
  cdpmux = undefined;
});

describe('pages in endless loops', () => {
  it(
    'are slowed down, their time is counted for whom they belong to, and nobody else is slowed down',
    async () => {
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
    },
    LONG,
  );
});

describe('a page whose process does not run', () => {
  it(
    'is closed, where that is the policy',
    async () => {
      cdpmux = await startHealthCdpmux(
        { 'browsers.min': 1, 'browsers.max': 1 },
        { timeout: 1_000 },
        { pageHang: 300, pageHangAction: 'close' },
      );
      const [client, other] = [await CdpClient.connect(cdpmux.wsUrl), await CdpClient.connect(cdpmux.wsUrl)];
      const otherPage = await other.newPage();
      const page = await client.newPage();
      const pid = await rendererOf(cdpmux.mux.browsers()[0]!.pid!, client, page);
      await client.send('Target.setDiscoverTargets', { discover: true });
      process.kill(pid, 'SIGSTOP');
      const params = { expression: '1' };
      client.raw(
        JSON.stringify({ id: 9_999, method: 'Runtime.evaluate', params, sessionId: page.sessionId }),
      );
      const isDestroyed = (message: Message): boolean =>
        message.method === 'Target.targetDestroyed' && message.params?.['targetId'] === page.targetId;
      await client.waitFor(isDestroyed, 'the end of the page');
      expect(cdpmux.told('page.hung')).toHaveLength(1);
      expect(await evaluate(other, otherPage, '6*7')).toBe(42);
      await client.newPage();
      await eventually(() => ticksOf(pid) === undefined, { within: 30_000, what: 'the end of the process' });
    },
    LONG,
  );
});
