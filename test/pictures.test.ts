import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, type Kind } from './support/chrome.js';

const tooLarge = { code: -32000, message: 'Unable to capture screenshot' };
/** Chrome ends after six by default, and after three on full Chrome. */
const MANY = 8;

describe.each<Kind>(['shell', 'chrome'])('pictures that are too large: %s', (kind) => {
  let cdpmux: TestCdpmux;
  beforeAll(async () => {
    cdpmux = await startCdpmux({ chrome: chromeExecutable(kind), 'browsers.kind': kind, 'browsers.max': 1 });
  }, 60_000);
  afterAll(() => cdpmux.close());

  const shots = async (client: CdpClient, sessionId: string, clip: object): Promise<unknown[]> => {
    const answers: unknown[] = [];
    for (let n = 0; n < MANY; n++) {
      const params = { format: 'png', clip: { x: 0, y: 0, ...clip } };
      answers.push((await client.ask('Page.captureScreenshot', params, sessionId)).error);
    }
    return answers;
  };

  it('are answered as Chrome does, and the Chrome and its other clients live on', async () => {
    const [pid] = cdpmux.mux.browsers().map((one) => one.pid);
    const [client, other] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(cdpmux.wsUrl),
    ]);
    const [page, others] = [await client.newPage(), await other.newPage()];
    const expected = Array.from({ length: MANY }, () => tooLarge);
    expect(await shots(client, page.sessionId, { width: 780, height: 493, scale: 256 })).toEqual(expected);
    const emulated = { width: 800, height: 600, deviceScaleFactor: 8, mobile: false };
    await client.send('Emulation.setDeviceMetricsOverride', emulated, page.sessionId);
    expect(await shots(client, page.sessionId, { width: 9_000, height: 9_000, scale: 1 })).toEqual(expected);
    const sum = { expression: '6*7', returnByValue: true };
    expect(await other.send('Runtime.evaluate', sum, others.sessionId)).toMatchObject({
      result: { value: 42 },
    });
    expect(cdpmux.mux.browsers().map((one) => one.pid)).toEqual([pid]);
    const small = { format: 'png', clip: { x: 0, y: 0, width: 10, height: 10, scale: 1 } };
    expect(await other.send('Page.captureScreenshot', small, others.sessionId)).toHaveProperty('data');
    await Promise.all([client.close(), other.close()]);
  }, 120_000);

  /** Pictures taken while the page is still drawn for another screen: with these Chrome itself ended within a second. */
  it.each([
    ['a factor', { width: 412, height: 823, deviceScaleFactor: 65_536 }, {}],
    ['a factor beyond all', { width: 0, height: 823, deviceScaleFactor: Number.MAX_SAFE_INTEGER }, {}],
    ['sides', { width: 10_000_000, height: 10_000_000, deviceScaleFactor: 1 }, {}],
    ['a window and a factor', { width: 0, height: 0, deviceScaleFactor: 8 }, { width: 8_000, height: 8_000 }],
  ])(
    'are not taken meanwhile of a screen that is too large by %s',
    async (_by, metrics, bounds) => {
      const [pid] = cdpmux.mux.browsers().map((one) => one.pid);
      const client = await CdpClient.connect(cdpmux.wsUrl);
      const pages = await Promise.all(Array.from({ length: 4 }, () => client.newPage()));
      const small = { width: 800, height: 600, deviceScaleFactor: 1, mobile: true };
      const draw = async ({ sessionId, targetId }: (typeof pages)[0]): Promise<void> => {
        const { windowId } = await client.send<{ windowId: number }>('Browser.getWindowForTarget', {
          targetId,
        });
        for (let n = 0; n < 2; n++) {
          const shots = [small, { ...metrics, mobile: true }, small].map(async (screen, nth) => {
            if (nth === 1) void client.ask('Browser.setWindowBounds', { windowId, bounds });
            const set = client.ask('Emulation.setDeviceMetricsOverride', screen, sessionId);
            const { error } = await client.ask('Page.captureScreenshot', {}, sessionId);
            expect((await set).error).toBeUndefined();
            return error;
          });
          expect((await Promise.all(shots))[1]).toEqual(tooLarge);
        }
        // what it was last is what counts
        expect(await client.send('Page.captureScreenshot', {}, sessionId)).toHaveProperty('data');
      };
      await Promise.all(pages.map(draw));
      expect(cdpmux.mux.browsers().map((one) => one.pid)).toEqual([pid]);
      await client.close();
    },
    120_000,
  );

  it('are not taken meanwhile of a screen that another session of the page made too large', async () => {
    const [pid] = cdpmux.mux.browsers().map((one) => one.pid);
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const page = await client.newPage();
    const { targetId, sessionId } = page;
    const attached = { targetId, flatten: true };
    const { sessionId: other } = await client.send<{ sessionId: string }>('Target.attachToTarget', attached);
    const small = { width: 800, height: 600, deviceScaleFactor: 1, mobile: true };
    const large = { ...small, width: 10_000_000, height: 10_000_000 };
    const unsaid = { ...small, width: 0, height: 0, deviceScaleFactor: 4 };
    const set = 'Emulation.setDeviceMetricsOverride';
    for (let n = 0; n < 4; n++) {
      const all = [
        client.ask(set, small, sessionId),
        client.ask('Page.captureScreenshot', {}, sessionId),
        client.ask(set, large, other),
        client.ask(set, unsaid, sessionId),
        client.ask('Page.captureScreenshot', {}, sessionId),
        client.ask(set, small, other),
      ];
      expect((await Promise.all(all)).map(({ error }) => error)[4]).toEqual(tooLarge);
    }
    await client.send('Target.detachFromTarget', { sessionId: other });
    expect(await client.send('Page.captureScreenshot', {}, sessionId)).toHaveProperty('data');
    expect(cdpmux.mux.browsers().map((one) => one.pid)).toEqual([pid]);
    await client.close();
  }, 60_000);

  it('have windows that are as large as Chrome survives', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { targetId } = await client.newPage();
    const { windowId } = await client.send<{ windowId: number }>('Browser.getWindowForTarget', { targetId });
    const size = { width: 1_000_000, height: 600 };
    for (const [method, params] of [
      ['Browser.setWindowBounds', { windowId, bounds: size }],
      ['Browser.setContentsSize', { windowId, ...size }],
      ['Target.createTarget', { url: 'about:blank', newWindow: true, ...size }],
    ] as const) {
      const { error } = await client.ask(method, params);
      expect([method, error?.message]).toEqual([method, expect.stringContaining('at most 32768 px')]);
    }
    const fits = { windowId, bounds: { width: 1_920, height: 32_768 } };
    expect((await client.ask('Browser.setWindowBounds', fits)).error).toBeUndefined();
    await client.close();
  }, 60_000);
});
