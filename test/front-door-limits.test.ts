import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function read(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

async function ask(base: string, path: string, method = 'GET', headers: Record<string, string> = {}) {
  const { hostname, port } = new URL(base);
  const outgoing = httpRequest({ hostname, port, path, method, headers, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return read(response);
}

/** What an upgrade is answered with when it is refused; throws when it is let in. */
function refusal(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const socket = new WebSocket(url, { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error(`${url} was let in`)));
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => void read(response).then(resolve, reject));
  });
}

const errorOf = ({ body }: Answer) => (JSON.parse(body) as { error: Record<string, string> }).error;

/** The start of a handshake by hand. */
const handshake = (port: string, lines: string): string =>
  `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines}\r\n\r\n`;
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux({
    'limits.message': '1MiB',
    'limits.clientBuffer': '1MiB',
    'listen.allowedHosts': 'Cdp.test',
  });
});
afterAll(() => cdpmux.close());

describe('a client', () => {
  it('is closed with 1009 and a reason for a message over the limit, and nobody else notices', async () => {
    const [client, other] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(cdpmux.wsUrl),
    ]);
    const frame = (size: number): string => `{"id":1,"method":"Browser.getVersion"}`.padEnd(size);
    client.raw(frame(1024 * 1024));
    await client.waitFor(({ id }) => id === 1);
    client.raw(frame(1024 * 1024 + 1));
    const { code, reason } = await client.closed;
    expect([code, reason]).toEqual([1009, expect.stringMatching(/1048576 bytes.*limits\.message/)]);
    expect(await other.send('Browser.getVersion')).toHaveProperty('product');
    await other.close();
  });

  it('is closed with 1007 and a reason for text that is not UTF-8', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    client.raw(Buffer.from([0x22, 0xff, 0x22]));
    const { code, reason } = await client.closed;
    expect([code, reason]).toEqual([1007, expect.stringContaining('UTF-8')]);
  });

  it('that asks for much and does not read is let go', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const { clients } = cdpmux.mux.stats();
    const { sessionId } = await client.newPage();
    client.socket.pause();
    const params = { expression: '"x".repeat(8e6)' };
    for (let id = 100; id < 110; id++) {
      client.raw(JSON.stringify({ id, method: 'Runtime.evaluate', params, sessionId }));
    }
    await eventually(() => cdpmux.mux.stats().clients === clients - 1, { within: 10_000 });
    client.socket.resume();
    // what it had not read when it was dropped includes the close that says so
    expect([1006, 1013]).toContain((await client.closed).code);
  });

  it('that is gone before it was let in leaves nothing', async () => {
    const { virtualBrowsers, contexts } = cdpmux.mux.stats();
    const { port } = new URL(cdpmux.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(handshake(port, `Sec-WebSocket-Version: 13\r\n${KEY}`), () => socket.resetAndDestroy());
    await once(socket, 'close');
    // one that came after it has been served, so it was looked at before
    const later = await CdpClient.connect(cdpmux.wsUrl);
    await later.send('Browser.getVersion');
    await later.close();
    await eventually(() => {
      const now = cdpmux.mux.stats();
      return now.virtualBrowsers === virtualBrowsers && now.contexts === contexts;
    });
  });

  it('may send before it was let in', async () => {
    const { clients } = cdpmux.mux.stats();
    const { port } = new URL(cdpmux.url);
    const socket = connect(Number(port), '127.0.0.1');
    const command = Buffer.from('{"id":7,"method":"Browser.getVersion"}');
    // a masked text frame whose mask is 0
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | command.length, 0, 0, 0, 0]), command]);
    socket.write(handshake(port, `Sec-WebSocket-Version: 13\r\n${KEY}`));
    socket.write(frame);
    let received = '';
    for await (const chunk of socket) {
      received += String(chunk);
      if (received.includes('"id":7')) break;
    }
    expect(received).toMatch(/^HTTP\/1\.1 101 [^]*"id":7[^]*"product"/);
    await eventually(() => cdpmux.mux.stats().clients === clients);
  });

  it.each([
    ['a bad key', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short'],
    ['another version', `Sec-WebSocket-Version: 7\r\n${KEY}`],
  ])('with %s in its handshake is refused and takes no place', async (_what, lines) => {
    const { virtualBrowsers } = cdpmux.mux.stats();
    const { port } = new URL(cdpmux.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(handshake(port, lines));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
    await eventually(() => cdpmux.mux.stats().virtualBrowsers === virtualBrowsers);
  });

  it('that offers HTTP/2 with its request is answered', async () => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABk' };
    const { status, body } = await ask(cdpmux.url, '/json/version', 'GET', headers);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toHaveProperty('webSocketDebuggerUrl');
  });
});

describe('the parameters of an upgrade', () => {
  it.each([
    ['initialPage', 'maybe', /true or false/],
    ['queueTimeout', '-1', /0 to \d+/],
    ['priority', 'urgent', /low, normal, high or critical/],
    ['mode', 'single', /shared or exclusive/],
    ['keepAlive', '600001', /at most 600000 ms, which limits\.keepAlive allows/],
    ['timeout', '1h', /0 to \d+/],
    ['launch', '{"args":[]}', /exclusive/],
    ['proxyServer', '', /1 to \d+/],
    ['label.a b', 'x', /letters/],
  ])('are refused as %s=%s', async (parameter, value, range) => {
    const answer = await refusal(`${cdpmux.wsUrl}?${new URLSearchParams({ [parameter]: value }).toString()}`);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ code: 'BAD_PARAMETER', parameter, value });
    expect(errorOf(answer)['range']).toMatch(range);
  });

  it('may come as headers, over which the query wins, and unknown ones pass', async () => {
    const headers = { 'x-cdpmux-priority': 'urgent' };
    expect((await refusal(cdpmux.wsUrl, headers)).status).toBe(400);
    const socket = new WebSocket(`${cdpmux.wsUrl}?priority=high&unknown=1`, { headers });
    await once(socket, 'open');
    socket.close();
    await once(socket, 'close');
  });

  it('say whether it starts with a blank page', async () => {
    for (const [initialPage, pages] of Object.entries({ true: 1, false: 0 })) {
      const client = await CdpClient.connect(`${cdpmux.wsUrl}?initialPage=${initialPage}`);
      const { targetInfos } = await client.send<{ targetInfos: { type: string }[] }>('Target.getTargets');
      expect(targetInfos.filter(({ type }) => type === 'page')).toHaveLength(pages);
      await client.close();
    }
  });
});

describe('the Host of a request', () => {
  it.each([
    'evil.test:9222',
    'localhost.evil.test',
    '127.0.0.1.evil.test',
    '"x.localhost',
    'evil.test/localhost',
  ])('is refused as %s over HTTP and WebSocket', async (host) => {
    const answer = await ask(cdpmux.url, '/json/version', 'GET', { host });
    expect([answer.status, errorOf(answer)['code']]).toEqual([403, 'FORBIDDEN']);
    expect((await refusal(cdpmux.wsUrl, { host })).status).toBe(403);
  });

  it('is let in where listen.allowedHosts has it', async () => {
    const { body } = await ask(cdpmux.url, '/json/version', 'GET', { host: 'CDP.test:9222' });
    expect(JSON.parse(body).webSocketDebuggerUrl).toMatch(/^ws:\/\/CDP\.test:9222\/devtools\/browser\//);
  });

  it('is not what a client claims of it in x-forwarded-host', async () => {
    const headers = { host: 'localhost:1234', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' };
    const { body } = await ask(cdpmux.url, '/json/version', 'GET', headers);
    expect(JSON.parse(body).webSocketDebuggerUrl).toMatch(/^ws:\/\/localhost:1234\//);
  });
});

describe('PUT /json/new', () => {
  let chrome: DirectChrome;
  beforeAll(async () => void (chrome = await startChrome()));
  afterAll(() => chrome.close());

  it.each([
    ['?about:blank', 'page'],
    ['', 'page'],
    ['?no-url', 'page'],
    ['?for_tab', 'tab'],
    ['?about:blank&for_tab', 'tab'],
    ['?data:text/html,%3Ctitle%3Eone%26two', 'page'],
  ])('%s opens what Chrome opens, which can be closed and then is gone', async (query, type) => {
    const [theirs, ours] = await Promise.all(
      [chrome.url, cdpmux.url].map(async (base) => {
        const { body } = await ask(base, `/json/new${query}`, 'PUT');
        const { title: _title, url: _url, ...entry } = JSON.parse(body);
        const path = `/json/close/${entry.id}`;
        const closed = await ask(base, path, 'PUT');
        // closing takes some milliseconds, and may be asked for once more meanwhile
        let again = closed;
        await eventually(async () => (again = await ask(base, path)).status !== 200);
        return JSON.stringify([entry, closed.status, closed.body, again.status, again.body])
          .replaceAll(entry.id, '<id>')
          .replaceAll(new URL(base).host, '<host>');
      }),
    );
    expect(ours).toBe(theirs);
    expect(ours).toContain(`"type":"${type}"`);
  });

  it('opens the URL it is asked for', async () => {
    const url = 'data:text/html,<title>one&two';
    const { body } = await ask(cdpmux.url, `/name/urls/json/new?${encodeURIComponent(url)}`, 'PUT');
    await eventually(async () => {
      const entries = JSON.parse((await ask(cdpmux.url, '/name/urls/json')).body) as object[];
      const expected = { id: JSON.parse(body).id, url, title: 'one&two' };
      return entries.some((entry) =>
        Object.entries(expected).every(([key, value]) => Reflect.get(entry, key) === value),
      );
    });
  });
});

describe('a client that waits for its place', () => {
  it('leaves no trace when it goes, and is told when cdpmux stops', async () => {
    const full = await startCdpmux({
      'browsers.max': 1,
      'browsers.virtualPerBrowser': 1,
      'listen.trustForwarded': 'true',
    });
    try {
      const first = await CdpClient.connect(full.wsUrl);
      const leaver = new WebSocket(full.wsUrl);
      leaver.on('error', () => undefined);
      await eventually(() => full.mux.stats().waiting === 1);
      leaver.terminate();
      await eventually(() => full.mux.stats().waiting === 0);

      const headers = { 'x-forwarded-host': 'cdp.example:8443, inner', 'x-forwarded-proto': 'https' };
      const { body } = await ask(full.url, '/json/version', 'GET', headers);
      expect(JSON.parse(body).webSocketDebuggerUrl).toMatch(
        /^wss:\/\/cdp\.example:8443\/devtools\/browser\//,
      );

      const waiting = refusal(full.wsUrl);
      await eventually(() => full.mux.stats().waiting === 1);
      await full.close();
      expect((await first.closed).code).toBe(1001);
      expect(errorOf(await waiting)['code']).toBe('CLOSING');
    } finally {
      await full.close();
    }
  });
});
