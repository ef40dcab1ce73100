import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, type Kind } from './support/chrome.js';
import { eventually } from './support/eventually.js';

/** A page whose service worker can be stopped, and which is slow to answer a drag. */
const page = `<body style="margin:0"><div draggable=true style="width:100vw;height:100vh"></div><script>
  const busy = () => { const end = Date.now() + 500; while (Date.now() < end); };
  ondragenter = busy;
  ondragover = (event) => { event.preventDefault(); busy(); };
  const isReady = navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready);
</script>`;

interface Targets {
  readonly targetInfos: readonly { readonly type: string; readonly targetId: string }[];
}

interface Attacker {
  readonly client: CdpClient;
  readonly sessionId: string;
  /** Sends it in the page's session, or in another; what Chrome or cdpmux says of it, '' where it was done. */
  readonly ask: (method: string, params: object, sessionId?: string) => Promise<string>;
}

/**
 * Each of these ended Chrome 156, or had it stand still, when it was sent to it directly; but for the 0th frame and the unknown stage, of
 * which older ones die by their source. The end of a drag ended full Chrome only.
 */
const killers: [string, unknown, (attacker: Attacker) => Promise<string>][] = [
  [
    'an unknown posture',
    'Invalid posture type',
    ({ ask }) => {
      const metrics = { width: 0, height: 0, deviceScaleFactor: 0, mobile: false };
      return ask('Emulation.setDeviceMetricsOverride', { ...metrics, devicePosture: { type: 'x' } });
    },
  ],
  [
    'no display features',
    'features must not be empty',
    ({ ask }) => ask('Emulation.setDisplayFeaturesOverride', { features: [] }),
  ],
  [
    'the smallest paper',
    'invalid print parameters: content area is empty',
    ({ ask }) => ask('Page.printToPDF', { paperWidth: 1e-9, paperHeight: 1e-9 }),
  ],
  [
    'countless taps',
    'tapCount must be at most 1000',
    ({ ask }) => ask('Input.synthesizeTapGesture', { x: 5, y: 5, tapCount: 2 ** 31 - 1 }),
  ],
  [
    'a negative place in a text',
    'replacementStart and replacementEnd must not be negative',
    ({ ask }) => {
      const text = { text: 'a', selectionStart: 0, selectionEnd: 0 };
      return ask('Input.imeSetComposition', { ...text, replacementStart: -1, replacementEnd: 1 });
    },
  ],
  ['the end of a drag', '', ({ ask }) => ask('Input.cancelDragging', {})],
  [
    'every 0th frame',
    'everyNthFrame must be at least 1',
    ({ ask }) => ask('Page.startScreencast', { everyNthFrame: 0 }),
  ],
  [
    'an unknown stage of requests',
    "Unsupported request stage 'x'",
    ({ ask }) => ask('Fetch.enable', { patterns: [{ requestStage: 'x' }] }),
  ],
  [
    'a whole blob at once',
    '',
    async ({ client, sessionId, ask }) => {
      const blob = { expression: 'new Blob(["x"])' };
      const { result } = await client.send<{ result: object }>('Runtime.evaluate', blob, sessionId);
      const { uuid } = await client.send<{ uuid: string }>('IO.resolveBlob', result, sessionId);
      return ask('IO.read', { handle: `blob:${uuid}`, size: 2 ** 31 - 1 });
    },
  ],
  [
    'a page that ends Chrome',
    expect.stringContaining('which is shared here'),
    ({ ask }) =>
      ask('Page.navigate', {
        url: ' CHROME://induce\tbrowsercrashforrealz/',
        transitionType: 'address_bar',
      }),
  ],
  [
    'the same page, written otherwise',
    expect.stringContaining('which is shared here'),
    ({ ask }) =>
      ask('Page.navigate', {
        url: 'chrome:\\\\x@%69nducebrowsercrashforrealz',
        transitionType: 'address_bar',
      }),
  ],
  [
    'a page that holds Chrome up',
    expect.stringContaining('which is shared here'),
    ({ ask }) => ask('Page.navigate', { url: 'about:uithreadhang', transitionType: 'typed' }),
  ],
  [
    'memory dumps without a pause',
    expect.stringContaining('memoryDumpConfig'),
    async ({ client }) => {
      const memoryDumpConfig = { triggers: [{ mode: 'light', periodic_interval_ms: 0 }] };
      const includedCategories = ['disabled-by-default-memory-infra'];
      const { error } = await client.ask('Tracing.start', {
        traceConfig: { includedCategories, memoryDumpConfig },
      });
      return error?.message ?? '';
    },
  ],
];

/** The same in the session of a service worker that has stopped. */
const inWorker: [string, object][] = [
  ['Network.getResponseBody', { requestId: 'x' }],
  ['Network.getRequestPostData', { requestId: 'x' }],
  [
    'Network.loadNetworkResource',
    { url: 'http://127.0.0.1:9/', options: { disableCache: false, includeCredentials: false } },
  ],
  ['Storage.deleteStorageBucket', { bucket: { storageKey: 'http://127.0.0.1:9/', name: 'x' } }],
  ['Browser.getWindowForTarget', {}],
];

describe.each<Kind>(['shell', 'chrome'])('what ends %s', (kind) => {
  let cdpmux: TestCdpmux;
  let site: Server;
  let url: string;
  let neighbour: CdpClient;
  let neighbours: string;
  beforeAll(async () => {
    site = createServer(({ url: path }, response) => {
      const isWorker = path === '/worker.js';
      response.setHeader('content-type', isWorker ? 'text/javascript' : 'text/html');
      response.end(isWorker ? '' : page);
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
    cdpmux = await startCdpmux({ chrome: chromeExecutable(kind), 'browsers.kind': kind, 'browsers.max': 1 });
    neighbour = await CdpClient.connect(cdpmux.wsUrl);
    ({ sessionId: neighbours } = await neighbour.newPage());
  }, 60_000);
  afterAll(async () => {
    await cdpmux.close();
    site.closeAllConnections();
    site.close();
  });

  const attacking = async (then: (attacker: Attacker) => Promise<void>): Promise<void> => {
    const [pid] = cdpmux.mux.browsers().map((one) => one.pid);
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { sessionId } = await client.newPage(url);
    const state = { expression: 'document.readyState + location.href', returnByValue: true };
    const isLoaded = async (): Promise<boolean> => {
      const { result } = await client.send<{ result: { value: string } }>(
        'Runtime.evaluate',
        state,
        sessionId,
      );
      return result.value === `complete${url}`;
    };
    await eventually(isLoaded, { within: 20_000, what: 'the page' });
    const ask = async (method: string, params: object, session = sessionId): Promise<string> =>
      (await client.ask(method, params, session)).error?.message ?? '';
    await then({ client, sessionId, ask });
    const sum = { expression: '6*7', returnByValue: true };
    const { result } = await neighbour.send<{ result: object }>('Runtime.evaluate', sum, neighbours);
    expect(result).toMatchObject({ value: 42 });
    expect(cdpmux.mux.browsers().map((one) => one.pid)).toEqual([pid]);
    await client.close();
  };

  it.each(killers)('is not passed on: %s', (_what, said, kill) =>
    attacking(async (attacker) => expect(await kill(attacker)).toEqual(said)),
  );

  it('is not passed on as a new page by HTTP', () =>
    attacking(async () => {
      const asked = await fetch(`${cdpmux.url}/name/deadly/json/new?chrome://restart`, { method: 'PUT' });
      expect([asked.status, await asked.text()]).toEqual([
        403,
        expect.stringContaining('which is shared here'),
      ]);
    }));

  it('is not passed on in the session of a service worker', () =>
    attacking(async ({ client, sessionId, ask }) => {
      const ready = { expression: 'isReady', awaitPromise: true };
      await client.send('Runtime.evaluate', ready, sessionId);
      let targetId: string | undefined;
      await eventually(
        async () => {
          const { targetInfos } = await client.send<Targets>('Target.getTargets');
          targetId = targetInfos.find(({ type }) => type === 'service_worker')?.targetId;
          return targetId !== undefined;
        },
        { within: 20_000, what: 'a service worker' },
      );
      const attached = { targetId, flatten: true };
      const { sessionId: of } = await client.send<{ sessionId: string }>('Target.attachToTarget', attached);
      await client.send('ServiceWorker.enable', {}, sessionId);
      await client.send('ServiceWorker.stopAllWorkers', {}, sessionId);
      for (const [method, params] of inWorker) {
        expect([method, await ask(method, params, of)]).toEqual([
          method,
          expect.stringMatching(/crashes of it|for the given target|given id/),
        ]);
      }
    }));
});
