import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

const WHY = 'an operator ended it';
const PATIENCE = 15_000;
const endless = 'new Promise(() => {})';

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux();
}, 60_000);
afterAll(() => cdpmux.close());

const hasNoneWaiting = (): Promise<void> =>
  eventually(() => cdpmux.mux.stats().pendingCommands === 0, { within: PATIENCE, what: 'all answers' });
/** Ends all that is open when a command of its client has come to Chrome. */
const endWhileItWaits = async (): Promise<void> => {
  await eventually(() => cdpmux.mux.stats().pendingCommands > 0, {
    within: PATIENCE,
    what: 'a command',
  });
  for (const { id } of cdpmux.mux.virtualBrowsers())
    cdpmux.mux.endVirtualBrowser(id, { code: 4503, reason: WHY });
};

describe('a client that is closed while its commands wait', () => {
  it('has them fail with the reason first', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage();
    const params = { expression: endless, awaitPromise: true };
    client.raw(JSON.stringify({ id: 900, method: 'Runtime.evaluate', params, sessionId }));
    await endWhileItWaits();
    expect(await client.closed).toEqual({ code: 4503, reason: WHY });
    expect(client.received.at(-1)).toEqual({ id: 900, error: { code: -32000, message: WHY }, sessionId });
  });

  it('has none fail where Browser.close ends it, as with a Chrome', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage();
    const params = { expression: endless, awaitPromise: true };
    client.raw(JSON.stringify({ id: 900, method: 'Runtime.evaluate', params, sessionId }));
    await client.ask('Browser.close');
    expect(await client.closed).toMatchObject({ code: 1000 });
    expect(client.received.some(({ id }) => id === 900)).toBe(false);
  });

  it('reads the reason in Puppeteer', async () => {
    const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
    const page = await browser.newPage();
    await hasNoneWaiting();
    const waits = expect(page.evaluate(endless)).rejects.toThrow(WHY);
    await endWhileItWaits();
    await waits;
  });

  it('reads it in Playwright, whose own message a failed command would spoil', async () => {
    const browser = await chromium.connectOverCDP(cdpmux.wsUrl);
    const page = await browser.contexts()[0]!.newPage();
    await hasNoneWaiting();
    const waits = expect(page.evaluate(endless)).rejects.toThrow(new RegExp(`closed.*${WHY}`, 's'));
    await endWhileItWaits();
    await waits;
  });
});
