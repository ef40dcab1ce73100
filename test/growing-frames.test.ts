import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

/** Of 5 bytes each that become 22 when they are parsed and written anew, together more than the 100 MiB that Chrome takes. */
const GROWING = 6_000_000;

describe('a command that becomes larger than Chrome takes when it is written anew', () => {
  let cdpmux: TestCdpmux;
  beforeAll(async () => void (cdpmux = await startCdpmux({ 'browsers.max': 1 })), 60_000);
  afterAll(() => cdpmux.close());

  it('is refused with its size, and the Chrome and its other clients live on', async () => {
    const [client, other] = [await CdpClient.connect(cdpmux.wsUrl), await CdpClient.connect(cdpmux.wsUrl)];
    const page = await other.newPage();
    const numbers = `[${'1e20,'.repeat(GROWING)}1]`;
    client.raw(
      `{"id":77777,"method":"Target.createTarget","params":{"url":"about:blank","width":500,"x":${numbers}}}`,
    );
    const answer = await client.waitFor(({ id }) => id === 77_777, 'an answer');
    expect(answer).toMatchObject({
      error: {
        code: -32600,
        message: expect.stringMatching(/^Target\.createTarget is \d+ bytes .*104856576/),
      },
    });
    const sum = { expression: '6*7', returnByValue: true };
    expect(await other.send('Runtime.evaluate', sum, page.sessionId)).toMatchObject({
      result: { value: 42 },
    });
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await Promise.all([client.close(), other.close()]);
  }, 120_000);
});
