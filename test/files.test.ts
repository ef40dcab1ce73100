import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { contents, openFileSite, SECRET, type FileSite } from './support/file-site.js';
import { navigate } from './support/page.js';

let site: FileSite;
let origin: string;
let folder: string;
let outside: string;

beforeAll(async () => {
  site = await openFileSite();
  ({ origin, folder, outside } = site);
});

afterAll(() => site.close());

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
