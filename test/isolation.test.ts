import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import {
  attachedTo,
  evaluate,
  everything,
  holds,
  idsOf,
  navigate,
  openPage,
  type Attached,
  type Page,
} from './support/page.js';
import { openSite, type Site } from './support/site.js';

/** Each is asked for at the root and in every kind of session. */
const filters: readonly (readonly object[])[] = [
  everything,
  [{ type: 'tab' }],
  [{ type: 'page' }],
  [{ type: 'browser' }, { type: 'other' }, {}],
  [{ type: 'page', exclude: true }, {}],
];

describe('an attacker beside a victim in one Chrome', () => {
  let cdpmux: TestCdpmux;
  let chrome: DirectChrome;
  let site: Site;
  let downloads: string;
  /** Sees all of Chrome: what is true is asked here. */
  let truth: CdpClient;
  let victim: CdpClient;
  let attacker: CdpClient;

  beforeAll(async () => {
    [chrome, site] = await Promise.all([startChrome(), openSite()]);
    cdpmux = await startCdpmux({ 'browsers.upstreams': chrome.wsUrl });
    downloads = await mkdtemp(join(tmpdir(), 'cdpmux-downloads-'));
    truth = await CdpClient.connect(chrome.wsUrl);
  }, 60_000);

  afterAll(async () => {
    await cdpmux.close();
    await Promise.all([chrome.close(), site.close(), rm(downloads, { recursive: true })]);
  });

  beforeEach(async () => {
    [victim, attacker] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(cdpmux.wsUrl),
    ]);
  });

  afterEach(async () => {
    victim.socket.terminate();
    attacker.socket.terminate();
    await Promise.all([victim.closed, attacker.closed]);
  });

  /** A session of every kind that the attacker can get, by kind; the root has none. */
  const everySession = async (client: CdpClient): Promise<Map<string, string | undefined>> => {
    const page = await openPage(client, site.url('attacker', 'frames'));
    const iframe = await attachedTo(client, 'iframe');
    await openPage(client, site.url('attacker', 'working'));
    const worker = await attachedTo(client, 'worker');
    const serving = await openPage(client, site.url('attacker', 'serving'));
    await holds(client, serving, 'window.served');
    const service = await serviceWorker(client);
    const nested = await client.send<{ sessionId: string }>('Target.attachToBrowserTarget');
    const tabs = await client.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets', {
      filter: [{ type: 'tab' }],
    });
    const tab = await client.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId: tabs.targetInfos[0]?.targetId,
      flatten: true,
    });
    return new Map<string, string | undefined>([
      ['root', undefined],
      ['page', page.sessionId],
      ['tab', tab.sessionId],
      ['browser', nested.sessionId],
      ['worker', worker.sessionId],
      ['service worker', service.sessionId],
      ['iframe', iframe.sessionId],
    ]);
  };

  const serviceWorker = async (client: CdpClient): Promise<Page> => {
    const { targetInfos } = await client.send<{ targetInfos: Attached['targetInfo'][] }>('Target.getTargets');
    const targetId = targetInfos.find(({ type }) => type === 'service_worker')?.targetId ?? 'none';
    return {
      targetId,
      ...(await client.send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })),
    };
  };

  /** Everything the attacker can ask for to hear of others. */
  const listenEverywhere = async (sessions: Map<string, string | undefined>): Promise<void> => {
    for (const sessionId of sessions.values()) {
      await attacker.ask(
        'Browser.setDownloadBehavior',
        { behavior: 'allow', downloadPath: downloads, eventsEnabled: true },
        sessionId,
      );
      for (const filter of filters) {
        const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true, filter };
        await attacker.ask('Target.setDiscoverTargets', { discover: true, filter }, sessionId);
        await attacker.ask('Target.setAutoAttach', attach, sessionId);
      }
    }
  };

  /** Asks for every list there is, in each session. */
  const listEverywhere = async (sessions: Map<string, string | undefined>): Promise<void> => {
    for (const sessionId of sessions.values()) {
      await attacker.ask('Target.getBrowserContexts', {}, sessionId);
      await attacker.ask('Target.getTargetInfo', {}, sessionId);
      await attacker.ask('Storage.getCookies', {}, sessionId);
      for (const filter of filters) await attacker.ask('Target.getTargets', { filter }, sessionId);
    }
  };

  /** What a busy client does: pages, popups, contexts, workers, frames, downloads, and closing them all. */
  const liveALittle = async (client: CdpClient, tag: string): Promise<void> => {
    await client.send('Target.setDiscoverTargets', { discover: true, filter: everything });
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath: downloads,
      eventsEnabled: true,
    });
    const home = await openPage(client, site.url(tag, 'home'));
    await evaluate(client, home, `localStorage.secret='secret of ${tag}';document.cookie='mine=${tag}'`);
    await client.send(
      'Runtime.evaluate',
      { expression: `window.open('popup')`, userGesture: true },
      home.sessionId,
    );
    await client.waitFor(
      ({ method, params }) =>
        method === 'Target.targetInfoChanged' && JSON.stringify(params).includes(site.url(tag, 'popup')),
      'the popup',
    );
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    await client.send('Target.createTarget', { url: site.url(tag, 'empty'), browserContextId });
    const working = await openPage(client, site.url(tag, 'working'));
    await holds(client, working, 'window.worked');
    const serving = await openPage(client, site.url(tag, 'serving'));
    await holds(client, serving, 'window.served');
    await openPage(client, site.url(tag, 'frames'));
    await evaluate(client, home, `document.getElementById('download').click()`);
    await client.waitFor(
      ({ method, params }) => method === 'Browser.downloadProgress' && params?.['state'] === 'completed',
      'the download',
    );
    await client.send('Target.disposeBrowserContext', { browserContextId });
    await client.send('Target.closeTarget', { targetId: serving.targetId });
    await client.waitFor(
      ({ method, params }) =>
        method === 'Target.targetDestroyed' && params?.['targetId'] === serving.targetId,
      'the page that closes',
    );
  };

  it('never hears or sees anything of it, whatever it asks for', async () => {
    const sessions = await everySession(attacker);
    await listenEverywhere(sessions);
    await Promise.all([liveALittle(victim, 'victim'), listEverywhere(sessions)]);
    await listEverywhere(sessions);
    const victims = idsOf(victim);
    const seen = JSON.stringify(attacker.received);
    expect(victims.size).toBeGreaterThan(20);
    expect([...victims].filter((id) => seen.includes(id))).toEqual([]);
    expect(seen).not.toContain('victim');
    // it did hear, and of its own
    expect(idsOf(attacker).size).toBeGreaterThan(10);
    const heard = new Set(attacker.events.map(({ method }) => method));
    expect(heard).toContain('Target.targetCreated');
    expect(heard).toContain('Target.attachedToTarget');
  }, 60_000);

  it('hears of its own downloads all the same, and of nobody else’s', async () => {
    await Promise.all([liveALittle(victim, 'victim'), liveALittle(attacker, 'attacker')]);
    const urlsOf = (client: CdpClient): unknown[] =>
      client.events
        .filter(({ method }) => method === 'Browser.downloadWillBegin')
        .map(({ params }) => params?.['url']);
    expect(urlsOf(victim)).toEqual([site.url('victim', 'file')]);
    expect(urlsOf(attacker)).toEqual([site.url('attacker', 'file')]);
  });

  it('does nothing to it with its real ids, in any session', async () => {
    const sessions = await everySession(attacker);
    const page = await openPage(victim, site.url('victim', 'home'));
    const { targetInfo } = await victim.send<{ targetInfo: { browserContextId: string } }>(
      'Target.getTargetInfo',
      { targetId: page.targetId },
    );
    const own = await victim.send<{ browserContextId: string }>('Target.createBrowserContext');
    const window = await victim.send<{ windowId: number }>('Browser.getWindowForTarget', {
      targetId: page.targetId,
    });
    const { targetId, sessionId: victimSession } = page;
    const cookie = { name: 'planted', value: 'x', url: site.origin };
    const attempts: [string, object][] = [
      ['Target.attachToTarget', { targetId, flatten: true }],
      ['Target.attachToTarget', { targetId, flatten: false }],
      ['Target.getTargetInfo', { targetId }],
      ['Target.activateTarget', { targetId }],
      ['Target.autoAttachRelated', { targetId, waitForDebuggerOnStart: true }],
      ['Target.exposeDevToolsProtocol', { targetId }],
      ['Target.detachFromTarget', { sessionId: victimSession }],
      ['Target.detachFromTarget', { targetId }],
      ['Target.sendMessageToTarget', { sessionId: victimSession, message: '{"id":1,"method":"Page.close"}' }],
      ['Target.sendMessageToTarget', { targetId, message: '{"id":1,"method":"Page.close"}' }],
      ['Browser.getWindowForTarget', { targetId }],
      ...[targetInfo.browserContextId, own.browserContextId].flatMap(
        (browserContextId): [string, object][] => [
          ['Target.createTarget', { url: site.url('attacker', 'empty'), browserContextId }],
          ['Storage.getCookies', { browserContextId }],
          ['Storage.setCookies', { cookies: [cookie], browserContextId }],
          ['Storage.clearCookies', { browserContextId }],
          ['Browser.grantPermissions', { permissions: ['geolocation'], browserContextId }],
          ['Browser.resetPermissions', { browserContextId }],
          ['Browser.setDownloadBehavior', { behavior: 'deny', browserContextId }],
          ['Target.disposeBrowserContext', { browserContextId }],
        ],
      ),
      ['Target.closeTarget', { targetId }],
    ];
    const succeeded: string[] = [];
    for (const [kind, sessionId] of sessions) {
      for (const [method, params] of attempts) {
        const { error } = await attacker.ask(method, params, sessionId);
        if (!error) succeeded.push(`${method} ${JSON.stringify(params)} in ${kind}`);
      }
    }
    expect(succeeded).toEqual([]);
    expect(await evaluate(victim, page, 'document.title')).toBe('home of victim');
    const { targetInfos } = await truth.send<{ targetInfos: { url: string; browserContextId?: string }[] }>(
      'Target.getTargets',
    );
    const contexts = [targetInfo.browserContextId, own.browserContextId];
    const inVictims = targetInfos.filter((info) => contexts.includes(info.browserContextId ?? ''));
    expect(inVictims.map(({ url }) => url).sort()).toEqual(['about:blank', site.url('victim', 'home')]);
    const { browserContextIds } = await truth.send<{ browserContextIds: string[] }>(
      'Target.getBrowserContexts',
    );
    expect(browserContextIds).toEqual(expect.arrayContaining(contexts));
    const { cookies } = await victim.send<{ cookies: { name: string; value: string }[] }>(
      'Storage.getCookies',
    );
    expect(cookies.map(({ name, value }) => `${name}=${value}`)).toEqual(['served=victim']);
    expect(
      await evaluate(victim, page, `navigator.permissions.query({name:'geolocation'}).then((p)=>p.state)`),
    ).toBe(
      await evaluate(
        attacker,
        { targetId: '', sessionId: sessions.get('page') ?? '' },
        `navigator.permissions.query({name:'geolocation'}).then((p)=>p.state)`,
      ),
    );
    expect(window.windowId).toEqual(expect.any(Number));
  }, 60_000);

  it('does not reach its sessions, and is told what Chrome says of a session that never was', async () => {
    const page = await openPage(victim, site.url('victim', 'home'));
    const nested = await victim.send<{ sessionId: string }>('Target.attachToBrowserTarget');
    const attempts = [page.sessionId, nested.sessionId].flatMap((sessionId) => [
      { id: 7, method: 'Runtime.evaluate', params: { expression: `document.title='stolen'` }, sessionId },
      { id: 7, method: 'Page.close', sessionId },
      { id: 7, method: 'Target.getTargets', sessionId },
    ]);
    for (const attempt of attempts) {
      const before = attacker.received.length;
      attacker.raw(JSON.stringify(attempt));
      await attacker.until(() => attacker.received.length > before, 'an answer');
      expect(attacker.received.slice(before)).toEqual([
        { id: 7, error: { code: -32001, message: 'Session with given id not found.' } },
      ]);
    }
    expect(await evaluate(victim, page, 'document.title')).toBe('home of victim');
  });

  const expectAlive = async (page: Page): Promise<void> => {
    expect(await evaluate(victim, page, 'document.title')).toBe('home of victim');
    expect(victim.socket.readyState).toBe(victim.socket.OPEN);
  };

  it.each(['Browser.crash', 'Browser.crashGpuProcess'])(
    'leaves it alive with %s in any session',
    async (method) => {
      const page = await openPage(victim, site.url('victim', 'home'));
      for (const sessionId of (await everySession(attacker)).values())
        await attacker.ask(method, {}, sessionId);
      await expectAlive(page);
    },
  );

  it.each(['root', 'page', 'browser'])(
    'leaves it alive with Browser.close in a session on its %s',
    async (kind) => {
      const page = await openPage(victim, site.url('victim', 'home'));
      await attacker.ask('Browser.close', {}, await sessionOf(attacker, kind));
      await attacker.closed;
      await expectAlive(page);
    },
  );

  const sessionOf = async (client: CdpClient, kind: string): Promise<string | undefined> => {
    if (kind === 'root') return undefined;
    if (kind === 'page') return (await client.newPage()).sessionId;
    return (await client.send<{ sessionId: string }>('Target.attachToBrowserTarget')).sessionId;
  };

  it('shares no cookie and no storage with it', async () => {
    const [mine, theirs] = await Promise.all([
      openPage(victim, site.url('victim', 'home')),
      openPage(attacker, site.url('attacker', 'home')),
    ]);
    await evaluate(
      victim,
      mine,
      `localStorage.secret='s';sessionStorage.secret='s';document.cookie='secret=s;path=/'`,
    );
    await evaluate(victim, mine, `caches.open('c').then((c)=>c.put('/x',new Response('secret')))`);
    await evaluate(victim, mine, `say('secret')`);
    await navigate(attacker, theirs, site.url('attacker', 'home'));
    const found = `(async()=>[localStorage.secret,sessionStorage.secret,document.cookie,(await caches.keys()).length,heard.length])()`;
    expect(await evaluate(attacker, theirs, found)).toEqual([null, null, 'served=attacker', 0, 0]);
    const { cookies } = await attacker.send<{ cookies: { name: string }[] }>('Storage.getCookies');
    expect(cookies.map(({ name }) => name)).toEqual(['served']);
    await attacker.send('Storage.clearCookies');
    expect(await evaluate(victim, mine, '[localStorage.secret,document.cookie]')).toEqual([
      's',
      'served=victim; secret=s',
    ]);
  });

  it.each([
    { name: 'the attacker', holder: () => attacker, other: () => victim },
    { name: 'the victim', holder: () => victim, other: () => attacker },
  ])(
    'hangs no page of the other when $name holds all new pages and resumes none',
    async ({ holder, other }) => {
      for (const filter of filters) {
        const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true, filter };
        await holder().send('Target.setAutoAttach', attach);
        const nested = await holder().send<{ sessionId: string }>('Target.attachToBrowserTarget');
        await holder().send('Target.setAutoAttach', attach, nested.sessionId);
        // one of its own, which does hang
        await holder().send('Target.createTarget', { url: site.url('held', 'empty') });
        const page = await openPage(other(), site.url('free', 'home'));
        expect(await evaluate(other(), page, 'document.title')).toBe('home of free');
        await holder().send('Target.detachFromTarget', { sessionId: nested.sessionId });
      }
      holder().socket.terminate();
      await holder().closed;
      const after = await openPage(other(), site.url('after', 'home'));
      expect(await evaluate(other(), after, 'document.title')).toBe('home of after');
    },
  );

  it('pauses none of its requests, and sees none', async () => {
    for (const method of ['Fetch.enable', 'Network.enable', 'Page.enable', 'Log.enable', 'Audits.enable']) {
      await attacker.ask(method, {});
    }
    const page = await openPage(victim, site.url('victim', 'home'));
    expect(await evaluate(victim, page, 'document.title')).toBe('home of victim');
    expect(JSON.stringify(attacker.received)).not.toContain('victim');
  });

  it('cancels no download of its by leaving, and stops no event of it', async () => {
    const download = { behavior: 'allow', downloadPath: downloads, eventsEnabled: true };
    await Promise.all(
      [victim, attacker].map((client) => client.send('Browser.setDownloadBehavior', download)),
    );
    const page = await openPage(victim, site.url('victim', 'home'));
    attacker.socket.terminate();
    await attacker.closed;
    await evaluate(victim, page, `document.getElementById('download').click()`);
    const isEnd = ({ method, params }: Message): boolean =>
      method === 'Browser.downloadProgress' && params?.['state'] !== 'inProgress';
    expect((await victim.waitFor(isEnd, 'the end of the download')).params).toMatchObject({
      state: 'completed',
    });
  });
});
