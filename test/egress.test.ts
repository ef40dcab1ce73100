import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Server as ProxyChain } from 'proxy-chain';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { closeAll, listen, openWatched, type Watched } from './support/egress.js';
import { eventually } from './support/eventually.js';
import { evaluate, navigate, type Page } from './support/page.js';

/** The only address of this machine that pages may reach; the site listens there, and everywhere else. */
const open = '127.0.0.2';

/** Ways of a page to make Chrome ask for `to('name')`; each but those of `unseen` shows at the site under its name. */
const waysOut = `async (to) => {
  const later = (what) => new Promise((done) => what(done));
  const gone = (target) => later((done) => { target.onload = target.onerror = target.onclose = done; });
  const add = (tag, properties) => {
    const element = Object.assign(document.createElement(tag), properties);
    const end = gone(element);
    document.head.append(element);
    return end;
  };
  add('link', { rel: 'preconnect', href: to('preconnect') });
  add('link', { rel: 'dns-prefetch', href: to('dns-prefetch') });
  const worker = new Worker(URL.createObjectURL(new Blob(['try{importScripts("' + to('import') + '")}catch{}postMessage(1)'])));
  const events = new EventSource(to('events'));
  navigator.sendBeacon(to('beacon'), 'x');
  const serve = async () => {
    const registration = await navigator.serviceWorker.register('/service.js?' + encodeURIComponent(to('service')));
    await navigator.serviceWorker.ready;
    await registration.unregister();
  };
  await Promise.all([
    fetch(to('fetch'), { mode: 'no-cors' }).catch(() => 0),
    fetch(to('keepalive'), { mode: 'no-cors', keepalive: true }).catch(() => 0),
    add('img', { src: to('image') }),
    add('script', { src: to('script') }),
    add('link', { rel: 'stylesheet', href: to('style') }),
    add('link', { rel: 'prefetch', href: to('prefetch') }),
    gone(Object.assign(document.body.appendChild(document.createElement('iframe')), { src: to('frame') })),
    gone(new WebSocket(to('socket').replace('http', 'ws'))),
    later((done) => { worker.onmessage = done; }),
    later((done) => { events.onerror = done; }),
    serve(),
    new WebTransport(to('transport').replace('http:', 'https:')).ready.catch(() => 0),
  ]);
  events.close();
}`;
const shown = [
  ...['fetch', 'keepalive', 'image', 'script', 'style', 'prefetch', 'frame', 'socket', 'import'],
  ...['events', 'beacon', 'service'],
];

/** What the site answers beside telling what it was asked. */
const pages = (request: { url?: string | undefined }) => {
  const url = new URL(request.url ?? '/', 'http://x');
  if (url.pathname === '/redirect')
    return { status: 302, headers: { location: url.searchParams.get('to') ?? '' } };
  if (url.pathname === '/service.js') {
    const target = JSON.stringify(decodeURIComponent(url.search.slice(1)));
    const body = `oninstall=(e)=>e.waitUntil(fetch(${target},{mode:'no-cors'}).catch(()=>0))`;
    return { headers: { 'content-type': 'text/javascript' }, body };
  }
  return {};
};

describe('what goes out of a virtual browser', () => {
  let site: Watched;
  /** Listens for UDP on every address, at the site's port. */
  let udp: UdpSocket[];
  let packets: number;
  let filtered: TestCdpmux;
  let free: TestCdpmux;
  let logged: { message: string; fields: object }[];
  let client: CdpClient;
  let page: Page;
  let names: Map<string, string[][]>;
  let lookups: string[];

  const resolve = (host: string): Promise<string[]> => {
    lookups.push(host);
    const answers = names.get(host);
    if (!answers) return Promise.reject(new Error(`${host} has no address`));
    return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? []);
  };

  beforeAll(async () => {
    [site, names, lookups, logged] = [await openWatched(pages), new Map(), [], []];
    udp = [createSocket('udp4'), createSocket({ type: 'udp6', ipv6Only: true })];
    for (const socket of udp) {
      socket.on('message', () => packets++).bind(site.port);
      await once(socket, 'listening');
    }
    const log = (_level: string, message: string, fields = {}): void => void logged.push({ message, fields });
    filtered = await startCdpmux(
      { 'policy.egress.mode': 'filter', 'policy.egress.allow': `${open},localhost.test` },
      { resolve, log },
    );
    free = await startCdpmux();
  }, 60_000);

  afterAll(async () => {
    await Promise.all([filtered.close(), free.close(), site.close()]);
    for (const socket of udp) socket.close();
  });

  beforeEach(async () => {
    client = await CdpClient.connect(filtered.wsUrl);
    page = await client.newPage();
    reset();
  });

  afterEach(async () => {
    await client.close();
  });

  const reset = (): void => {
    packets = 0;
    lookups.length = 0;
    site.seen.length = 0;
    names.clear();
  };

  /** What a page of this client shows after going somewhere. */
  const show = async (url: string, on = page): Promise<string> => {
    await navigate(client, on, url);
    return (await evaluate(client, on, 'document.body.innerText')) as string;
  };

  const pageIn = async (browserContextId: string): Promise<Page> => {
    const { targetId } = await client.send<Page>('Target.createTarget', {
      url: 'about:blank',
      browserContextId,
    });
    return client.send<Page>('Target.attachToTarget', { targetId, flatten: true });
  };

  const elsewhere = (): string[] => site.seen.filter((one) => !one.startsWith(open));

  /** A proxy of the client's own, which may be reached and finds every host at the site. */
  const upstream = async (
    credentials?: string,
  ): Promise<{ url: string; asked: string[]; close(): Promise<void> }> => {
    const asked: string[] = [];
    const server = new ProxyChain({
      port: 0,
      host: open,
      prepareRequestFunction: ({ hostname, username, password }) => {
        if (credentials !== undefined && `${username}:${password}` !== credentials)
          return { requestAuthentication: true };
        asked.push(hostname);
        return {
          dnsLookup: ((_host: string, _options: object, done: (...args: unknown[]) => void) =>
            done(null, [{ address: open, family: 4 }])) as never,
        };
      },
    });
    await server.listen();
    return { url: `http://${open}:${server.port}`, asked, close: () => server.close(true) };
  };

  it.each([
    ...[
      '127.0.0.1',
      'localhost',
      'a.localhost',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '2130706433',
      '0x7f.1',
      '0177.1',
    ],
    ...['0', '127.0.0.1.', '127.255.255.254', '[::]'],
  ])('is not this machine as %s', async (host) => {
    names.set('localhost', [['127.0.0.1', '::1']]).set('a.localhost', [['127.0.0.1', '::1']]);
    expect(await show(`http://${host}:${site.port}/plain`)).toMatch(
      /^cdpmux: .* policy\.egress\.allow does not open\./,
    );
    const url = `https://${host}:${site.port}/secure`;
    const { errorText } = await client.send<{ errorText?: string }>('Page.navigate', { url }, page.sessionId);
    expect(errorText).toBe('net::ERR_TUNNEL_CONNECTION_FAILED');
    expect(site.seen).toEqual([]);
  });

  it('is not the metadata service, a private network, or what a name finds there', async () => {
    names.set('metadata.test', [['169.254.169.254']]).set('inside.test', [['10.0.0.1', 'fd00::1']]);
    expect(await show('http://169.254.169.254/latest/meta-data/')).toContain("the cloud's metadata service");
    expect(await show('http://metadata.test/')).toContain('metadata.test (169.254.169.254)');
    expect(await show('http://inside.test/')).toContain('inside.test (10.0.0.1) is a private address');
    expect(await show('http://[fd00::1]/')).toContain('a private address');
  });

  it('is what policy.egress.allow opens, by CIDR and by name', async () => {
    names.set('localhost.test', [['::1']]);
    expect(await show(`http://${open}:${site.port}/`)).toContain(`reached ${open}`);
    expect(await show(`http://localhost.test:${site.port}/`)).toContain('reached ::1');
  });

  it('is anything where all clients are trusted', async () => {
    const trusted = await CdpClient.connect(free.wsUrl);
    const its = await trusted.newPage();
    await navigate(trusted, its, `http://127.0.0.1:${site.port}/`);
    expect(await evaluate(trusted, its, 'document.body.innerText')).toContain('reached 127.0.0.1');
    await trusted.close();
  });

  it('is not where an allowed host redirects to', async () => {
    const to = encodeURIComponent(`http://127.0.0.1:${site.port}/secret`);
    const redirect = `http://${open}:${site.port}/redirect?to=${to}`;
    expect(await show(redirect)).toMatch(/^cdpmux: 127\.0\.0\.1 is a loopback address/);
    await show(`http://${open}:${site.port}/`);
    await evaluate(client, page, `fetch(${JSON.stringify(redirect)},{mode:'no-cors'}).catch(()=>0)`);
    expect(elsewhere()).toEqual([]);
  });

  it('is the address that was checked, also when DNS changes its answer at once', async () => {
    names.set('rebind.test', [[open], ['127.0.0.1']]);
    expect(await show(`http://rebind.test:${site.port}/first`)).toContain(`reached ${open}`);
    // The page's icon may have been asked for as well, with the second answer.
    const [first, ...others] = lookups;
    expect(first).toBe('rebind.test');
    expect(await show(`http://rebind.test:${site.port}/second`)).toContain(
      'rebind.test (127.0.0.1) is a loopback',
    );
    expect(elsewhere()).toEqual([]);
    expect(others.every((host) => host === 'rebind.test')).toBe(true);
  });

  it.each([
    ['all of them where the host is allowed', open, shown],
    ['none where it is not', '127.0.0.1', []],
  ])("is what a page's %s ask for", async (_what, host, expected) => {
    await show(`http://${open}:${site.port}/`);
    reset();
    const to = `(name)=>'http://${host}:${site.port}/'+name`;
    expect(await evaluate(client, page, `(${waysOut})(${to}).then(()=>'done')`)).toBe('done');
    const options = { disableCache: true, includeCredentials: false };
    const load = { frameId: page.targetId, url: `http://${host}:${site.port}/loaded`, options };
    await client.ask('Network.loadNetworkResource', load, page.sessionId);
    const wanted = [...expected, ...(host === open ? ['loaded'] : [])];
    const missing = (): string[] => wanted.filter((name) => !site.seen.includes(`${host} /${name}`));
    await eventually(() => missing().length === 0, { within: 10_000 }).catch(() => undefined);
    expect(missing()).toEqual([]);
    if (host !== open) expect(elsewhere()).toEqual([]);
    expect(packets).toBe(0);
  });

  /** Lets a page look for its own address by every server there is, and waits until it has given up. */
  const stun = async (on: CdpClient, its: Page): Promise<void> => {
    const urls = ['127.0.0.1', open, '[::1]'].flatMap((host) => [
      `stun:${host}:${site.port}`,
      `turn:${host}:${site.port}?transport=udp`,
      `turn:${host}:${site.port}?transport=tcp`,
    ]);
    const gather = `new Promise(async (done) => {
      const peer = new RTCPeerConnection({ iceServers: [{ urls: ${JSON.stringify(urls)}, username: 'a', credential: 'b' }] });
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
      peer.createDataChannel('x');
      await peer.setLocalDescription(await peer.createOffer());
    })`;
    await evaluate(on, its, gather);
  };

  it('is no UDP of WebRTC, and of its TCP only what is allowed', async () => {
    await show(`http://${open}:${site.port}/`);
    reset();
    await stun(client, page);
    expect([packets, elsewhere()]).toEqual([0, []]);
    const trusted = await CdpClient.connect(free.wsUrl);
    const gathering = stun(trusted, await trusted.newPage()).catch(() => undefined);
    await eventually(() => packets > 0, { within: 15_000, what: 'WebRTC of a trusted client' });
    trusted.socket.terminate();
    await Promise.race([gathering, trusted.closed]);
  }, 60_000);

  it("goes on to the client's own proxy, which is checked as well as where it is to go", async () => {
    const own = await upstream();
    names.set('site.test', [[open]]).set('inside.test', [['10.0.0.1']]);
    const chained = await CdpClient.connect(
      `${filtered.wsUrl}?proxyServer=${encodeURIComponent(own.url)}&proxyBypassList=*.test:1`,
    );
    const its = await chained.newPage();
    await navigate(chained, its, `http://site.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(`reached ${open} as site.test`);
    expect(own.asked).toContain('site.test');
    await navigate(chained, its, `http://inside.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(
      'inside.test (10.0.0.1) is a private',
    );
    expect(own.asked).not.toContain('inside.test');
    await chained.close();
    await own.close();
  });

  it("lets a client give its own proxy's credentials when Chrome asks for them", async () => {
    const own = await upstream('user:secret');
    names.set('site.test', [[open]]);
    const chained = await CdpClient.connect(`${filtered.wsUrl}?proxyServer=${encodeURIComponent(own.url)}`);
    const its = await chained.newPage();
    await chained.send('Fetch.enable', { handleAuthRequests: true }, its.sessionId);
    chained.socket.on('message', (data: Buffer) => {
      const { method, params, sessionId } = JSON.parse(data.toString());
      const { requestId } = params ?? {};
      if (method === 'Fetch.requestPaused')
        void chained.ask('Fetch.continueRequest', { requestId }, sessionId);
      if (method !== 'Fetch.authRequired') return;
      const authChallengeResponse = { response: 'ProvideCredentials', username: 'user', password: 'secret' };
      void chained.ask('Fetch.continueWithAuth', { requestId, authChallengeResponse }, sessionId);
    });
    await navigate(chained, its, `http://site.test:${site.port}/`);
    expect(await evaluate(chained, its, 'document.body.innerText')).toContain(`reached ${open} as site.test`);
    const socket = `new Promise((done)=>{new WebSocket('ws://site.test:${site.port}/socket').onclose=done})`;
    await evaluate(chained, its, socket);
    await eventually(() => site.seen.includes(`${open} /socket`));
    await chained.close();
    await own.close();
  });

  it.each([
    ['127.0.0.1:3128', 403, 'FORBIDDEN'],
    ['http=169.254.169.254:80', 403, 'FORBIDDEN'],
    ['one.test,two.test', 400, 'BAD_PARAMETER'],
  ])('never goes to a proxyServer that is %s', async (proxyServer, status, code) => {
    const http = filtered.wsUrl.replace('ws:', 'http:');
    const response = await upgradeRefused(`${http}?proxyServer=${encodeURIComponent(proxyServer)}`);
    expect(response).toMatchObject({ status, body: expect.stringContaining(`"code":"${code}"`) });
    const { error } = await client.ask('Target.createBrowserContext', { proxyServer });
    expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('proxyServer') });
  });

  it.each([
    [{}],
    [{ proxyServer: '' }],
    [{ proxyServer: 'direct://' }],
    [{ proxyBypassList: '*' }],
    [{ proxyServer: 'http=direct://', proxyBypassList: '127.0.0.1;<local>;*' }],
  ])('is no more in a context that a client makes with %j', async (wish) => {
    const nested = await client.send<Page>('Target.attachToBrowserTarget');
    for (const sessionId of [undefined, nested.sessionId]) {
      for (const disposeOnDetach of [true, false]) {
        const params = { ...wish, disposeOnDetach };
        const { browserContextId } = await client.send<{ browserContextId: string }>(
          'Target.createBrowserContext',
          params,
          sessionId,
        );
        const its = await pageIn(browserContextId);
        expect(await show(`http://127.0.0.1:${site.port}/`, its)).toMatch(/^cdpmux: 127\.0\.0\.1/);
        expect(await show(`http://${open}:${site.port}/`, its)).toContain(`reached ${open}`);
        await client.send('Target.disposeBrowserContext', { browserContextId });
      }
    }
    expect(elsewhere()).toEqual([]);
  });

  it('goes through the proxy of a context that a client makes, but for its bypass list', async () => {
    const own = await upstream();
    names.set('far.test', [[open]]).set('near.test', [[open]]);
    const wish = { proxyServer: own.url, proxyBypassList: 'near.test,127.0.0.1' };
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
      wish,
    );
    const its = await pageIn(browserContextId);
    expect(await show(`http://far.test:${site.port}/`, its)).toContain(`reached ${open}`);
    expect(await show(`http://near.test:${site.port}/`, its)).toContain(`reached ${open}`);
    expect(await show(`http://127.0.0.1:${site.port}/`, its)).toMatch(/^cdpmux: 127\.0\.0\.1/);
    expect(new Set(own.asked)).toEqual(new Set(['far.test']));
    await own.close();
  });

  it('keeps the order of commands around the making of a context', async () => {
    const from = client.received.length;
    const asked = [
      client.ask('Browser.getVersion'),
      client.ask('Target.createBrowserContext', { proxyServer: `http://${open}:1` }),
      client.ask('Target.getBrowserContexts'),
      client.ask('Target.createBrowserContext', { proxyServer: 7 }),
      client.ask('Browser.getVersion'),
    ];
    const replies = await Promise.all(asked);
    const [, made, listed, refused] = replies;
    // What cdpmux refuses by itself has no need to wait for Chrome.
    const ids = client.received.slice(from).flatMap(({ id }) => (id === refused?.id ? [] : (id ?? [])));
    expect(ids).toEqual(replies.flatMap(({ id }) => (id === refused?.id ? [] : id)));
    expect(listed?.result?.['browserContextIds']).toContain(made?.result?.['browserContextId']);
    expect(refused?.error).toMatchObject({ code: -32602 });
  });

  it('ends with the virtual browser', async () => {
    const server = createServer();
    const port = await listen(server, open);
    const asked = once(server, 'request');
    const waiting = await CdpClient.connect(filtered.wsUrl);
    const { sessionId } = await waiting.newPage();
    await waiting.send('Page.enable', {}, sessionId);
    void waiting
      .ask('Page.navigate', { url: `http://${open}:${port}/never` }, sessionId)
      .catch(() => undefined);
    const [{ socket }] = (await asked) as [{ socket: NodeJS.EventEmitter }];
    const closed = once(socket, 'close');
    waiting.socket.terminate();
    await closed;
    await closeAll(server);
  });

  it('is counted and logged where it is denied', async () => {
    const count = async (): Promise<number> => {
      const text = await (await fetch(`${filtered.url}/metrics`)).text();
      return Number(/^cdpmux_egress_denied_total (\d+)$/m.exec(text)?.[1]);
    };
    const [before, lines] = [await count(), logged.length];
    await show('http://10.9.8.7/');
    expect(await count()).toBeGreaterThan(before);
    expect(logged.slice(lines)).toContainEqual({
      message: expect.stringContaining('egress denied: 10.9.8.7 is a private address'),
      fields: expect.objectContaining({ tenant: '', destination: '10.9.8.7:80' }),
    });
  });
});

async function upgradeRefused(url: string): Promise<{ status: number; body: string }> {
  const { request } = await import('node:http');
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  const asked = request(url, { headers }).end();
  const [response] = await once(asked, 'response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body };
}
