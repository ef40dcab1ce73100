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
});
