import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

const WHY = 'an operator ended it';
/** Says that it has begun, and does not end. */
const endless = 'console.log("waits"), new Promise(() => {})';

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux();
}, 60_000);
afterAll(() => cdpmux.close());

/** An operator ends all that is open. */
const endAll = (): void => {
  for (const { id } of cdpmux.mux.virtualBrowsers()) {
    cdpmux.mux.endVirtualBrowser(id, { code: 4503, reason: WHY });
  }
};
/** One whose command 900 waits in Chrome. */
const waiting = async (): Promise<{ client: CdpClient; sessionId: string }> => {
  const client = await CdpClient.connect(cdpmux.wsUrl);
  const { sessionId } = await client.newPage();
  await client.send('Runtime.enable', {}, sessionId);
  const params = { expression: endless, awaitPromise: true };
  client.raw(JSON.stringify({ id: 900, method: 'Runtime.evaluate', params, sessionId }));
  await client.waitFor(({ method }) => method === 'Runtime.consoleAPICalled', 'its begin');
  return { client, sessionId };
};

describe('a client that is closed while its commands wait', () => {
  it('has them fail with the reason first', async () => {
    const { client, sessionId } = await waiting();
    endAll();
    expect(await client.closed).toEqual({ code: 4503, reason: WHY });
    expect(client.received.at(-1)).toEqual({ id: 900, error: { code: -32000, message: WHY }, sessionId });
  });

  it('has none fail where Browser.close ends it, as with a Chrome', async () => {
    const { client } = await waiting();
    await client.ask('Browser.close');
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.received.some(({ id }) => id === 900)).toBe(false);
  });

  it('reads the reason in Puppeteer', async () => {
    const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
    const page = await browser.newPage();
    const begun = new Promise((resolve) => page.once('console', resolve));
    const waits = expect(page.evaluate(endless)).rejects.toThrow(WHY);
    await begun;
    endAll();
    await waits;
  });

  it('reads it in Playwright, whose own message a failed command would spoil', async () => {
    const browser = await chromium.connectOverCDP(cdpmux.wsUrl);
    const page = await browser.contexts()[0]!.newPage();
    const begun = new Promise((resolve) => page.once('console', resolve));
    const waits = expect(page.evaluate(endless)).rejects.toThrow(new RegExp(`closed.*${WHY}`, 's'));
    await begun;
    endAll();
    await waits;
  });
});
