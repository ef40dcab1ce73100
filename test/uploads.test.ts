import { readdir, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import puppeteer, { type ElementHandle } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import type { TestCdpmux } from './support/cdpmux.js';
import { startChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import {
  codeOf,
  contents,
  filesIn,
  give,
  list,
  openAt,
  openFileSite,
  put,
  SECRET,
  startForStrangers,
  TOTAL,
  UPLOAD,
  urlOf,
  type Entry,
  type FileSite,
} from './support/file-site.js';
import { evaluate, type Page } from './support/page.js';

let site: FileSite;
let origin: string;
let folder: string;
let outside: string;

beforeAll(async () => {
  site = await openFileSite();
  ({ origin, folder, outside } = site);
});

afterAll(() => site.close());

describe('the files that strangers give to pages', () => {
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

  describe('uploads', () => {
    it('reach a page by their name, and by the path that the upload answered', async () => {
      const answer = await put(client, 'grüße 1.txt', 'hello');
      expect(answer.status).toBe(201);
      const entry = (await answer.json()) as Entry & { path: string };
      expect(entry).toEqual({
        name: 'grüße 1.txt',
        size: 5,
        state: 'complete',
        path: '/cdpmux-files/grüße 1.txt',
      });
      await put(client, 'empty', '');
      const on = await openAt(client, `${origin}/`);
      for (const files of [
        ['grüße 1.txt', 'empty'],
        [entry.path, '/cdpmux-files/empty'],
      ]) {
        expect((await give(client, on, files)).result).toEqual({});
        expect(await contents(client, on)).toEqual(['grüße 1.txt: hello', 'empty: ']);
      }
    });

    it('are listed, fetched, replaced and deleted, by their virtual browser only', async () => {
      await put(client, 'a.txt', 'one');
      await put(client, 'a.txt', 'three');
      expect(await list(client)).toEqual([{ name: 'a.txt', size: 5, state: 'complete' }]);
      expect(await list(other)).toEqual([]);
      const got = await fetch(await urlOf(client, 'a.txt'));
      expect(await got.text()).toBe('three');
      expect(Object.fromEntries(got.headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-disposition': "attachment; filename*=UTF-8''a.txt",
        'x-content-type-options': 'nosniff',
      });
      const on = await openAt(other, `${origin}/`);
      for (const files of [['a.txt'], ['/cdpmux-files/a.txt']]) {
        expect((await give(other, on, files)).error?.message).toContain('no file');
      }
      expect((await fetch(await urlOf(other, 'a.txt'))).status).toBe(404);
      expect((await fetch(await urlOf(other, 'a.txt'), { method: 'DELETE' })).status).toBe(404);
      expect((await fetch(await urlOf(client, 'a.txt'), { method: 'DELETE' })).status).toBe(204);
      expect(await list(client)).toEqual([]);
      expect((await fetch(await urlOf(client, 'a.txt'))).status).toBe(404);
      expect((await give(client, await openAt(client, `${origin}/`), ['a.txt'])).error?.message).toContain(
        'no file',
      );
    });

    it('have a name that stays in its directory', async () => {
      const base = await urlOf(client);
      // As `fetch` would tidy up the path, the request is made by hand.
      const raw = (path: string): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const asked = httpRequest(cdpmux.url, { method: 'PUT', path }, (response) => {
            response.resume();
            resolve(response.statusCode);
          });
          asked.on('error', reject);
          asked.end('x');
        });
      const path = new URL(base).pathname;
      for (const name of ['..%2f..%2fx', '%2e%2e', '%2e', 'a%5cb', 'a%00b', 'a%0ab', 'a'.repeat(201)]) {
        expect([name, await raw(`${path}/${name}`)]).toEqual([name, 400]);
      }
      for (const name of ['../x', '..', 'a/b']) {
        expect([name, await raw(`${path}/${name}`)]).toEqual([name, name === '..' ? 400 : 404]);
      }
      expect(await list(client)).toEqual([]);
    });

    it('are refused where they are too large, before and while they come, and take no room then', async () => {
      const tooLarge = await put(client, 'large', Buffer.alloc(UPLOAD + 1));
      expect(await codeOf(tooLarge)).toEqual([413, 'TOO_LARGE']);
      // Without a length beforehand.
      const url = await urlOf(client, 'chunked');
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const asked = httpRequest(url, { method: 'PUT' }, (response) => {
          response.resume();
          resolve(response.statusCode);
          asked.destroy();
        });
        asked.on('error', (error) => (asked.destroyed ? undefined : reject(error)));
        const more = (): void => {
          if (asked.writable && !asked.destroyed) asked.write(Buffer.alloc(64 * 1024), more);
        };
        more();
      });
      expect(status).toBe(413);
      expect(await list(client)).toEqual([]);
      for (let count = 0; count < TOTAL / UPLOAD; count++) {
        expect((await put(client, `part ${count}`, Buffer.alloc(UPLOAD))).status).toBe(201);
      }
      expect(await codeOf(await put(client, 'one more', 'x'))).toEqual([413, 'TOO_LARGE']);
      await fetch(await urlOf(client, 'part 0'), { method: 'DELETE' });
      expect((await put(client, 'one more', 'x')).status).toBe(201);
      expect((await put(other, 'theirs', 'x')).status).toBe(201);
    });

    it('count as a block each, or countless empty ones would fill the disk', async () => {
      let refused: Response | undefined;
      for (let count = 0; !refused && count <= TOTAL / 4096; count++) {
        const answer = await put(client, `empty ${count}`, '');
        if (answer.status !== 201) refused = answer;
      }
      expect(refused && (await codeOf(refused))).toEqual([413, 'TOO_LARGE']);
      expect(await list(client)).toHaveLength(TOTAL / 4096);
    }, 60_000);

    it('that stop halfway leave nothing', async () => {
      const url = await urlOf(client, 'half');
      const asked = httpRequest(url, { method: 'PUT', headers: { 'content-length': 1000 } });
      asked.on('error', () => undefined);
      asked.write('half');
      const parts = async (): Promise<string[]> =>
        (await filesIn(kept)).filter((name) => name.endsWith('.upload'));
      await eventually(async () => (await parts()).length === 1, { what: 'the beginning of the upload' });
      asked.destroy();
      await eventually(async () => (await parts()).length === 0, { what: 'the end of the upload' });
      expect(await list(client)).toEqual([]);
    });

    it('are not for web pages, nor for unknown virtual browsers, nor for other verbs', async () => {
      const headers = { origin: 'http://evil.example' };
      expect(await codeOf(await fetch(await urlOf(client), { headers }))).toEqual([403, 'FORBIDDEN']);
      const unknown = `${cdpmux.url}/api/v1/virtual-browsers/12345678-1234-1234-1234-123456789012/files`;
      expect(await codeOf(await fetch(unknown))).toEqual([404, 'NOT_FOUND']);
      const verb = await fetch(await urlOf(client, 'x'), { method: 'PATCH' });
      expect([verb.status, verb.headers.get('allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE']);
    });

    it('reach a page by Puppeteer, which wants paths', async () => {
      const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
      const id = (browser.target() as unknown as { _targetId: string })._targetId;
      const url = `${cdpmux.url}/api/v1/virtual-browsers/${id}/files/up.txt`;
      const answer = await fetch(url, { method: 'PUT', body: 'up' });
      const { path } = (await answer.json()) as { path: string };
      const on = await browser.newPage();
      await on.goto(`${origin}/`);
      const input = (await on.$('#files')) as ElementHandle<HTMLInputElement>;
      await input.uploadFile(path);
      expect(await input.evaluate((element) => element.files?.[0]?.text())).toBe('up');
      await browser.close();
    });

    it('are gone with their virtual browser', async () => {
      await put(client, 'a.txt', 'one');
      const url = await urlOf(client);
      const [root = ''] = await readdir(kept);
      const { mode } = await stat(join(kept, root));
      expect(mode & 0o777).toBe(0o700);
      const own = await readdir(join(kept, root));
      await client.close();
      await eventually(async () => !(await readdir(join(kept, root))).some((name) => own.includes(name)), {
        what: 'the end of the directory',
      });
      expect(await codeOf(await fetch(url))).toEqual([404, 'ENDED']);
    });
  });

  describe('paths', () => {
    it('are taken from allowed directories, wherever links lead, and nowhere else', async () => {
      const on = await openAt(client, `${origin}/`);
      const allowed = join(folder, 'allowed');
      for (const path of ['inner/good.txt', 'inner/../inner/good.txt', 'fine.txt']) {
        expect([path, (await give(client, on, [`${allowed}/${path}`])).error]).toEqual([path, undefined]);
        expect(await contents(client, on)).toEqual(['good.txt: good']);
      }
      await evaluate(client, on, `document.getElementById('files').value = ''`);
      const refused = [
        ...[outside, '/etc/hostname', `file://${outside}`, `${allowed}/../outside.txt`],
        ...[`${allowed}/link.txt`, `${allowed}/up/outside.txt`, `${allowed}-not/near.txt`],
        ...[`${allowed}/inner`, allowed, `${allowed}/`, `${allowed}/missing.txt`, '/missing', './x', 'a\\b'],
        ...['/cdpmux-files/../outside.txt', '/cdpmux-files/', '../x', '..', '.', '~', `${outside}\0.txt`],
        ...['/proc/self/environ', '/dev/null', `//${outside}`],
      ];
      for (const path of refused) {
        for (const files of [[path], [`${allowed}/fine.txt`, path]]) {
          const { error } = await give(client, on, files);
          expect([path, error?.code]).toEqual([path, -32000]);
          expect(error?.message).toMatch(/policy\.files\.allow|was uploaded/);
          expect(await contents(client, on)).toEqual([]);
        }
      }
      // Nor whole directories, in which there may be links.
      expect((await give(client, on, [allowed], 'folder')).error?.code).toBe(-32000);
      const { error } = await give(
        client,
        on,
        Array.from({ length: 1001 }, () => 'x'),
      );
      expect(error?.message).toContain('at most 1000 files');
    }, 30_000);

    it('that are none get the error that Chrome gives', async () => {
      const on = await openAt(client, `${origin}/`);
      for (const files of ['/etc/hostname', [1], [outside, 1], { 0: outside }, null]) {
        expect((await give(client, on, files)).error?.code).toBe(-32602);
      }
      expect(await contents(client, on)).toEqual([]);
    });

    it('of this machine are not shown', async () => {
      await put(client, 'mine.txt', 'mine');
      const on = await openAt(client, `${origin}/`);
      await give(client, on, ['mine.txt']);
      const { result } = await client.send<{ result: { objectId: string } }>(
        'Runtime.evaluate',
        { expression: `document.getElementById('files').files[0]` },
        on.sessionId,
      );
      const { path } = await client.send<{ path: string }>(
        'DOM.getFileInfo',
        { objectId: result.objectId },
        on.sessionId,
      );
      expect(path).toBe('/cdpmux-files/mine.txt');
      expect(JSON.stringify(client.received)).not.toContain(kept);
    });

    it('become pages where they are dropped in a Chrome of one’s own, and read on from there', async () => {
      const chrome = await startChrome();
      const direct = await CdpClient.connect(chrome.wsUrl);
      const dropped = join(folder, 'dropped.html');
      await writeFile(dropped, `<script>location.href='file://${outside}'</script>`);
      const on = await openAt(direct, `${origin}/`);
      await direct.send('Target.setDiscoverTargets', { discover: true });
      for (const type of ['dragEnter', 'dragOver', 'drop']) {
        const data = { items: [], files: [dropped], dragOperationsMask: 1 };
        await direct.send('Input.dispatchDragEvent', { type, x: 50, y: 300, data }, on.sessionId);
      }
      const isSecret = ({ params }: Message): boolean =>
        (params?.['targetInfo'] as { url?: string } | undefined)?.url === `file://${outside}`;
      const { params } = await direct.waitFor(isSecret, 'the page of the secret');
      const { targetId } = params?.['targetInfo'] as { targetId: string };
      const opened = await direct.send<Page>('Target.attachToTarget', { targetId, flatten: true });
      // its URL is told of before the page has been read
      const loaded = `new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))`;
      const text = `${loaded}.then(() => document.body.innerText)`;
      expect(await evaluate(direct, opened, text)).toBe(SECRET);
      await direct.close();
      await chrome.close();
    }, 30_000);

    it('may not be dropped, or Chrome would open them as pages that may read all files', async () => {
      await put(client, 'mine.html', `<script>location.href='file://${outside}'</script>`);
      const on = await openAt(client, `${origin}/`);
      const attempts = [
        { items: [], files: [outside] },
        { items: [], files: ['mine.html'] },
        { items: [{ mimeType: 'text/uri-list', data: `file://${outside}` }] },
        { items: [{ mimeType: 'text/uri-list', data: `${origin}/\r\nfi\tle://${outside}` }] },
        { items: [{ mimeType: 'text/uri-list', data: 'chrome://version' }] },
      ];
      for (const data of attempts) {
        for (const type of ['dragEnter', 'dragOver', 'drop']) {
          const event = { type, x: 50, y: 300, data: { ...data, dragOperationsMask: 19 } };
          const { error } = await client.ask('Input.dispatchDragEvent', event, on.sessionId);
          expect([data, error?.code]).toEqual([data, -32000]);
        }
      }
      for (const type of ['dragEnter', 'dragOver', 'drop']) {
        const items = [{ mimeType: 'text/plain', data: 'file: as text is no file' }];
        const event = { type, x: 50, y: 300, data: { items, dragOperationsMask: 19 } };
        await client.send('Input.dispatchDragEvent', event, on.sessionId);
      }
      const { targetInfos } = await client.send<{ targetInfos: { url: string }[] }>('Target.getTargets');
      expect(targetInfos.map(({ url }) => url).sort()).toEqual(['about:blank', `${origin}/`]);
    });

    it('are not taken by commands that read whole directories or start apps', async () => {
      for (const [method, params] of [
        ['Extensions.loadUnpacked', { path: folder }],
        ['PWA.install', { manifestId: 'http://x/', installUrlOrBundleUrl: `file://${outside}` }],
        ['PWA.launch', { manifestId: 'http://x/', url: `file://${outside}` }],
        ['PWA.launchFilesInApp', { manifestId: 'http://x/', files: [outside] }],
      ] as const) {
        expect((await client.ask(method, params)).error?.message).toContain(
          'not available in a shared Chrome',
        );
      }
    });
  });
});
