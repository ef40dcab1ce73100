import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { isProgress, list } from './support/file-site.js';
import { startRemoteCdpmux, type RemoteCdpmux } from './support/remote-cdpmux.js';

const MANY = 200;

describe('a download of a stranger on one of several connections', () => {
  let chrome: DirectChrome;
  let cdpmux: RemoteCdpmux;
  let server: Server;
  let folder: string;
  /** Of the download under way. */
  let download: ServerResponse | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cdpmux-connection-downloads-'));
    server = createServer((request, response) => {
      if (request.url !== '/file') return void response.end('a page');
      response.writeHead(200, { 'content-disposition': 'attachment; filename="half.txt"' });
      response.write('x'.repeat(100_000));
      download = response;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    chrome = await startChrome();
    const settings = ['policy.trust=tenant', `policy.files.directory=${folder}`, 'policy.egress.mode=off'];
    const connections = { maxPerBrowser: 10, idleTimeout: 300, maxLifetime: 3_600_000 };
    cdpmux = await startRemoteCdpmux(chrome.wsUrl, connections, settings);
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await chrome.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  it('goes on when another connection, which watches downloads too, is closed', async () => {
    const first = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await first.newPage();
    const params = { expression: 'new Promise(()=>{})', awaitPromise: true };
    for (let id = 0; id < MANY; id++) {
      first.raw(JSON.stringify({ id: 10_000 + id, method: 'Runtime.evaluate', params, sessionId }));
    }
    await eventually(() => cdpmux.mux.stats().pendingCommands >= MANY);
    const mate = await CdpClient.connect(cdpmux.wsUrl);
    await eventually(() => cdpmux.mux.connections().length === 2, { what: 'a second connection' });
    const client = await CdpClient.connect(cdpmux.wsUrl);
    expect(cdpmux.mux.connections().map(({ virtualBrowsers }) => virtualBrowsers)).toEqual([2, 1]);
    const page = await client.newPage();
    const behavior = { behavior: 'allow', downloadPath: folder, eventsEnabled: true };
    await client.send('Browser.setDownloadBehavior', behavior);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
    client.raw(
      JSON.stringify({ id: 900, method: 'Page.navigate', params: { url }, sessionId: page.sessionId }),
    );
    await client.waitFor(({ method }) => method === 'Browser.downloadWillBegin', 'a download');
    for (const one of [first, mate]) await one.close();
    await eventually(() => cdpmux.mux.connections().length === 1, {
      what: 'the end of the first connection',
    });
    download?.end('the end');
    await client.waitFor(isProgress('completed'), 'the end of the download');
    expect(await list(client)).toMatchObject([{ name: 'half.txt', size: 100_007 }]);
  }, 60_000);
});
