import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable } from './support/chrome.js';
import { exclusiveUrl, kinds } from './support/exclusive.js';
import {
  isProgress,
  list,
  openAt,
  openFileSite,
  startForStrangers,
  urlOf,
  type FileSite,
} from './support/file-site.js';

describe.each(kinds)('downloads in a Chrome for one client: %s', (kind) => {
  let site: FileSite;

  beforeAll(async () => {
    site = await openFileSite();
  });

  afterAll(() => site.close());

  const settings = { chrome: chromeExecutable(kind), 'browsers.min': 0, 'browsers.max': 2 };

  const download = async (client: CdpClient, state: string): Promise<void> => {
    const on = await openAt(client, `${site.origin}/`);
    const before = client.received.length;
    void client.ask('Page.navigate', { url: `${site.origin}/file?name=report.txt` }, on.sessionId);
    await client.until(() => client.received.slice(before).some(isProgress(state)), `a download ${state}`);
  };

  it('go where a local client says', async () => {
    const cdpmux: TestCdpmux = await startCdpmux(settings);
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
    const downloadPath = join(site.folder, 'local');
    const behavior = { behavior: 'allow', downloadPath, eventsEnabled: true };
    await client.send('Browser.setDownloadBehavior', behavior);
    await download(client, 'completed');
    expect(await readdir(downloadPath)).toEqual(['report.txt']);
    await client.close();
    await cdpmux.close();
  }, 30_000);

  it('are denied to strangers until they are allowed, land in the own directory, and go with the Chrome', async () => {
    const { cdpmux, kept } = await startForStrangers(site, settings);
    const client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
    await client.send('Browser.setDownloadBehavior', { behavior: 'default', eventsEnabled: true });
    await download(client, 'canceled');
    expect(await list(client)).toEqual([]);
    const downloadPath = join(site.folder, 'asked-for');
    const behavior = { behavior: 'allow', downloadPath, eventsEnabled: true };
    await client.send('Browser.setDownloadBehavior', behavior);
    await download(client, 'completed');
    expect(await readdir(site.folder)).not.toContain('asked-for');
    expect(await (await fetch(await urlOf(client, 'report.txt'))).text()).toBe('content of report.txt');
    expect(JSON.stringify(client.received)).not.toContain(kept);
    await client.close();
    await cdpmux.close();
    expect(await readdir(kept)).toEqual([]);
  }, 30_000);
});
