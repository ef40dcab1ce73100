import { neverLike, type Id, type IdKind } from './ids.js';
import { difference, isOwnDoing, keepThings, sorted, stateOfPage } from './house-state.js';
import { SECRET } from './living.js';
import { attachedIn, attachTo, openPage, targetOf, type Opened } from './page.js';
import type { Site } from '../support/site.js';
import type { Wire } from './wire.js';

const TAG = SECRET;
/** So many scripts the victim's page has had before the one that is attacked. */
const OWN_SCRIPTS = 5_000;

/** One thing of the victim's that is looked at again and again. */
interface Look {
  readonly what: string;
  readonly method: string;
  readonly params?: object;
  readonly sessionId?: string;
}

/** The victim's: a virtual browser with one of everything that has an id, all of it in use. */
export class House {
  readonly wire: Wire;
  readonly ids: Id[] = [];
  /** Long ids and the secret: found in what an attacker receives, they are a leak. */
  readonly secrets = new Set<string>([SECRET]);
  readonly #looks: Look[] = [];
  readonly #site: Site;
  #before = new Map<string, string>();
  #paused: { requestId: string; sessionId: string } | undefined;

  private constructor(wire: Wire, site: Site) {
    this.wire = wire;
    this.#site = site;
  }

  static async build(wire: Wire, site: Site, downloadPath: string): Promise<House> {
    const house = new House(wire, site);
    await house.#build(downloadPath);
    house.#before = await house.#look();
    wire.events = [];
    return house;
  }

  /** An origin of which only the victim has pages. */
  static privateOrigin(site: Site): string {
    return site.origin.replace('127.0.0.1', 'victim.localhost');
  }

  /** What has changed since the last time, and what the victim heard that it did not cause. */
  async changes(): Promise<string[]> {
    const now = await this.#look();
    const changed = [...now].flatMap(([what, value]) =>
      value === this.#before.get(what) ? [] : [`${what}: ${difference(this.#before.get(what) ?? '', value)}`],
    );
    this.#before = now;
    const heard = this.wire.events
      .filter((event) => !isOwnDoing(event))
      .map(({ method, params }) => `heard ${method} ${JSON.stringify(params)?.slice(0, 160)}`);
    this.wire.events = [];
    if (!this.wire.isOpen) changed.push('its connection was closed');
    return [...changed, ...heard];
  }

  /** Lets the victim do something that leaves its things as they were; what it hears of it is its own doing. */
  async during<T>(work: (wire: Wire, site: Site) => Promise<T>): Promise<T> {
    const result = await work(this.wire, this.#site);
    const changed = await this.changes();
    const lost = changed.filter((change) => !/^(targets:|contexts:|heard )/.test(change));
    if (lost.length > 0) throw new Error(`while the victim worked: ${lost.join('; ')}`);
    return result;
  }

  /** Goes on with what it had left half done; gives what does not work any more. */
  async finish(): Promise<string[]> {
    const faults: string[] = [];
    const stream = this.ids.find(({ kind }) => kind === 'stream')?.real;
    const read = await this.wire.ask('IO.read', { handle: stream, size: 4 }, this.#sessionOf('home'));
    if (read?.result?.['data'] !== 'JVBERg==') faults.push(`its PDF stream: ${JSON.stringify(read)}`);
    if (this.#paused) {
      const { requestId, sessionId } = this.#paused;
      const go = await this.wire.ask('Fetch.continueRequest', { requestId }, sessionId);
      if (!go || go.error) faults.push(`its paused request: ${JSON.stringify(go)}`);
      const got = await this.wire.evaluate(sessionId, 'window.held');
      if (got !== TAG) faults.push(`what its paused request brought: ${String(got)}`);
    }
    return faults;
  }

  async #build(downloadPath: string): Promise<void> {
    const { wire } = this;
    const site = this.#site;
    await wire.send('Target.setDiscoverTargets', { discover: true, filter: [{}] });
    await wire.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath, eventsEnabled: true });
    await wire.send('Browser.grantPermissions', { permissions: ['geolocation'], origin: site.origin });
    const home = await this.#home();
    const hidden = await openPage(wire, `${House.privateOrigin(site)}/${TAG}/home`);
    this.#page('page of its own origin', hidden);
    await wire.evaluate(hidden.sessionId, keepThings);
    await this.#others();
    await this.#requests(home);
    await this.#download(home);
    await this.#pausedPage();
    this.#origins();
    const tab = await attachTo(wire, await targetOf(wire, 'tab', `${TAG}/serving`));
    this.#add('target', 'tab', tab.targetId);
    this.#add('session', 'tab', tab.sessionId);
    const nested = await wire.send<{ sessionId: string }>('Target.attachToBrowserTarget');
    this.#add('session', 'browser', nested.sessionId);
    const { targetInfo } = await wire.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    this.#add('target', 'browser', targetInfo.targetId);
    this.#looks.push(
      { what: 'cookies', method: 'Storage.getCookies' },
      { what: 'targets', method: 'Target.getTargets', params: { filter: [{}] } },
      { what: 'contexts', method: 'Target.getBrowserContexts' },
      { what: 'version', method: 'Browser.getVersion' },
    );
  }

  /** The page with all that a page can have. */
  async #home(): Promise<Opened> {
    const { wire } = this;
    const home = await openPage(wire, this.#site.url(TAG, 'home'));
    const { sessionId, targetId } = home;
    this.#page('home', home);
    await wire.evaluate(sessionId, keepThings);
    for (const domain of ['Runtime', 'DOM', 'CSS', 'Network', 'Debugger', 'ServiceWorker']) {
      await wire.send(`${domain}.enable`, {}, sessionId);
    }
    const { frameTree } = await wire.send<{
      frameTree: { frame: { id: string; loaderId: string }; childFrames: { frame: { id: string } }[] };
    }>('Page.getFrameTree', {}, sessionId);
    this.#add('frame', 'home', targetId);
    this.#add('frame', 'child frame', frameTree.childFrames[0]!.frame.id);
    this.#add('loader', 'home', frameTree.frame.loaderId);
    // far from what an attacker's own are numbered
    let world = 0;
    for (let n = 0; n < 60; n++) {
      const created = await wire.send<{ executionContextId: number }>(
        'Page.createIsolatedWorld',
        { frameId: targetId, worldName: `w${n}` },
        sessionId,
      );
      world = created.executionContextId;
    }
    this.#add('execution context', 'home', world);
    const context = await wire.event(
      'Runtime.executionContextCreated',
      ({ params }) => (params?.['context'] as { id: number }).id === world,
    );
    this.#add('unique context', 'home', (context.params?.['context'] as { uniqueId: string }).uniqueId);
    const held = await wire.send<{ result: { objectId: string } }>(
      'Runtime.evaluate',
      { expression: `({secret:'${SECRET}'})` },
      sessionId,
    );
    const { objectId } = held.result;
    this.#add('object', 'home', objectId);
    const ask = { objectId, functionDeclaration: 'function(){return this.secret}', returnByValue: true };
    this.#looks.push({ what: 'object', method: 'Runtime.callFunctionOn', params: ask, sessionId });
    const { root } = await wire.send<{ root: { nodeId: number } }>(
      'DOM.getDocument',
      { depth: -1 },
      sessionId,
    );
    const { nodeIds } = await wire.send<{ nodeIds: number[] }>(
      'DOM.querySelectorAll',
      { nodeId: root.nodeId, selector: 'i' },
      sessionId,
    );
    const nodeId = nodeIds.at(-1)!;
    this.#add('node', 'home', nodeId);
    const described = await wire.send<{ node: { backendNodeId: number } }>(
      'DOM.describeNode',
      { nodeId },
      sessionId,
    );
    this.#add('backend node', 'home', described.node.backendNodeId);
    this.#looks.push({ what: 'node', method: 'DOM.getOuterHTML', params: { nodeId }, sessionId });
    // scripts are numbered in each process: a number that the attacker has not come to by itself
    await wire.evaluate(sessionId, `for(let n=0;n<${OWN_SCRIPTS};n++)new Function('return '+n)`);
    const script = await wire.send<{ scriptId: string }>(
      'Runtime.compileScript',
      { expression: `'${SECRET}'`, sourceURL: 'kept.js', persistScript: true },
      sessionId,
    );
    this.#add('script', 'home', script.scriptId);
    const sheet = await wire.send<{ styleSheetId: string }>(
      'CSS.createStyleSheet',
      { frameId: targetId },
      sessionId,
    );
    this.#add('style sheet', 'home', sheet.styleSheetId);
    const { caches } = await wire.send<{ caches: { cacheId: string }[] }>(
      'CacheStorage.requestCacheNames',
      { storageKey: `${this.#site.origin}/` },
      sessionId,
    );
    const { cacheId } = caches[0]!;
    this.ids.push({ kind: 'cache', of: 'home', real: cacheId, never: cacheId.replace('shelf', 'nothing') });
    const { stream } = await wire.send<{ stream: string }>(
      'Page.printToPDF',
      { transferMode: 'ReturnAsStream' },
      sessionId,
    );
    this.#add('stream', 'home', stream);
    return home;
  }

  /** A popup, a frame of another site, workers of all sorts, a further context. */
  async #others(): Promise<void> {
    const { wire } = this;
    const site = this.#site;
    await wire.evaluate(this.#sessionOf('home'), `void window.open('popup')`);
    this.#page('popup', await attachTo(wire, await targetOf(wire, 'page', `${TAG}/popup`)));
    const frames = await openPage(wire, site.url(TAG, 'frames'));
    this.#page('frames', frames);
    const far = await attachedIn(wire, frames.sessionId, 'iframe');
    this.#add('session', 'iframe', far.sessionId);
    this.#add('target', 'iframe', far.targetId);
    this.#add('frame', 'iframe', far.targetId);
    const working = await openPage(wire, site.url(TAG, 'working'));
    this.#page('working', working);
    await wire.evaluate(working.sessionId, `globalThis.shared=new SharedWorker('worker.js');1`);
    const worker = await attachedIn(wire, working.sessionId, 'worker');
    const shared = await attachTo(wire, await targetOf(wire, 'shared_worker'));
    const serving = await openPage(wire, site.url(TAG, 'serving'));
    this.#page('serving', serving);
    await wire.send('ServiceWorker.enable', {}, serving.sessionId);
    const scopes = `Promise.all([1,2,3].map((n)=>navigator.serviceWorker.register('service.js',{scope:'scope'+n}))).then(()=>navigator.serviceWorker.ready).then(()=>1)`;
    await wire.evaluate(serving.sessionId, scopes);
    const service = await attachTo(wire, await targetOf(wire, 'service_worker'));
    for (const [of, { sessionId, targetId }] of Object.entries({ worker, shared, service })) {
      this.#add('session', `${of} worker`, sessionId);
      this.#add('target', `${of} worker`, targetId);
      const owner = { expression: 'self.owner' };
      this.#looks.push({ what: `${of} worker`, method: 'Runtime.evaluate', params: owner, sessionId });
    }
    const registrations = wire.events
      .filter(({ method }) => method === 'ServiceWorker.workerRegistrationUpdated')
      .flatMap(({ params }) => params?.['registrations'] as { registrationId: string; scopeURL: string }[]);
    const last = registrations.reduce((a, b) =>
      Number(b.registrationId) > Number(a.registrationId) ? b : a,
    );
    this.#add('registration', 'service worker', last.registrationId);
    await wire.event(
      'ServiceWorker.workerVersionUpdated',
      ({ params }) => (params?.['versions'] as object[]).length > 0,
    );
    const versions = wire.events
      .filter(({ method }) => method === 'ServiceWorker.workerVersionUpdated')
      .flatMap(({ params }) => params?.['versions'] as { versionId: string }[]);
    this.#add('worker version', 'service worker', versions.at(-1)!.versionId);
    const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext');
    this.#add('context', 'further', browserContextId);
    const inside = await openPage(wire, site.url(TAG, 'home'), browserContextId);
    this.#page('page of the further context', inside);
    const { targetInfo } = await wire.send<{ targetInfo: { browserContextId: string } }>(
      'Target.getTargetInfo',
      {
        targetId: this.#targetOf('home'),
      },
    );
    this.#add('context', 'default', targetInfo.browserContextId);
    const cookies = { method: 'Storage.getCookies', params: { browserContextId } };
    this.#looks.push({ what: 'cookies of the further context', ...cookies });
    const { windowId } = await wire.send<{ windowId: number }>('Browser.getWindowForTarget', {
      targetId: this.#targetOf('home'),
    });
    this.#add('window', 'home', windowId);
    this.#looks.push({ what: 'window', method: 'Browser.getWindowBounds', params: { windowId } });
  }

  /** One that is done and one that is held. */
  async #requests({ sessionId }: Opened): Promise<void> {
    const { wire } = this;
    await wire.evaluate(sessionId, `fetch('data.json').then((r)=>r.text())`);
    const sent = await wire.event('Network.requestWillBeSent', ({ params }) =>
      (params?.['request'] as { url: string }).url.endsWith('data.json'),
    );
    this.#add('network request', 'home', sent.params?.['requestId'] as string);
    await wire.send('Fetch.enable', { patterns: [{ urlPattern: '*held*' }] }, sessionId);
    await wire.evaluate(
      sessionId,
      `globalThis.held=fetch('data.json?held').then((r)=>r.json()).then((r)=>r.tag,String);1`,
    );
    const { params } = await wire.event('Fetch.requestPaused');
    const requestId = params?.['requestId'] as string;
    this.#add('paused request', 'home', requestId);
    this.#paused = { requestId, sessionId };
  }

  /** One that is done and one that never ends. */
  async #download({ sessionId }: Opened): Promise<void> {
    const { wire } = this;
    await wire.evaluate(sessionId, `document.getElementById('download').click()`);
    const done = await wire.event(
      'Browser.downloadProgress',
      ({ params }) => params?.['state'] === 'completed',
    );
    this.#add('download', 'done', done.params?.['guid'] as string);
    await wire.evaluate(
      sessionId,
      `Object.assign(document.createElement('a'),{href:'endless',download:''}).click()`,
    );
    const begun = await wire.event('Browser.downloadWillBegin', ({ params }) =>
      String(params?.['url']).endsWith('endless'),
    );
    const guid = begun.params?.['guid'] as string;
    await wire.event(
      'Browser.downloadProgress',
      ({ params }) => params?.['guid'] === guid && Number(params['receivedBytes']) > 0,
    );
    this.#add('download', 'under way', guid);
  }

  /** A page that stands at a `debugger` statement. */
  async #pausedPage(): Promise<void> {
    const { wire } = this;
    // all pages of a process stand still with it, so it has a context of its own
    const { browserContextId } = await wire.send<{ browserContextId: string }>('Target.createBrowserContext');
    this.#add('context', 'paused page', browserContextId);
    const url = this.#site.url(TAG, 'empty');
    const { sessionId, targetId } = await openPage(wire, url, browserContextId);
    this.#add('session', 'paused page', sessionId);
    this.#add('target', 'paused page', targetId);
    await wire.send('Debugger.enable', {}, sessionId);
    wire.socket.send(
      JSON.stringify({
        id: 2_000_000_000,
        method: 'Runtime.evaluate',
        params: { expression: 'debugger' },
        sessionId,
      }),
    );
    const { params } = await wire.event('Debugger.paused', (event) => event.sessionId === sessionId);
    const callFrameId = (params?.['callFrames'] as { callFrameId: string }[])[0]!.callFrameId;
    this.#add('call frame', 'paused page', callFrameId);
    const look = { callFrameId, expression: 'document.title' };
    this.#looks.push({
      what: 'paused page',
      method: 'Debugger.evaluateOnCallFrame',
      params: look,
      sessionId,
    });
  }

  #origins(): void {
    const site = this.#site;
    const own = House.privateOrigin(site);
    const nobody = own.replace('victim', 'nobody');
    this.ids.push(
      { kind: 'origin', of: 'both', real: site.origin, never: site.origin },
      { kind: 'origin', of: 'its own', real: own, never: nobody },
      { kind: 'storage key', of: 'both', real: `${site.origin}/`, never: `${site.origin}/` },
      { kind: 'storage key', of: 'its own', real: `${own}/`, never: `${nobody}/` },
      { kind: 'scope', of: 'service worker', real: site.url(TAG, ''), never: site.url('nobody', '') },
    );
  }

  #page(of: string, { targetId, sessionId }: Opened): void {
    this.#add('target', of, targetId);
    this.#add('session', of, sessionId);
    const params = { expression: stateOfPage, awaitPromise: true, returnByValue: true };
    this.#looks.push({ what: of, method: 'Runtime.evaluate', params, sessionId });
  }

  #add(kind: IdKind, of: string, real: string | number): void {
    this.ids.push({ kind, of, real, never: neverLike(real) });
    // `1` or `1234.5` could be anything
    if (typeof real === 'string' && /[0-9a-f]{32}|[0-9a-f]{8}-/i.test(real)) this.secrets.add(real);
  }

  #sessionOf(of: string): string {
    return this.ids.find((id) => id.kind === 'session' && id.of === of)?.real as string;
  }

  #targetOf(of: string): string {
    return this.ids.find((id) => id.kind === 'target' && id.of === of)?.real as string;
  }

  async #look(): Promise<Map<string, string>> {
    const asked = this.#looks.map(async ({ what, method, params, sessionId }) => {
      const reply = await this.wire.ask(method, params, sessionId, 5_000);
      return [what, reply ? JSON.stringify(reply.error ?? sorted(reply.result)) : 'no answer'] as const;
    });
    return new Map(await Promise.all(asked));
  }
}
