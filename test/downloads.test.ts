import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import type { TestCdpmux } from './support/cdpmux.js';
import { startChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import {
  contents,
  filesIn,
  give,
  idOf,
  isProgress,
  list,
  openAt,
  openFileSite,
  startForStrangers,
  urlOf,
  type Entry,
  type FileSite,
} from './support/file-site.js';
import { evaluate, holds, navigate } from './support/page.js';

let site: FileSite;
let origin: string;
let folder: string;

beforeAll(async () => {
  site = await openFileSite();
  ({ origin, folder } = site);
});

afterAll(() => site.close());

describe('the downloads of strangers', () => {
  let cdpmux: TestCdpmux;
  /** Where this cdpmux keeps files. */
  let kept: string;
  let client: CdpClient;
  let other: CdpClient;

  beforeAll(async () => {
    ({ cdpmux, kept } = await startForStrangers(site));
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    expect(await readdir(kept)).toEqual([]);
  }, 30_000);

  beforeEach(async () => {
    [client, other] = await Promise.all([CdpClient.connect(cdpmux.wsUrl), CdpClient.connect(cdpmux.wsUrl)]);
  });

  afterEach(async () => {
    client.socket.terminate();
    other.socket.terminate();
    await Promise.all([client.closed, other.closed]);
  });

  const allow = (of: CdpClient, sessionId?: string): Promise<Message> =>
    of.ask(
      'Browser.setDownloadBehavior',
      { behavior: 'allow', downloadPath: join(folder, 'asked-for'), eventsEnabled: true },
      sessionId,
    );

  it('are denied until they are allowed', async () => {
    const on = await openAt(client, `${origin}/`);
    await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
    // Chrome begins it, and tells a moment later that it is denied.
    await eventually(async () => (await list(client)).length === 0, { what: 'an empty list' });
    await client.send('Browser.setDownloadBehavior', { behavior: 'default', eventsEnabled: true });
    await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
    await client.waitFor(isProgress('canceled'), 'the end of the download');
    expect(await list(client)).toEqual([]);
  });

  it('land in the own directory whatever path was asked for, and are told by name', async () => {
    expect((await allow(client)).result).toEqual({});
    const on = await openAt(client, `${origin}/`);
    for (const name of ['report.txt', 'report.txt', '..%2f..%2fup.txt']) {
      const before = client.received.length;
      await client.ask('Page.navigate', { url: `${origin}/file?name=${name}` }, on.sessionId);
      await client.until(
        () => client.received.slice(before).some(isProgress('completed')),
        `the download of ${name}`,
      );
    }
    const begun = client.events.filter(({ method }) => method === 'Browser.downloadWillBegin');
    const guids = begun.map(({ params }) => String(params?.['guid']));
    const ended = client.events.filter(isProgress('completed')).map(({ params }) => params?.['filePath']);
    expect(ended).toEqual(['report.txt', 'report (1).txt', '_.._up.txt']);
    expect(await list(client)).toEqual([
      { name: 'report.txt', size: 21, state: 'complete', guid: guids[0] },
      { name: 'report (1).txt', size: 21, state: 'complete', guid: guids[1] },
      { name: '_.._up.txt', size: 23, state: 'complete', guid: guids[2] },
    ]);
    expect(await (await fetch(await urlOf(client, 'report (1).txt'))).text()).toBe('content of report.txt');
    expect(await (await fetch(await urlOf(client, guids[2]))).text()).toBe('content of ../../up.txt');
    expect(await readdir(folder)).not.toContain('asked-for');
    expect(JSON.stringify(client.received)).not.toContain(kept);
    // A download can be given to a page again.
    await navigate(client, on, `${origin}/`);
    expect((await give(client, on, ['report.txt'])).error).toBeUndefined();
    expect(await contents(client, on)).toEqual(['report.txt: content of report.txt']);
  }, 30_000);

  it('need a path and a known behaviour, as with Chrome', async () => {
    const chrome = await startChrome();
    const direct = await CdpClient.connect(chrome.wsUrl);
    const [here, there] = [await client.newPage(), await direct.newPage()];
    const unknown = 'ABCDABCDABCDABCDABCDABCDABCDABCD';
    for (const params of [
      ...[{}, { behavior: 'allow' }, { behavior: 1 }, { behavior: 'allow', downloadPath: 1 }],
      ...[{ behavior: 'deny' }, { behavior: 'allow', downloadPath: folder, eventsEnabled: 'yes' }],
      { behavior: 'allowAndName', downloadPath: folder, browserContextId: unknown },
    ]) {
      for (const method of ['Browser.setDownloadBehavior', 'Page.setDownloadBehavior']) {
        const mine = await client.ask(method, params, here.sessionId);
        const theirs = await direct.ask(method, params, there.sessionId);
        // Positions in a message are those of another message.
        expect([method, params, mine.error?.code, mine.error?.message]).toEqual([
          method,
          params,
          theirs.error?.code,
          theirs.error?.message,
        ]);
      }
    }
    await direct.close();
    await chrome.close();
  }, 30_000);

  it('of a page alone are allowed by the Page domain, and told in its session only', async () => {
    const on = await openAt(client, `${origin}/`);
    const allowed = { behavior: 'allow', downloadPath: join(folder, 'asked-for') };
    expect((await client.ask('Page.setDownloadBehavior', allowed, on.sessionId)).result).toEqual({});
    await client.ask('Page.navigate', { url: `${origin}/file?name=page.bin` }, on.sessionId);
    const isDone = ({ method, params }: Message): boolean =>
      method === 'Page.downloadProgress' && params?.['state'] === 'completed';
    await client.waitFor(isDone, 'the download');
    await eventually(async () => (await list(client)).some(({ state }) => state === 'complete'));
    expect((await list(client)).map(({ name }) => name)).toEqual(['page.bin']);
    expect(client.events.some(({ method }) => method === 'Browser.downloadWillBegin')).toBe(false);
    expect(await readdir(folder)).not.toContain('asked-for');
  });

  it('reach their own client only, whoever sets a behaviour, at whatever level', async () => {
    const [mine, theirs] = [await openAt(client, `${origin}/`), await openAt(other, `${origin}/`)];
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    await allow(client);
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allowAndName',
      downloadPath: folder,
      browserContextId,
      eventsEnabled: true,
    });
    await allow(other);
    await allow(other, theirs.sessionId);
    // Another's context is none.
    const foreign = await other.ask('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath: folder,
      browserContextId,
      eventsEnabled: true,
    });
    expect(foreign.error?.message).toBe(`Failed to find browser context for id ${browserContextId}`);
    await client.ask('Page.navigate', { url: `${origin}/file?name=first.bin` }, mine.sessionId);
    await client.waitFor(isProgress('completed'), 'the first download');
    const url = `${origin}/file?name=second.bin`;
    await client.ask('Target.createTarget', { url, browserContextId });
    await client.until(
      () => client.received.filter(isProgress('completed')).length === 2,
      'the second download',
    );
    await other.ask('Page.navigate', { url: `${origin}/file?name=third.bin` }, theirs.sessionId);
    await other.until(() => other.received.filter(isProgress('completed')).length === 2, 'the third');
    const heard = (of: CdpClient): unknown[] =>
      of.events
        .filter(({ method }) => method?.endsWith('.downloadWillBegin'))
        .map(({ method, sessionId, params }) => [
          method,
          sessionId === undefined ? 'root' : 'page',
          params?.['suggestedFilename'],
        ]);
    expect(heard(client).sort()).toEqual([
      ['Browser.downloadWillBegin', 'root', 'first.bin'],
      ['Browser.downloadWillBegin', 'root', 'second.bin'],
      ['Page.downloadWillBegin', 'page', 'first.bin'],
    ]);
    expect(heard(other).sort()).toEqual([
      ['Browser.downloadWillBegin', 'page', 'third.bin'],
      ['Browser.downloadWillBegin', 'root', 'third.bin'],
      ['Page.downloadWillBegin', 'page', 'third.bin'],
    ]);
    expect((await list(client)).map(({ name }) => name)).toEqual(['first.bin', 'second.bin']);
    expect((await list(other)).map(({ name }) => name)).toEqual(['third.bin']);
    // One that leaves takes nothing from the other.
    await other.close();
    await client.ask('Page.navigate', { url: `${origin}/file?name=last.bin` }, mine.sessionId);
    await client.until(
      () => client.received.filter(isProgress('completed')).length === 3,
      'the last download',
    );
  }, 60_000);

  it('go on where they were when the client leaves that asked for them', async () => {
    const joined = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${await idOf(client)}`);
    await allow(client);
    const on = await openAt(joined, `${origin}/`);
    await client.close();
    await joined.ask('Page.navigate', { url: `${origin}/file?name=later.bin` }, on.sessionId);
    const isDone = (entries: Entry[]): boolean => entries[0]?.state === 'complete';
    await eventually(async () => isDone(await list(joined)), { what: 'the download' });
    expect((await list(joined)).map(({ name }) => name)).toEqual(['later.bin']);
    expect(joined.events.some(({ method }) => method?.startsWith('Browser.'))).toBe(false);
    await joined.close();
  });

  it('of a window that closes with them are their virtual browser’s', async () => {
    await allow(client);
    const on = await openAt(client, `${origin}/`);
    const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true };
    await client.send('Target.setAutoAttach', attach);
    const params = { expression: `void open('/file?name=popped.bin')`, userGesture: true };
    await client.send('Runtime.evaluate', params, on.sessionId);
    const { params: end } = await client.waitFor(isProgress('completed'), 'the download');
    expect(end?.['filePath']).toBe('popped.bin');
  });

  it('are told to Playwright as they are without cdpmux, and fetched by their id', async () => {
    const browser = await chromium.connectOverCDP(cdpmux.url);
    const on = await browser.newPage();
    await on.goto(`${origin}/`);
    const begun = on.waitForEvent('download');
    await on.evaluate(() => void (location.href = '/file?name=played.txt'));
    const download = await begun;
    expect([download.suggestedFilename(), await download.failure()]).toEqual(['played.txt', null]);
    const session = await browser.newBrowserCDPSession();
    const { targetInfo } = await session.send('Target.getTargetInfo');
    const files = `${cdpmux.url}/api/v1/virtual-browsers/${targetInfo.targetId}/files`;
    expect(await (await fetch(`${files}/played.txt`)).text()).toBe('content of played.txt');
    await browser.close();
  }, 30_000);

  it('are no more told to a session that wants no events any more', async () => {
    const on = await openAt(client, `${origin}/`);
    await allow(client);
    await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
    await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
    await eventually(async () => (await list(client)).some(({ state }) => state === 'complete'));
    expect(client.events.some(({ method }) => method?.startsWith('Browser.'))).toBe(false);
  });

  it('from frames that nobody asked about are their virtual browser’s, too', async () => {
    await allow(client);
    const on = await client.newPage(`${origin}/frame`);
    await holds(client, on, `document.querySelector('iframe')`);
    await evaluate(client, on, `void (frames[0].location = '${origin}/file?name=framed.bin')`);
    await client.waitFor(isProgress('completed'), 'the download');
    expect((await list(client)).map(({ name }) => name)).toEqual(['framed.bin']);
  });

  it('are canceled where there would be more than the quota, and say why', async () => {
    await allow(client);
    const on = await openAt(client, `${origin}/`);
    await client.ask('Page.navigate', { url: `${origin}/endless?name=huge.bin` }, on.sessionId);
    const { params } = await client.waitFor(isProgress('canceled'), 'the end of the download');
    await client.until(() => client.received.filter(isProgress('canceled')).length === 1, 'one end');
    expect(await list(client)).toEqual([
      {
        name: 'huge.bin',
        size: 0,
        state: 'canceled',
        guid: params?.['guid'],
        reason: expect.stringContaining('limits.files.total') as unknown,
      },
    ]);
    const left = async (): Promise<string[]> =>
      (await filesIn(kept)).filter((name) => name.includes(String(params?.['guid'])));
    await eventually(async () => (await left()).length === 0, { what: 'the end of its file' });
    // What was left is there for others.
    await client.ask('Page.navigate', { url: `${origin}/file?name=small.bin` }, on.sessionId);
    await client.waitFor(isProgress('completed'), 'a small download');
  }, 30_000);

  it('can be canceled by their client, and not by another', async () => {
    await allow(client);
    await allow(other);
    const on = await openAt(client, `${origin}/`);
    // It ends by nothing else.
    const slow = createServer((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment; filename="slow.bin"',
      });
      response.write(Buffer.alloc(64 * 1024));
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    await client.ask('Page.navigate', { url: `http://127.0.0.1:${port}/` }, on.sessionId);
    const begun = await client.waitFor(({ method }) => method === 'Browser.downloadWillBegin');
    const guid = begun.params?.['guid'];
    expect(await list(client)).toMatchObject([{ name: 'slow.bin', state: 'inProgress', guid }]);
    const foreign = await other.ask('Browser.cancelDownload', { guid });
    expect(foreign.error?.message).toBe('No download item found for the given GUID');
    await client.send('Browser.cancelDownload', { guid });
    await client.waitFor(isProgress('canceled', guid), 'the end');
    expect(await list(client)).toEqual([]);
    slow.closeAllConnections();
    await new Promise((resolve) => slow.close(resolve));
  });

  it('leave nothing when their virtual browser ends meanwhile', async () => {
    await allow(client);
    const on = await openAt(client, `${origin}/`);
    await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
    await client.waitFor(isProgress('completed'), 'the download');
    await client.ask('Page.navigate', { url: `${origin}/endless` }, on.sessionId);
    const root = join(kept, (await readdir(kept))[0] ?? '');
    const isThere = async (): Promise<boolean> =>
      (await filesIn(root)).some((name) => name.endsWith('files/file.bin'));
    expect(await isThere()).toBe(true);
    await client.close();
    await eventually(async () => !(await isThere()), { what: 'the end of its files' });
  });
});
