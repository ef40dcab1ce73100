import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { closeAll, listen, Names, openWatched, type Watched } from './support/egress.js';
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
  const names = new Names();

  beforeAll(async () => {
    [site, logged] = [await openWatched(pages), []];
    udp = [createSocket('udp4'), createSocket({ type: 'udp6', ipv6Only: true })];
    for (const socket of udp) {
      socket.on('message', () => packets++).bind(site.port);
      await once(socket, 'listening');
    }
    const log = (_level: string, message: string, fields = {}): void => void logged.push({ message, fields });
    filtered = await startCdpmux(
      { 'policy.egress.mode': 'filter', 'policy.egress.allow': `${open},localhost.test` },
      { resolve: names.resolve, log },
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
    site.seen.length = 0;
    names.clear();
  };

  /** What a page of this client shows after going somewhere. */
  const show = async (url: string, on = page): Promise<string> => {
    await navigate(client, on, url);
    return (await evaluate(client, on, 'document.body.innerText')) as string;
  };

  const elsewhere = (): string[] => site.seen.filter((one) => !one.startsWith(open));

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
    names.set('localhost', ['127.0.0.1', '::1']).set('a.localhost', ['127.0.0.1', '::1']);
    expect(await show(`http://${host}:${site.port}/plain`)).toMatch(
      /^cdpmux: .* policy\.egress\.allow does not open\./,
    );
    const url = `https://${host}:${site.port}/secure`;
    const { errorText } = await client.send<{ errorText?: string }>('Page.navigate', { url }, page.sessionId);
    expect(errorText).toBe('net::ERR_TUNNEL_CONNECTION_FAILED');
    expect(site.seen).toEqual([]);
  });

  it('is not the metadata service, a private network, or what a name finds there', async () => {
    names.set('metadata.test', ['169.254.169.254']).set('inside.test', ['10.0.0.1', 'fd00::1']);
    expect(await show('http://169.254.169.254/latest/meta-data/')).toContain("the cloud's metadata service");
    expect(await show('http://metadata.test/')).toContain('metadata.test (169.254.169.254)');
    expect(await show('http://inside.test/')).toContain('inside.test (10.0.0.1) is a private address');
    expect(await show('http://[fd00::1]/')).toContain('a private address');
  });

  it('is what policy.egress.allow opens, by CIDR and by name', async () => {
    names.set('localhost.test', ['::1']);
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
    names.set('rebind.test', [open], ['127.0.0.1']);
    expect(await show(`http://rebind.test:${site.port}/first`)).toContain(`reached ${open}`);
    // The page's icon may have been asked for as well, with the second answer.
    const [first, ...others] = names.lookups;
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

  /** Lets a page look for its own address by every server there is, until it has found or given up. */
  const stun = (): string => {
    const urls = ['127.0.0.1', open, '[::1]'].flatMap((host) => [
      `stun:${host}:${site.port}`,
      `turn:${host}:${site.port}?transport=udp`,
      `turn:${host}:${site.port}?transport=tcp`,
    ]);
    return `new Promise(async (done) => {
      const peer = new RTCPeerConnection({ iceServers: [{ urls: ${JSON.stringify(urls)}, username: 'a', credential: 'b' }] });
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
      peer.createDataChannel('x');
      await peer.setLocalDescription(await peer.createOffer());
    })`;
  };

  it('is no UDP of WebRTC, and of its TCP only what is allowed', async () => {
    await show(`http://${open}:${site.port}/`);
    reset();
    await evaluate(client, page, stun());
    expect([packets, elsewhere()]).toEqual([0, []]);
    const trusted = await CdpClient.connect(free.wsUrl);
    const { sessionId } = await trusted.newPage();
    // Nobody waits for the answer: there are packets long before.
    trusted.raw(
      JSON.stringify({ id: 900, method: 'Runtime.evaluate', params: { expression: stun() }, sessionId }),
    );
    await eventually(() => packets > 0, { within: 15_000, what: 'WebRTC of a trusted client' });
    await trusted.close();
  }, 60_000);

  it('ends with the virtual browser', async () => {
    const server = createServer();
    const port = await listen(server, open);
    const asked = once(server, 'request');
    const waiting = await CdpClient.connect(filtered.wsUrl);
    const { sessionId } = await waiting.newPage();
    await waiting.send('Page.enable', {}, sessionId);
    const params = { url: `http://${open}:${port}/never` };
    waiting.raw(JSON.stringify({ id: 900, method: 'Page.navigate', params, sessionId }));
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
