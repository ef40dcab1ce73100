import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import puppeteer from 'puppeteer-core';
import { WebSocket } from 'ws';
import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { chromeExecutable, startChrome, type DirectChrome } from './support/chrome.js';

let chrome: DirectChrome;
let cdpmux: TestCdpmux;
beforeAll(async () => {
  [chrome, cdpmux] = await Promise.all([startChrome(), startCdpmux()]);
});
afterAll(() => Promise.all([chrome.close(), cdpmux.close()]));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A request as given: no client library that would tidy the path or the Host. */
async function ask(url: string, method = 'GET', headers: Record<string, string> = {}): Promise<Answer> {
  const outgoing = request(url, { method, headers, agent: false });
  // once() takes the response before the next turn, so no data is missed
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

async function json<T = Record<string, string>>(url: string, method = 'GET'): Promise<T> {
  return JSON.parse((await ask(url, method)).body) as T;
}

/** The HTTP answer to an upgrade that is refused; throws when it is let in. */
async function refusedUpgrade(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const socket = new WebSocket(url, { headers });
  socket.on('error', () => undefined);
  const answered = new Promise<Answer>((resolve, reject) => {
    socket.once('open', () => reject(new Error(`${url} was let in`)));
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
  });
  return answered.finally(() => socket.terminate());
}

interface Page {
  readonly id: string;
  readonly url: string;
  readonly webSocketDebuggerUrl: string;
}
const targetsOf = async (base: string) => (await json<Page[]>(`${base}/json/list`)).map(({ id }) => id);
const messageOf = ({ body }: Answer) =>
  (JSON.parse(body) as { error: { code: string; message: string } }).error;

describe('the HTTP endpoints that Chrome has', () => {
  /** An answer with what differs by nature replaced: ids, ports, the numbers of versions. */
  function plain({ status, headers, body }: Answer): object {
    const text = body
      // whether a new page has its title yet is a matter of moments
      .replaceAll('"title": "about:blank"', '"title": ""')
      .replaceAll(/[0-9A-F]{32}/g, '<target>')
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
      .replaceAll(/(127\.0\.0\.1|localhost):\d+/g, '<host>');
    return {
      status,
      type: headers['content-type'],
      policy: headers['content-security-policy'],
      body: text,
    };
  }

  it.each([
    ['GET', '/json'],
    ['GET', '/json/'],
    ['GET', '/json/list'],
    ['GET', '/json/list/'],
    ['PUT', '/json/list'],
    ['POST', '/json/list'],
    ['GET', '/json/version'],
    ['GET', '/json/version/'],
    ['PUT', '/json/version'],
    ['GET', '/json/new'],
    ['POST', '/json/new'],
    ['GET', '/json/activate/x'],
    ['GET', '/json/activate/'],
    ['GET', '/json/activate'],
    ['GET', '/json/close/x'],
    ['GET', '/json/close'],
    ['PUT', '/json/close/x'],
    ['GET', '/json/bogus'],
    ['GET', '/json/bogus/x'],
  ])('are answered as Chrome answers: %s %s', async (method, path) => {
    const expected = plain(await ask(chrome.url + path, method));
    expect(plain(await ask(cdpmux.url + path, method))).toEqual(expected);
    expect(expected).toHaveProperty('type');
  });

  it('give who asks with parameters an address with them, and say which one is wrong', async () => {
    const query = 'userAgent=Own%2F1%20%26%20more&label.job=7&unknown=1';
    const { webSocketDebuggerUrl } = await json<Page>(`${cdpmux.url}/json/version/?${query}`);
    expect(webSocketDebuggerUrl).toMatch(new RegExp(`/devtools/browser/[0-9a-f-]{36}\\?${query}$`));
    const client = await CdpClient.connect(webSocketDebuggerUrl);
    const { userAgent } = await client.send<{ userAgent: string }>('Browser.getVersion');
    expect(userAgent).toBe('Own/1 & more');
    await client.close();
    const refused = await ask(`${cdpmux.url}/json/version?windowSize=large`);
    expect(refused.status).toBe(400);
    expect(messageOf(refused).message).toContain('windowSize');
  });

  // the headless shell lists the pages beside their tabs
  it('list tabs when asked for them, as Chrome does', async () => {
    const tabs = async (base: string) => {
      const entries = await json<{ type: string }[]>(`${base}/json/list?for_tab`);
      return entries.filter(({ type }) => type === 'tab').map((entry) => Object.keys(entry));
    };
    const expected = await tabs(chrome.url);
    expect(await tabs(cdpmux.url)).toEqual(expected);
    expect(expected).toHaveLength(1);
  });

  it('describe the protocol as Chrome does', async () => {
    interface Described {
      readonly version: object;
      readonly domains: { readonly domain: string; readonly commands?: { readonly name: string }[] }[];
    }
    const [mine, theirs] = await Promise.all(
      [cdpmux, chrome].map(({ url }) => json<Described>(`${url}/json/protocol`)),
    );
    expect(Object.keys(mine ?? {})).toEqual(Object.keys(theirs ?? {}));
    expect(mine?.version).toEqual(theirs?.version);
    const commands = (described: Described | undefined) =>
      described?.domains.find(({ domain }) => domain === 'Page')?.commands?.map(({ name }) => name);
    expect(commands(mine)).toEqual(expect.arrayContaining(['navigate', 'captureScreenshot']));
    expect(commands(theirs)).toEqual(expect.arrayContaining(['navigate', 'captureScreenshot']));
  });

  it('open, activate and close a page as Chrome does', async () => {
    const life = async (base: string): Promise<object[]> => {
      const created = await ask(`${base}/json/new?about:blank`, 'PUT');
      const { id } = JSON.parse(created.body) as Page;
      const before = await targetsOf(base);
      const answers = [
        created,
        await ask(`${base}/json/activate/${id}`),
        await ask(`${base}/json/close/${id}`),
      ];
      expect(before).toContain(id);
      return answers.map(plain);
    };
    expect(await life(cdpmux.url)).toEqual(await life(chrome.url));
  });

  it('refuse a Host that is a name of someone else, as Chrome does', async () => {
    const headers = { host: 'attacker.test' };
    const theirs = await ask(`${chrome.url}/json/version`, 'GET', headers);
    const mine = await ask(`${cdpmux.url}/json/version`, 'GET', headers);
    expect(theirs.status).toBe(500);
    expect(mine.status).toBe(403);
    // Chrome's own words, with what to do about it
    expect(messageOf(mine).message).toContain(theirs.body.trim().replace(/\.$/, ''));
    expect(messageOf(mine).message).toContain('listen.allowedHosts');
  });

  it.each(['localhost', '127.0.0.1', '127.0.0.1:1', '[::1]:9', 'app.localhost'])(
    'take the Host %s',
    async (host) => {
      const [mine, theirs] = await Promise.all(
        [cdpmux, chrome].map(({ url }) => ask(`${url}/json/version`, 'GET', { host })),
      );
      expect([mine?.status, theirs?.status]).toEqual([200, 200]);
      const { webSocketDebuggerUrl } = JSON.parse(mine?.body ?? '') as Record<string, string>;
      expect(webSocketDebuggerUrl).toContain(`ws://${host}/devtools/browser/`);
    },
  );
});

describe('upgrades', () => {
  it('are refused to web pages, as Chrome does', async () => {
    const headers = { origin: 'https://page.test' };
    expect((await refusedUpgrade(chrome.wsUrl, headers)).status).toBe(403);
    const mine = await refusedUpgrade(cdpmux.wsUrl, headers);
    expect(mine.status).toBe(403);
    expect(messageOf(mine)).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('are refused to a Host that is a name of someone else', async () => {
    expect((await refusedUpgrade(cdpmux.wsUrl, { host: 'attacker.test' })).status).toBe(403);
  });

  it('need no port in the Host, as chromedriver sends it', async () => {
    const socket = new WebSocket(cdpmux.wsUrl, { headers: { host: '127.0.0.1' } });
    await once(socket, 'open');
    socket.send('{"id":1,"method":"Browser.getVersion"}');
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(data.toString())).toHaveProperty('result.product');
    socket.close();
  });

  it.each(['/', '/devtools/browser', '/devtools/browser/', '/?label.x=1'])(
    'make a new browser at %s',
    async (path) => {
      const client = await CdpClient.connect(cdpmux.url.replace('http', 'ws') + path);
      const { targetInfos } = await client.send<{ targetInfos: { type: string }[] }>('Target.getTargets');
      expect(targetInfos.map(({ type }) => type)).toEqual(['page']);
      await client.close();
    },
  );

  it('are refused with parameter, value and range', async () => {
    const answer = await refusedUpgrade(`${cdpmux.wsUrl}?queueTimeout=soon`);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/json; charset=UTF-8');
    expect(messageOf(answer)).toMatchObject({
      code: 'BAD_PARAMETER',
      parameter: 'queueTimeout',
      value: 'soon',
      range: expect.stringContaining('milliseconds') as unknown,
    });
  });

  it('find a browser by the id that /json/version minted, until it has ended', async () => {
    const { webSocketDebuggerUrl: url = '' } = await json(`${cdpmux.url}/json/version`);
    const first = await CdpClient.connect(url);
    const { targetId } = await first.newPage();
    const second = await CdpClient.connect(url);
    const { targetInfos } = await second.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets');
    expect(targetInfos.map((info) => info.targetId)).toContain(targetId);
    await second.close();
    await first.send('Browser.close');
    await first.closed;
    const refused = await refusedUpgrade(url);
    expect(refused.status).toBe(404);
    expect(messageOf(refused).code).toBe('ENDED');
    expect(messageOf(refused).message).toContain('has ended');
  });

  it.each(['/devtools/browser/0000', '/devtools/page/0000', '/devtools/else', '/nowhere'])(
    'find nothing at %s',
    async (path) => {
      const answer = await refusedUpgrade(cdpmux.url.replace('http', 'ws') + path);
      expect(answer.status).toBe(404);
      expect(messageOf(answer).code).toBe('NOT_FOUND');
    },
  );

  it('reach a page of /json/new at its own URL', async () => {
    const page = await json<Page>(`${cdpmux.url}/json/new?about:blank`, 'PUT');
    const client = await CdpClient.connect(page.webSocketDebuggerUrl);
    const { targetInfo } = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    expect(targetInfo.targetId).toBe(page.id);
    await client.send('Runtime.evaluate', { expression: 'window.mark = 1' });
    await client.close();
    expect((await ask(`${cdpmux.url}/json/close/${page.id}`)).status).toBe(200);
  });
});

describe('names', () => {
  it('keep browsers apart, and are shared by who gives the same', async () => {
    const [a, b] = [`${cdpmux.url}/name/a`, `${cdpmux.url}/name/b`];
    const page = await json<Page>(`${a}/json/new?about:blank`, 'PUT');
    expect(await targetsOf(a)).toContain(page.id);
    expect(await targetsOf(b)).not.toContain(page.id);
    expect(await targetsOf(cdpmux.url)).not.toContain(page.id);
    expect((await ask(`${b}/json/close/${page.id}`)).status).toBe(404);
    const clients = await Promise.all(
      [a, a, b].map((base) => CdpClient.connect(`${base.replace('http', 'ws')}/`)),
    );
    const seen = await Promise.all(
      clients.map(async (client) => {
        const { targetInfos } = await client.send<{ targetInfos: { targetId: string }[] }>(
          'Target.getTargets',
        );
        return targetInfos.some(({ targetId }) => targetId === page.id);
      }),
    );
    expect(seen).toEqual([true, true, false]);
    const elsewhere = `${b.replace('http', 'ws')}/devtools/page/${page.id}`;
    expect((await refusedUpgrade(elsewhere)).status).toBe(404);
    await Promise.all(clients.map((client) => client.close()));
    expect(await targetsOf(a)).toContain(page.id);
  });

  it.each(['/name/a%20b/json/list', '/name//json/list', `/name/${'x'.repeat(65)}/json/list`])(
    'that are none are refused: %s',
    async (path) => {
      const answer = await ask(cdpmux.url + path);
      expect(answer.status).toBe(400);
      expect(messageOf(answer).message).toContain('1 to 64 letters');
      expect((await refusedUpgrade(cdpmux.url.replace('http', 'ws') + path)).status).toBe(400);
    },
  );
});

describe('the operator', () => {
  it.each(['/healthz', '/readyz', '/metrics', '/api/v1/status'])('is answered at %s', async (path) => {
    expect((await ask(cdpmux.url + path)).status).toBe(200);
  });

  it('has an address of its own that answers three paths, to any Host', async () => {
    const set = ['listen.port=0', 'admin.port=0', `chrome=${chromeExecutable()}`];
    const config = loadConfig({ flags: { set } });
    const service = await Service.start(config, { env: process.env, tmpDir: tmpdir(), log: () => undefined });
    try {
      const admin = `http://127.0.0.1:${service.door.adminPort}`;
      for (const path of ['/healthz', '/readyz', '/metrics']) {
        expect([path, (await ask(admin + path, 'GET', { host: 'pod.test' })).status]).toEqual([path, 200]);
      }
      for (const path of ['/', '/json/version', '/json/list', '/api/v1/status', '/name/a/json/list']) {
        expect([path, (await ask(admin + path)).status]).toEqual([path, 404]);
      }
      const socket = new WebSocket(admin.replace('http', 'ws'));
      const [failure] = (await once(socket, 'error')) as [Error];
      expect(failure.message).not.toContain('101');
      expect(service.mux.stats().virtualBrowsers).toBe(0);
    } finally {
      await service.close(3_000);
    }
  });
});

describe('when all places are taken', () => {
  it('refuses at once who does not wait, after a time who does, and beyond the queue all', async () => {
    const settings = { 'browsers.max': 1, 'browsers.virtualPerBrowser': 1, 'queue.maxLength': 1 };
    const full = await startCdpmux(settings);
    try {
      const first = await CdpClient.connect(full.wsUrl);
      const expectRefusal = (answer: Answer, code: string) => {
        expect([answer.status, messageOf(answer).code]).toEqual([503, code]);
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      };
      expectRefusal(await refusedUpgrade(`${full.wsUrl}?queueTimeout=0`), 'QUEUE_FULL');
      expectRefusal(await refusedUpgrade(`${full.wsUrl}?queueTimeout=50`), 'QUEUE_TIMEOUT');
      const waiting = CdpClient.connect(full.wsUrl);
      while (full.mux.stats().waiting === 0) await ask(`${full.url}/healthz`);
      expectRefusal(await refusedUpgrade(full.wsUrl), 'QUEUE_FULL');
      await first.close();
      const second = await waiting;
      expect(await second.send('Browser.getVersion')).toHaveProperty('product');
      await second.close();
    } finally {
      await full.close();
    }
  });
});

describe('two Puppeteers on one browserURL', () => {
  it('are apart', async () => {
    const options = { browserURL: cdpmux.url };
    const browsers = await Promise.all([puppeteer.connect(options), puppeteer.connect(options)]);
    const [one, two] = browsers;
    const page = await one.newPage();
    await page.goto('data:text/html,<title>one</title>');
    expect((await one.pages()).map((each) => each.url())).toContain(page.url());
    expect((await two.pages()).map((each) => each.url())).toEqual(['about:blank']);
    await one.close();
    expect(two.connected).toBe(true);
    await two.newPage();
    await two.close();
  });
});

describe('when cdpmux stops', () => {
  it('closes its clients with 1001 and a reason, and its connections', async () => {
    const stopping = await startCdpmux();
    const clients = await Promise.all([1, 2].map(() => CdpClient.connect(stopping.wsUrl)));
    const idle = connectTcp(Number(new URL(stopping.url).port), '127.0.0.1');
    await once(idle, 'connect');
    const ended = once(idle, 'close');
    await stopping.close();
    for (const { closed } of clients)
      expect(await closed).toEqual({ code: 1001, reason: 'cdpmux is stopping' });
    await ended;
  });
});
