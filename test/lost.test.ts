import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { exclusiveUrl } from './support/exclusive.js';

describe('a Chrome that dies', () => {
  let cdpmux: TestCdpmux;

  beforeEach(async () => {
    cdpmux = await startCdpmux({ 'browsers.min': 1, 'browsers.max': 2 });
  }, 60_000);
  afterEach(() => cdpmux.close());

  const kill = (id: string): void => {
    const { pid } = cdpmux.mux.browsers().find((one) => one.id === id)!;
    process.kill(pid!, 'SIGKILL');
  };
  /** What the feed told of a browser, from its launch on. */
  const toldOf = (id: string): string[] =>
    cdpmux.mux.feed
      .after(0)
      .filter(({ fields }) => fields['browser'] === id)
      .map(({ type }) => type);
  const isCounted = async (): Promise<void> => {
    const { body } = await cdpmux.mux.metricsText();
    expect(body).toMatch(/^cdpmux_browsers_lost_total(\{.*\})? 1$/m);
  };

  it('is lost, where one client had it for itself', async () => {
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
    const { browser } = cdpmux.mux.virtualBrowsers()[0]!;
    kill(browser);
    expect(await client.closed).toMatchObject({ code: 4502 });
    expect(toldOf(browser)).toEqual(['browser.launching', 'browser.ready', 'browser.lost']);
    await isCounted();
  }, 60_000);

  it('is lost, where it was about to be closed with its last client', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { browser } = cdpmux.mux.virtualBrowsers()[0]!;
    cdpmux.mux.drain(browser);
    kill(browser);
    expect(await client.closed).toMatchObject({ code: 4502 });
    expect(toldOf(browser)).toEqual([
      'browser.launching',
      'browser.ready',
      'browser.draining',
      'browser.lost',
    ]);
    await isCounted();
  }, 60_000);
});
