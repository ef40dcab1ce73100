import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer, { type ElementHandle } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { evaluate, holds, navigate, type Page } from './support/page.js';

const SECRET = 'the secret of the machine';
const MiB = 1024 * 1024;
const TOTAL = 4 * MiB;
const UPLOAD = MiB;

/** What `GET …/files` lists. */
interface Entry {
  name: string;
  size: number;
  state: string;
  guid?: string;
  reason?: string;
}

const page = `<!doctype html><title>page</title><body style="height:500px">
<input type=file id=files multiple><input type=file id=folder webkitdirectory></body>`;

/** All paths in a directory, while others make and delete some. */
const filesIn = async (directory: string): Promise<string[]> => {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const paths = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? [path, ...(await filesIn(path))] : [path];
  });
  return (await Promise.all(paths)).flat();
};

/** What an input of a page holds, with the files' contents. */
const contents = (client: CdpClient, on: Page, id = 'files'): Promise<unknown> =>
  evaluate(
    client,
    on,
    `Promise.all([...document.getElementById('${id}').files].map(async (f) => f.name + ': ' + await f.text()))`,
  );

let folder: string;
let outside: string;
let server: Server;
let origin: string;
/** Bytes that endless downloads were sent. */
let endless = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cdpmux-test-files-'));
  outside = join(folder, 'outside.txt');
  await writeFile(outside, SECRET);
  await mkdir(join(folder, 'allowed', 'inner'), { recursive: true });
  await writeFile(join(folder, 'allowed', 'inner', 'good.txt'), 'good');
  await symlink(outside, join(folder, 'allowed', 'link.txt'));
  await symlink(folder, join(folder, 'allowed', 'up'));
  await symlink(join(folder, 'allowed', 'inner', 'good.txt'), join(folder, 'allowed', 'fine.txt'));
  await mkdir(join(folder, 'allowed-not'));
  await writeFile(join(folder, 'allowed-not', 'near.txt'), SECRET);
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const name = url.searchParams.get('name') ?? 'file.bin';
    const attachment = {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}"`,
    };
    if (url.pathname === '/file') response.writeHead(200, attachment).end(`content of ${name}`);
    else if (url.pathname === '/endless') {
      response.writeHead(200, attachment);
      const chunk = Buffer.alloc(64 * 1024);
      const more = (): void => {
        endless += chunk.length;
        if (response.write(chunk)) setImmediate(more);
        else response.once('drain', more);
      };
      response.on('close', () => response.destroy());
      more();
    } else if (url.pathname === '/frame') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<iframe src="about:blank" name="inner"></iframe>');
    } else response.writeHead(200, { 'content-type': 'text/html' }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe('the files of strangers', () => {
  let cdpmux: TestCdpmux;
  /** Where this cdpmux keeps files. */
  let kept: string;
  let client: CdpClient;
  let other: CdpClient;

  beforeAll(async () => {
    kept = await mkdtemp(join(folder, 'kept-'));
    cdpmux = await startCdpmux({
      'policy.trust': 'tenant',
      'policy.files.allow': join(folder, 'allowed'),
      'policy.files.directory': kept,
      'limits.files.total': TOTAL,
      'limits.files.upload': UPLOAD,
    });
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

  /** The id of a client's virtual browser, as it learns it itself. */
  const idOf = async (of: CdpClient): Promise<string> => {
    const { targetInfo } = await of.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    return targetInfo.targetId;
  };

  const urlOf = async (of: CdpClient, name = ''): Promise<string> => {
    const files = `${cdpmux.url}/api/v1/virtual-browsers/${await idOf(of)}/files`;
    return name === '' ? files : `${files}/${encodeURIComponent(name)}`;
  };

  const list = async (of: CdpClient): Promise<Entry[]> =>
    (await (await fetch(await urlOf(of))).json()) as Entry[];

  const put = async (of: CdpClient, name: string, body: string | Buffer<ArrayBuffer>): Promise<Response> =>
    fetch(await urlOf(of, name), { method: 'PUT', body });

  const codeOf = async (answer: Response): Promise<unknown> => {
    const { error } = (await answer.json()) as { error?: { code: string } };
    return [answer.status, error?.code];
  };

  const openPage = async (of: CdpClient, path = '/'): Promise<Page> => {
    const opened = await of.newPage();
    await navigate(of, opened, origin + path);
    return opened;
  };

  /** Puts files into the page's input; the whole reply. */
  const give = async (of: CdpClient, to: Page, files: unknown, id = 'files'): Promise<Message> => {
    const { result } = await of.send<{ result: { objectId: string } }>(
      'Runtime.evaluate',
      { expression: `document.getElementById('${id}')` },
      to.sessionId,
    );
    return of.ask('DOM.setFileInputFiles', { files, objectId: result.objectId }, to.sessionId);
  };

  const isProgress =
    (state: string, guid?: unknown) =>
    ({ method, params }: Message): boolean =>
      method === 'Browser.downloadProgress' &&
      params?.['state'] === state &&
      (guid === undefined || params['guid'] === guid);

  const allow = (of: CdpClient, sessionId?: string): Promise<Message> =>
    of.ask(
      'Browser.setDownloadBehavior',
      { behavior: 'allow', downloadPath: join(folder, 'asked-for'), eventsEnabled: true },
      sessionId,
    );

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
      const on = await openPage(client);
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
      const on = await openPage(other);
      for (const files of [['a.txt'], ['/cdpmux-files/a.txt']]) {
        expect((await give(other, on, files)).error?.message).toContain('no file');
      }
      expect((await fetch(await urlOf(other, 'a.txt'))).status).toBe(404);
      expect((await fetch(await urlOf(other, 'a.txt'), { method: 'DELETE' })).status).toBe(404);
      expect((await fetch(await urlOf(client, 'a.txt'), { method: 'DELETE' })).status).toBe(204);
      expect(await list(client)).toEqual([]);
      expect((await fetch(await urlOf(client, 'a.txt'))).status).toBe(404);
      expect((await give(client, await openPage(client), ['a.txt'])).error?.message).toContain('no file');
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
      expect([verb.status, verb.headers.get('allow')]).toEqual([405, 'GET, PUT, DELETE']);
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
      const on = await openPage(client);
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
      const on = await openPage(client);
      for (const files of ['/etc/hostname', [1], [outside, 1], { 0: outside }, null]) {
        expect((await give(client, on, files)).error?.code).toBe(-32602);
      }
      expect(await contents(client, on)).toEqual([]);
    });

    it('of this machine are not shown', async () => {
      await put(client, 'mine.txt', 'mine');
      const on = await openPage(client);
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
      const on = await openPage(direct);
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
      expect(await evaluate(direct, opened, 'document.body.innerText')).toBe(SECRET);
      await direct.close();
      await chrome.close();
    }, 30_000);

    it('may not be dropped, or Chrome would open them as pages that may read all files', async () => {
      await put(client, 'mine.html', `<script>location.href='file://${outside}'</script>`);
      const on = await openPage(client);
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
        expect((await client.ask(method, params)).error?.message).toContain('the machine');
      }
    });
  });

  describe('downloads', () => {
    it('are denied until they are allowed', async () => {
      const on = await openPage(client);
      await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
      expect(await list(client)).toEqual([]);
      await client.send('Browser.setDownloadBehavior', { behavior: 'default', eventsEnabled: true });
      await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
      await client.waitFor(isProgress('canceled'), 'the end of the download');
      expect(await list(client)).toEqual([]);
    });

    it('land in the own directory whatever path was asked for, and are told by name', async () => {
      expect((await allow(client)).result).toEqual({});
      const on = await openPage(client);
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
      const on = await openPage(client);
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
      const [mine, theirs] = [await openPage(client), await openPage(other)];
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
      const on = await openPage(joined);
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
      const on = await openPage(client);
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
      const on = await openPage(client);
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
      const on = await openPage(client);
      endless = 0;
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
      const on = await openPage(client);
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
      const on = await openPage(client);
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
});

describe('the files of who has the trust of this machine', () => {
  let cdpmux: TestCdpmux;
  let client: CdpClient;

  beforeAll(async () => {
    cdpmux = await startCdpmux();
    client = await CdpClient.connect(cdpmux.wsUrl);
  }, 60_000);

  afterAll(async () => {
    await client.close();
    await cdpmux.close();
  }, 30_000);

  it('are given by their paths, and downloaded to where they were asked for', async () => {
    const on = await client.newPage();
    await navigate(client, on, `${origin}/`);
    const { result } = await client.send<{ result: { objectId: string } }>(
      'Runtime.evaluate',
      { expression: `document.getElementById('files')` },
      on.sessionId,
    );
    await client.send('DOM.setFileInputFiles', { files: [outside], objectId: result.objectId }, on.sessionId);
    expect(await contents(client, on)).toEqual([`outside.txt: ${SECRET}`]);
    const downloadPath = join(folder, 'local');
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath,
      eventsEnabled: true,
    });
    await client.ask('Page.navigate', { url: `${origin}/file` }, on.sessionId);
    const isDone = ({ method, params }: Message): boolean =>
      method === 'Browser.downloadProgress' && params?.['state'] === 'completed';
    const { params } = await client.waitFor(isDone, 'the download');
    expect(params?.['filePath']).toBe(join(downloadPath, 'file.bin'));
    expect(await readFile(join(downloadPath, 'file.bin'), 'utf8')).toBe('content of file.bin');
  });

  it('are told to their own client only, whoever sets a behaviour, at whatever level', async () => {
    const other = await CdpClient.connect(cdpmux.wsUrl);
    const downloadPath = join(folder, 'two');
    const behavior = { behavior: 'allowAndName', downloadPath, eventsEnabled: true };
    const [mine, theirs] = [await client.newPage(), await other.newPage()];
    for (const [of, on] of [
      [client, mine],
      [other, theirs],
    ] as const) {
      await navigate(of, on, `${origin}/`);
      await of.send('Browser.setDownloadBehavior', behavior);
      await of.send('Browser.setDownloadBehavior', behavior, on.sessionId);
      await of.send('Page.setDownloadBehavior', { behavior: 'allow', downloadPath }, on.sessionId);
    }
    const before = client.received.length;
    await client.ask('Page.navigate', { url: `${origin}/file?name=mine.bin` }, mine.sessionId);
    await other.ask('Page.navigate', { url: `${origin}/file?name=theirs.bin` }, theirs.sessionId);
    for (const [of, from, name] of [
      [client, before, 'mine.bin'],
      [other, 0, 'theirs.bin'],
    ] as const) {
      const events = (): Message[] =>
        of.received.slice(from).filter(({ method }) => /\.download/.test(method ?? ''));
      const ends = (): Message[] => events().filter(({ params }) => params?.['state'] === 'completed');
      await of.until(() => ends().length === 3, `three ends of ${name}`);
      const names = events().flatMap(({ params }) => params?.['suggestedFilename'] ?? []);
      expect(names).toEqual([name, name, name]);
      expect(new Set(events().map(({ params }) => params?.['guid'])).size).toBe(1);
    }
    await other.close();
  });

  it('may be uploaded as well, and have a real path then', async () => {
    const { targetInfo } = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const url = `${cdpmux.url}/api/v1/virtual-browsers/${targetInfo.targetId}/files/up.txt`;
    const answer = await fetch(url, { method: 'PUT', body: 'up' });
    const { path } = (await answer.json()) as { path: string };
    expect(await readFile(path, 'utf8')).toBe('up');
  });
});

describe('the files of strangers in a Chrome that runs elsewhere', () => {
  let cdpmux: TestCdpmux;
  let chrome: DirectChrome;

  beforeAll(async () => {
    chrome = await startChrome();
    cdpmux = await startCdpmux({ 'browsers.upstreams': chrome.wsUrl, 'policy.trust': 'tenant' });
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await chrome.close();
  }, 30_000);

  it('are refused with what to do, since it would not find them', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const on = await client.newPage();
    for (const [method, params, sessionId] of [
      ['Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: folder }, undefined],
      ['Page.setDownloadBehavior', { behavior: 'allow', downloadPath: folder }, on.sessionId],
      ['DOM.setFileInputFiles', { files: [outside], nodeId: 1 }, on.sessionId],
    ] as const) {
      const { error } = await client.ask(method, params, sessionId);
      expect(error?.message).toContain('policy.files.directory');
    }
    const { targetInfo } = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const url = `${cdpmux.url}/api/v1/virtual-browsers/${targetInfo.targetId}/files`;
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([
      404,
      expect.stringContaining('policy.files.directory'),
    ]);
    await client.close();
  });
});

describe('the files of a cdpmux that was killed', () => {
  it('are swept by the next start', async () => {
    const place = await mkdtemp(join(folder, 'swept-'));
    const script = `
      const { FileRoot } = await import(${JSON.stringify(new URL('../dist/src/mux/file-root.js', import.meta.url).href)});
      const root = await FileRoot.in(process.argv[1]);
      const store = root.store({ total: 1e6, upload: 1e6 });
      const { Readable } = await import('node:stream');
      await store.write('left.txt', Readable.from([Buffer.from('left')]));
      process.kill(process.pid, 'SIGKILL');`;
    await new Promise<void>((resolve) => {
      execFile(process.execPath, ['--input-type=module', '-e', script, place], () => resolve());
    });
    const left = await readdir(place, { recursive: true });
    expect(left).toContainEqual(expect.stringMatching(/^cdpmux-files-.*\/files\/left\.txt$/));
    const cdpmux = await startCdpmux({ 'policy.files.directory': place, 'browsers.min': 0 });
    expect(await readdir(place)).toEqual([]);
    await cdpmux.close();
  }, 30_000);
});
