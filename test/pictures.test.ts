import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, type Kind } from './support/chrome.js';

/** Sends a command: the page's screen, where no method is given. */
type Ask = (params: object, method?: string, session?: string) => void;

/** Which part is taken, and in which session. */
interface TakeOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
  readonly captureBeyondViewport?: boolean;
  readonly session?: string;
}

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

  interface Page {
    readonly sessionId: string;
    readonly targetId: string;
    /** A further session of the same page. */
    readonly other: string;
    readonly windowId: number;
  }
  const small = { width: 800, height: 600, deviceScaleFactor: 1, mobile: true };
  /** As large as it is by itself. */
  const unsaid = { ...small, width: 0, height: 0 };
  const huge = 10_000_000;

  /** What a page is asked for, one right after the other, so that it is still drawn as before when a picture is taken. */
  const ways: [string, (page: Page, take: (options?: TakeOptions) => void, ask: Ask) => void][] = [
    ['a factor', (_page, take, ask) => (ask({ ...small, deviceScaleFactor: 65_536 }), take())],
    [
      'a factor beyond all',
      (_page, take, ask) => (ask({ ...small, height: 0, deviceScaleFactor: 2 ** 53 }), take()),
    ],
    ['its sides', (_page, take, ask) => (ask({ ...small, width: huge, height: huge }), take())],
    ['a scale', (_page, take, ask) => (ask({ ...unsaid, scale: 1e-9 }), take())],
    [
      'a scale of nothing',
      (_page, take, ask) => {
        const viewport = { x: 0, y: 0, width: 0, height: 0, scale: 1e308 };
        ask({ ...unsaid, deviceScaleFactor: 1e308, viewport });
        ask({ ...unsaid, deviceScaleFactor: 2 ** 53 });
        take();
      },
    ],
    [
      'its viewport',
      (_page, take, ask) => {
        const viewport = { x: 0, y: 0, width: huge, height: huge, scale: 1 };
        ask({ ...unsaid, viewport });
        take();
      },
    ],
    [
      'its visible size',
      (_page, take, ask) => {
        ask({ width: huge, height: huge }, 'Emulation.setVisibleSize');
        ask({ ...unsaid, deviceScaleFactor: 2 });
        take();
      },
    ],
    [
      'a size that was',
      (_page, take, ask) => {
        ask({ ...small, width: huge, height: huge });
        ask({ ...unsaid, deviceScaleFactor: 4 });
        take();
      },
    ],
    [
      'a size of another session',
      ({ other }, take, ask) => {
        ask({ ...small, width: huge, height: huge }, undefined, other);
        ask({ ...unsaid, deviceScaleFactor: 4 });
        take();
        ask(small, undefined, other);
      },
    ],
    [
      'a clip of another session',
      ({ other }, take, ask) => {
        ask({ ...unsaid, deviceScaleFactor: 5 });
        take({ width: 20_000, height: 20_000, scale: 1, session: other });
        take();
      },
    ],
    [
      'a clip and a factor',
      (_page, take, ask) => {
        ask({ ...small, deviceScaleFactor: 8 });
        take({ width: 20_000, height: 20_000, scale: 1 });
      },
    ],
    [
      'its window',
      ({ windowId }, take, ask) => {
        for (const bounds of [{ width: 32_000 }, { height: 32_000 }]) {
          ask({ windowId, bounds }, 'Browser.setWindowBounds');
        }
        ask({ ...unsaid, deviceScaleFactor: 5 });
        take();
      },
    ],
    [
      'a thin clip',
      (_page, take) => {
        take({ width: 1e300, height: 1e-300, scale: 1 });
        take({ width: 5e8, height: 1, scale: 1 });
      },
    ],
    [
      'a thin screen',
      (_page, take, ask) => (ask({ ...small, width: 131_072, height: 1, deviceScaleFactor: 64 }), take()),
    ],
    [
      'what is on it',
      (_page, take, ask) => {
        const expression = `document.body.innerHTML = '<div style="width:120000px;height:120000px">'`;
        ask({ expression }, 'Runtime.evaluate');
        take({ captureBeyondViewport: true });
      },
    ],
  ];

  it.each(ways)(
    'are not taken of a page that is made too large by %s',
    async (_by, way) => {
      const [pid] = cdpmux.mux.browsers().map((one) => one.pid);
      const client = await CdpClient.connect(cdpmux.wsUrl);
      const draw = async (): Promise<number> => {
        const { sessionId, targetId } = await client.newPage();
        const attached = { targetId, flatten: true };
        const { sessionId: other } = await client.send<{ sessionId: string }>(
          'Target.attachToTarget',
          attached,
        );
        const { windowId } = await client.send<{ windowId: number }>('Browser.getWindowForTarget', {
          targetId,
        });
        let refused = 0;
        for (let n = 0; n < 2; n++) {
          const all: Promise<{ error?: object }>[] = [];
          const ask: Ask = (params, method = 'Emulation.setDeviceMetricsOverride', session = sessionId) =>
            void all.push(client.ask(method, params, method.startsWith('Browser.') ? undefined : session));
          const take = (options: TakeOptions = {}): void => {
            const { session = sessionId, captureBeyondViewport, ...clip } = options;
            const part = 'width' in clip && { clip: { x: 0, y: 0, ...clip } };
            ask(
              { ...part, ...(captureBeyondViewport && { captureBeyondViewport }) },
              'Page.captureScreenshot',
              session,
            );
          };
          ask(small);
          take();
          way({ sessionId, targetId, other, windowId }, take, ask);
          ask(small);
          take();
          refused += (await Promise.all(all)).filter(({ error }) => error).length;
        }
        return refused;
      };
      const refused = await Promise.all(Array.from({ length: 4 }, draw));
      expect(Math.min(...refused)).toBeGreaterThan(0);
      expect(cdpmux.mux.browsers().map((one) => one.pid)).toEqual([pid]);
      await client.close();
    },
    120_000,
  );

  it('are taken of pages as large as they come in the web', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage();
    const set = 'Emulation.setDeviceMetricsOverride';
    for (const metrics of [
      { width: 1_920, height: 60_000, deviceScaleFactor: 2 },
      { width: 412, height: 915, deviceScaleFactor: 3.5 },
      { width: 0, height: 823, deviceScaleFactor: 1 },
      { width: 0, height: 8_000, deviceScaleFactor: 1 },
    ]) {
      await client.send(set, { ...metrics, mobile: true }, sessionId);
    }
    const expression = `document.body.innerHTML = '<div style="width:10px;height:3000px">'`;
    await client.send('Emulation.clearDeviceMetricsOverride', {}, sessionId);
    await client.send('Runtime.evaluate', { expression }, sessionId);
    const all = { captureBeyondViewport: true };
    const { data } = await client.send<{ data: string }>('Page.captureScreenshot', all, sessionId);
    expect(Buffer.from(data, 'base64').readUInt32BE(20)).toBeGreaterThanOrEqual(3_000);
    await client.close();
    const next = await CdpClient.connect(cdpmux.wsUrl);
    const page = await next.newPage();
    // as Lighthouse does, and afterwards a screen
    await next.send(set, { ...small, width: 0, height: 16_383 }, page.sessionId);
    await next.send(set, { ...small, width: 0, height: 823, deviceScaleFactor: 3 }, page.sessionId);
    await next.send(set, { ...unsaid, deviceScaleFactor: 4 }, page.sessionId);
    await next.close();
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
