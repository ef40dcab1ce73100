import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { catalogue } from '../src/virtual/catalogue.js';
import { entryOf } from '../src/virtual/rules.js';
import { commands } from './attack/protocol.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { exclusiveUrl, findChrome, kinds } from './support/exclusive.js';
import { evaluate, holds, navigate } from './support/page.js';
import { openSecureSite, type SecureSite } from './support/secure-site.js';
import { openSite, type Site } from './support/site.js';

/** With these a Chrome ends, or asks for what only some machines have. */
const fatal = new Set(['Browser.close', 'Browser.crash', 'Browser.crashGpuProcess']);

/** What a shared Chrome refuses, at the root or in sessions. */
const refused = commands.filter(({ method, domain }) => {
  const { root, session } = entryOf(method);
  return catalogue.has(domain) && (root.kind === 'refuse' || session.kind === 'refuse');
});

describe.each(kinds)('what a shared Chrome refuses, in an exclusive one: %s', (kind) => {
  let cdpmux: TestCdpmux;
  let site: Site;
  let secure: SecureSite;
  let directory: string;
  let client: CdpClient;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cdpmux-extension-'));
    [cdpmux, site, secure] = await Promise.all([
      startCdpmux({ chrome: chromeExecutable(kind), 'browsers.min': 0, 'browsers.max': 2 }),
      openSite(),
      openSecureSite(),
    ]);
    const manifest = { manifest_version: 3, name: 'x', version: '1', background: { service_worker: 'x.js' } };
    await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
    await writeFile(join(directory, 'x.js'), 'self.here = true');
  }, 60_000);

  afterAll(async () => {
    await Promise.all([cdpmux.close(), site.close(), secure.close(), rm(directory, { recursive: true })]);
  });

  beforeEach(async () => {
    client = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl));
  });

  afterEach(() => client.close());

  it('is answered by Chrome itself', async () => {
    const page = await client.newPage();
    const tried = refused.filter(({ method }) => !fatal.has(method));
    const answers = await Promise.all(
      tried.flatMap(({ method }) => [client.ask(method, {}), client.ask(method, {}, page.sessionId)]),
    );
    const ours = answers.filter(({ error }) => /is not available (?:to|in)/.test(error?.message ?? ''));
    expect(ours).toEqual([]);
    expect(answers.length).toBeGreaterThan(100);
    expect(answers.filter(({ result }) => result).length).toBeGreaterThan(5);
  });

  it('pauses all requests at the root', async () => {
    const page = await client.newPage();
    await client.send('Fetch.enable', { patterns: [{ urlPattern: '*made-up*' }] });
    const before = client.received.length;
    const loading = navigate(client, page, `${site.origin}/made-up`);
    const isPaused = (): boolean =>
      client.received.slice(before).some(({ method }) => method === 'Fetch.requestPaused');
    await client.until(isPaused, 'a request');
    const { params, sessionId } = client.received
      .slice(before)
      .find(({ method }) => method === 'Fetch.requestPaused')!;
    expect(sessionId).toBeUndefined();
    const body = Buffer.from('<p>made up</p>').toString('base64');
    await client.send('Fetch.fulfillRequest', { requestId: params?.['requestId'], responseCode: 200, body });
    await loading;
    expect(await evaluate(client, page, 'document.body.innerText')).toBe('made up');
    await client.send('Fetch.disable');
  });

  it('traces all of Chrome as Chrome does', async () => {
    const { pid } = await findChrome(client);
    await client.send('Tracing.start', { categories: 'toplevel,devtools.timeline' });
    await client.send('Tracing.end');
    await client.waitFor(({ method }) => method === 'Tracing.tracingComplete', 'the end of the trace');
    const pids = client.events
      .filter(({ method }) => method === 'Tracing.dataCollected')
      .flatMap(({ params }) => params?.['value'] as { pid: number }[])
      .map((event) => event.pid);
    // which is filtered out of what clients of a shared Chrome get
    expect(pids).toContain(pid);
  });

  it('ignores certificate errors for all pages', async () => {
    const page = await client.newPage();
    await client.send('Security.setIgnoreCertificateErrors', { ignore: true });
    await navigate(client, page, secure.url);
    expect(await evaluate(client, page, 'document.title')).toBe('secure');
    await client.send('Security.setIgnoreCertificateErrors', { ignore: false });
  });

  it('gives the clipboard', async () => {
    const page = await client.newPage();
    await navigate(client, page, site.url('exclusive', 'home'));
    const permissions = ['clipboardReadWrite', 'clipboardSanitizedWrite'];
    await client.send('Browser.grantPermissions', { permissions, origin: site.origin });
    await client.send('Page.bringToFront', {}, page.sessionId);
    const copied = `navigator.clipboard.writeText('copied').then(()=>navigator.clipboard.readText())`;
    expect(await evaluate(client, page, copied)).toBe('copied');
  });

  it('gives a page’s script the protocol', async () => {
    const page = await client.newPage();
    await navigate(client, page, site.url('exclusive', 'home'));
    await client.send('Target.exposeDevToolsProtocol', { targetId: page.targetId });
    const asked = `new Promise((done)=>{cdp.onmessage=done;cdp.send('{"id":1,"method":"Target.getTargets"}')})`;
    expect(await evaluate(client, page, asked)).toContain(page.targetId);
  });

  it('takes messages inside messages', async () => {
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', { targetId });
    const message = '{"id":1,"method":"Runtime.evaluate","params":{"expression":"6*9"}}';
    await client.send('Target.sendMessageToTarget', { sessionId, message });
    const told = await client.waitFor(({ method }) => method === 'Target.receivedMessageFromTarget');
    expect(told.params?.['message']).toContain('"value":54');
    await client.send('Target.detachFromTarget', { sessionId });
    await client.send('Target.closeTarget', { targetId });
  });

  it('tells a page’s whole window, and moves it', async () => {
    const page = await client.newPage();
    const { windowId } = await client.send<{ windowId: number }>('Browser.getWindowForTarget', {
      targetId: page.targetId,
    });
    await client.send('Browser.setWindowBounds', { windowId, bounds: { width: 700, height: 500 } });
    await holds(client, page, 'outerWidth===700');
  });

  if (kind === 'shell') return;

  it('opens DevTools, which are a target', async () => {
    const { targetId } = await client.newPage();
    await client.send('Target.setDiscoverTargets', { discover: true });
    const opened = await client.send<{ targetId: string }>('Target.openDevTools', { targetId });
    const { targetInfos } = await client.send<{ targetInfos: { targetId: string; url: string }[] }>(
      'Target.getTargets',
    );
    const found = targetInfos.find((info) => info.targetId === opened.targetId);
    expect(found?.url).toMatch(/^devtools:/);
    await client.waitFor(
      ({ method, params }) =>
        method === 'Target.targetCreated' &&
        (params?.['targetInfo'] as { targetId: string }).targetId === opened.targetId,
      'DevTools as a target',
    );
  });

  it('has extensions, from flags and by command, whose workers are targets', async () => {
    const flags = [`--load-extension=${directory}`, '--enable-unsafe-extension-debugging'];
    const features = '--disable-features=DisableLoadExtensionCommandLineSwitch';
    const extended = await CdpClient.connect(exclusiveUrl(cdpmux.wsUrl, [...flags, features]));
    await extended.send('Target.setDiscoverTargets', { discover: true });
    const worker = await extended.waitFor(
      ({ method, params }) =>
        method === 'Target.targetCreated' &&
        (params?.['targetInfo'] as { url: string }).url.startsWith('chrome-extension://'),
      'the worker of an extension',
    );
    const { targetId, type } = worker.params?.['targetInfo'] as { targetId: string; type: string };
    expect(type).toBe('service_worker');
    const attached = await extended.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    const isRunning = async (): Promise<boolean> =>
      (await evaluate(extended, { targetId, ...attached }, 'self.here')) === true;
    await eventually(isRunning, { within: 15_000, what: 'the start of the worker' });
    const { extensions } = await extended.send<{ extensions: { path: string }[] }>(
      'Extensions.getExtensions',
    );
    expect(extensions.map(({ path }) => path)).toContain(directory);
    await extended.close();
  });
});
