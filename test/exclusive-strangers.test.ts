import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { flagsForAnyone } from '../src/chrome/launch-flag-list.js';
import { readByPage } from './attack/file-reads.js';
import { errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient, type Message } from './support/cdp-client.js';
import { chromeExecutable } from './support/chrome.js';
import { exclusiveUrl, kinds } from './support/exclusive.js';
import { evaluate, everything, navigate } from './support/page.js';
import { openSite, type Site } from './support/site.js';
import { startStrangers, type Strangers } from './support/strangers.js';

const SECRET = 'what only this machine may read';

/** What would go around the checks, with parameters that Chrome takes. */
const refusedTo: readonly (readonly [method: string, params: object])[] = [
  ['Target.exposeDevToolsProtocol', { targetId: 'page' }],
  ['Target.openDevTools', { targetId: 'page' }],
  ['Target.getDevToolsTarget', { targetId: 'page' }],
  ['Target.setRemoteLocations', { locations: [{ host: '127.0.0.1', port: 1 }] }],
  ['Target.sendMessageToTarget', { message: '{}' }],
  ['Target.attachToTarget', { targetId: 'page' }],
  ['Tethering.bind', { port: 0 }],
  ['Extensions.loadUnpacked', { path: '/tmp' }],
  ['PWA.install', { manifestId: 'http://127.0.0.1/' }],
  ['Cast.enable', {}],
  ['Browser.getBrowserCommandLine', {}],
  ['Browser.executeBrowserCommand', { commandId: 'openTabSearch' }],
  ['Memory.getBrowserSamplingProfile', {}],
  ['Tracing.start', { transferMode: 'ReturnAsStream', streamFormat: 'proto' }],
];

describe.each(kinds)('a stranger with a Chrome for itself: %s', (kind) => {
  let strangers: Strangers;
  let site: Site;
  let directory: string;
  let secret: string;
  let client: CdpClient;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cdpmux-secret-'));
    const file = join(directory, 'secret.txt');
    await writeFile(file, SECRET);
    secret = pathToFileURL(file).href;
    const settings = { chrome: chromeExecutable(kind), 'browsers.min': 0, 'browsers.max': 2 };
    [strangers, site] = await Promise.all([startStrangers(['stranger', 'other'], settings), openSite()]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([strangers.close(), site.close(), rm(directory, { recursive: true })]);
  });

  beforeEach(async () => {
    client = await CdpClient.connect(exclusiveUrl(strangers.urlOf('stranger')));
  });

  afterEach(() => client.close());

  const home = (): string => site.url('stranger', 'home');

  it('is refused what would go around the checks, from every session', async () => {
    const page = await client.newPage();
    for (const sessionId of [undefined, page.sessionId]) {
      for (const [method, params] of refusedTo) {
        const targeted = 'targetId' in params ? { targetId: page.targetId } : params;
        const { error } = await client.ask(method, targeted, sessionId);
        expect(error?.message).toContain(
          `'${method}' is not available to strangers, also not in a Chrome of their own: `,
        );
      }
    }
  });

  it('learns no path of the machine', async () => {
    const page = await client.newPage();
    for (const sessionId of [undefined, page.sessionId]) {
      const info = await client.ask('SystemInfo.getInfo', {}, sessionId);
      expect(JSON.stringify(info)).not.toMatch(/user-data-dir|\/usr\/|\/tmp\//);
    }
  });

  it('opens no file by a command, in whatever context', async () => {
    const page = await client.newPage();
    await navigate(client, page, home());
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    for (const [method, params, sessionId] of [
      ['Target.createTarget', { url: secret }, undefined],
      ['Target.createTarget', { url: secret, browserContextId }, undefined],
      ['Target.createTarget', { url: 'chrome://version' }, undefined],
      ['Page.navigate', { url: secret }, page.sessionId],
      ['DOM.setFileInputFiles', { files: [new URL(secret).pathname], nodeId: 1 }, page.sessionId],
    ] as const) {
      const { error } = await client.ask(method, params, sessionId);
      expect(error?.message).toMatch(/not allowed here|directory/);
    }
  });

  it('gets no file by a redirect that it makes up at the root', async () => {
    const page = await client.newPage();
    await navigate(client, page, home());
    await client.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] });
    const url = site.url('stranger', 'frames');
    const navigated = client.ask('Page.navigate', { url }, page.sessionId);
    const paused = await client.waitFor(({ method }) => method === 'Fetch.requestPaused');
    const requestId = paused.params?.['requestId'];
    const responseHeaders = [{ name: 'Location', value: secret }];
    for (const [method, params] of [
      ['Fetch.fulfillRequest', { requestId, responseCode: 302, responseHeaders }],
      ['Fetch.continueRequest', { requestId, url: secret }],
    ] as const) {
      expect((await client.ask(method, params)).error?.message).toContain('not allowed here');
    }
    await client.send('Fetch.failRequest', { requestId, errorReason: 'Failed' });
    expect((await navigated).result).toMatchObject({ errorText: 'net::ERR_FAILED' });
    await client.send('Fetch.disable');
  });

  it('reads no file with the flags that it may give', async () => {
    const flags = [...flagsForAnyone].flatMap(([name, takes]) =>
      takes === 'none' && name !== 'enable-begin-frame-control' ? [`--${name}`] : [],
    );
    const features = '--disable-features=BlockInsecurePrivateNetworkRequests,IsolateOrigins,site-per-process';
    const fake = '--use-fake-device-for-media-stream';
    const loose = await CdpClient.connect(
      exclusiveUrl(strangers.urlOf('stranger'), [...flags, fake, features]),
    );
    const filter = everything;
    const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true, filter };
    const page = await loose.newPage();
    await loose.send('Target.setAutoAttach', attach);
    await loose.send('Target.setAutoAttach', attach, page.sessionId);
    await loose.send('Page.enable', {}, page.sessionId);
    await loose.send('Page.setBypassCSP', { enabled: true }, page.sessionId);
    await navigate(loose, page, home());
    expect(await evaluate(loose, page, readByPage(secret))).not.toContain(SECRET);
    const sessions = loose.events
      .filter(({ method }) => method === 'Target.attachedToTarget')
      .map(({ params }) => (params as unknown as { sessionId: string }).sessionId);
    expect(sessions.length).toBeGreaterThan(0);
    const asked = new Set([page.sessionId, ...sessions]);
    const read = await Promise.all(
      [...asked].map((sessionId) =>
        loose.ask('Runtime.evaluate', { expression: 'self.document?.documentElement?.outerHTML' }, sessionId),
      ),
    );
    expect(JSON.stringify(read)).not.toContain(SECRET);
    const told = (message: Message): boolean => JSON.stringify(message).includes(SECRET);
    expect(loose.received.filter(told)).toEqual([]);
    await loose.close();
  });

  it('is refused flags that reach the machine, before anything is launched', async () => {
    const launched = strangers.mux.browsers().length;
    for (const flag of ['--load-extension=/tmp', '--host-resolver-rules=MAP * 127.0.0.1', '--no-sandbox']) {
      const answer = await refusedUpgrade(exclusiveUrl(strangers.urlOf('stranger'), [flag]));
      expect(answer.status).toBe(400);
      expect(errorOf(answer)['message']).toContain(flag.split('=')[0]);
    }
    expect(strangers.mux.browsers()).toHaveLength(launched);
  });

  it('is not joined by another tenant', async () => {
    const { targetInfo } = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    const page = await client.newPage();
    const other = new URL(strangers.urlOf('other'));
    for (const path of [`/devtools/browser/${targetInfo.targetId}`, `/devtools/page/${page.targetId}`]) {
      other.pathname = path;
      expect((await refusedUpgrade(other.href)).status).toBe(404);
    }
  });
});
