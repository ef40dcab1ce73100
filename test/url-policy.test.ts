import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { UrlPolicy } from '../src/virtual/url-policy.js';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, testKind, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { evaluate, holds, navigate, type Page } from './support/page.js';

const SECRET = 'the secret of the machine';

/** All that a page shows. */
const TEXT = `location.href + ' ' + (document.documentElement?.innerText ?? '')`;

describe('the URLs of strangers', () => {
  let cdpmux: TestCdpmux;
  let trusting: TestCdpmux;
  let chrome: DirectChrome;
  let server: Server;
  let origin: string;
  let folder: string;
  let secret: string;
  let stranger: CdpClient;
  let direct: CdpClient;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cdpmux-urls-'));
    await writeFile(join(folder, 'secret.txt'), SECRET);
    secret = `file://${folder}/secret.txt`;
    server = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://x');
      const to = url.searchParams.get('to') ?? '';
      if (url.pathname === '/redirect') response.writeHead(302, { location: to }).end();
      else if (url.pathname === '/refresh') {
        response.writeHead(200, { refresh: `0; url=${to}`, 'content-type': 'text/html' }).end('refreshing');
      } else response.writeHead(200, { 'content-type': 'text/html' }).end('<title>page</title>page');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    [cdpmux, trusting, chrome] = await Promise.all([
      startCdpmux({ 'policy.trust': 'tenant', 'policy.egress.mode': 'off' }),
      startCdpmux({ 'browsers.min': 0 }),
      startChrome(),
    ]);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([cdpmux.close(), trusting.close(), chrome.close()]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });

  beforeEach(async () => {
    [stranger, direct] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl),
      CdpClient.connect(chrome.wsUrl),
    ]);
  });

  afterEach(async () => {
    stranger.socket.terminate();
    direct.socket.terminate();
    await Promise.all([stranger.closed, direct.closed]);
  });

  /** What a new page shows that was told to go there. */
  const goingTo = async (client: CdpClient, url: string): Promise<{ reply: Message; text: string }> => {
    const page = await client.newPage();
    const reply = await client.ask('Page.navigate', { url }, page.sessionId);
    const gone = reply.error !== undefined || reply.result?.['errorText'] !== undefined;
    if (!gone) await holds(client, page, `document.readyState === 'complete'`);
    const text = String(await evaluate(client, page, TEXT));
    await client.send('Target.closeTarget', { targetId: page.targetId });
    return { reply, text };
  };

  /** What a page shows that was opened at a URL. */
  const openedAt = async (client: CdpClient, url: string): Promise<{ reply: Message; text: string }> => {
    const reply = await client.ask('Target.createTarget', { url });
    if (reply.error) return { reply, text: '' };
    const { targetId } = reply.result as { targetId: string };
    const { sessionId } = await client.send<Page>('Target.attachToTarget', { targetId, flatten: true });
    const params = { expression: `document.readyState + ' ' + ${TEXT}`, returnByValue: true };
    let text = '';
    const isLoaded = async (): Promise<boolean> => {
      // The page that it begins with may go while it is asked.
      const { result } = await client.ask('Runtime.evaluate', params, sessionId);
      text = String((result?.['result'] as { value?: unknown } | undefined)?.value);
      return /^complete (?!about:blank)/.test(text);
    };
    await eventually(isLoaded, { what: `the load of ${url}` });
    await client.send('Target.closeTarget', { targetId });
    return { reply, text };
  };

  /** Ways to write the URL of the secret that Chrome understands. */
  const spellings = (): string[] => {
    const path = secret.slice('file://'.length);
    return [
      secret,
      `FILE://${path}`,
      ` ${secret}`,
      `\t${secret}`,
      `\u0000\u0001\u001f ${secret}`,
      `fi\tle://${path}`,
      `f\nile://${path}`,
      `fil\re://${path}`,
      `file\t:\n//${path}`,
      `file:${path}`,
      `file:${path.slice(1)}`,
      `file://localhost${path}`,
      `file:\\\\\\${path.slice(1).replaceAll('/', '\\')}`,
      `view-source:${secret}`,
      `VIEW-source: \tFILE:${path}`,
    ];
  };

  it('show a file in a Chrome of their own, however they are written', async () => {
    for (const url of spellings()) {
      expect([url, (await goingTo(direct, url)).text]).toEqual([url, expect.stringContaining(SECRET)]);
      expect([url, (await openedAt(direct, url)).text]).toEqual([url, expect.stringContaining(SECRET)]);
    }
  }, 60_000);

  it('show none here, and the refusal says which setting decides', async () => {
    for (const url of spellings()) {
      for (const { reply, text } of [await goingTo(stranger, url), await openedAt(stranger, url)]) {
        expect([url, text]).toEqual([url, expect.not.stringContaining(SECRET)]);
        expect([url, reply.error]).toMatchObject([
          url,
          { code: -32000, message: expect.stringContaining('policy.allowedSchemes') as unknown },
        ]);
      }
    }
  }, 60_000);

  it('reach nothing of Chrome itself', async () => {
    const urls = [
      ...['chrome://version', 'chrome:version', 'CHROME://gpu', 'about:gpu', 'about:crash', 'about:'],
      ...['chrome-untrusted://terminal', 'devtools://devtools/bundled/inspector.html'],
      ...['chrome-extension://abcdefghijklmnopabcdefghijklmnop/x', 'chrome-search://local-ntp'],
      ...['view-source:chrome://version', `view-source:view-source:${origin}/`, `blob:${secret}`],
      ...[`filesystem:${secret}`, 'isolated-app://x', 'content:///x', 'mailto:a@b', 'intent://x', 'C:\\x'],
    ];
    const page = await stranger.newPage();
    for (const url of urls) {
      for (const reply of [
        await stranger.ask('Page.navigate', { url }, page.sessionId),
        await stranger.ask('Target.createTarget', { url }),
        await stranger.ask('Target.createTarget', { url }, page.sessionId),
        await stranger.ask('Network.loadNetworkResource', { url, options: {} }, page.sessionId),
      ]) {
        expect([url, reply.error?.message]).toEqual([url, expect.stringContaining('policy.allowedSchemes')]);
      }
    }
    expect(await evaluate(stranger, page, 'location.href')).toBe('about:blank');
  }, 30_000);

  it('are refused by /json/new as well', async () => {
    const open = (url: string): Promise<Response> =>
      fetch(`${cdpmux.url}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' });
    for (const url of [secret, ` ${secret}`, `FILE:${secret.slice(5)}`, 'chrome://version']) {
      const answer = await open(url);
      expect([url, answer.status, (await answer.json()) as unknown]).toMatchObject([
        url,
        403,
        { error: { code: 'FORBIDDEN' } },
      ]);
    }
    expect((await open(`${origin}/`)).status).toBe(200);
  });

  it('are as in a Chrome of their own where they lead to the web or nowhere', async () => {
    const urls = [
      ...[`${origin}/`, 'data:text/html,hello', 'about:blank', 'ABOUT:blank#x', 'about:blank?x'],
      ...[`view-source:${origin}/`, ' about:blank', 'javascript:document.title="said"'],
      ...['', 'no url', '/etc/passwd', '//etc/passwd', '\\etc\\passwd', '%66ile', 'file'],
    ];
    for (const url of urls) {
      const [here, there] = [await goingTo(stranger, url), await goingTo(direct, url)];
      expect([url, here.text, here.reply.error?.message, here.reply.result?.['errorText']]).toEqual([
        url,
        there.text,
        there.reply.error?.message,
        there.reply.result?.['errorText'],
      ]);
    }
  }, 60_000);

  /** Pauses a page's request and gives what became of it. */
  const paused = async (
    client: CdpClient,
    method: string,
    params: object,
    stage: 'Request' | 'Response' = 'Request',
  ): Promise<{ answer: Message; text: string; errorText: unknown }> => {
    const page = await client.newPage();
    await client.send('Fetch.enable', { patterns: [{ requestStage: stage }] }, page.sessionId);
    const going = client.ask('Page.navigate', { url: `${origin}/` }, page.sessionId);
    const isPaused = (message: Message): boolean =>
      message.method === 'Fetch.requestPaused' && message.sessionId === page.sessionId;
    const { requestId } = (await client.waitFor(isPaused, 'a paused request')).params as {
      requestId: string;
    };
    const answer = await client.ask(method, { requestId, ...params }, page.sessionId);
    await client.send('Fetch.disable', {}, page.sessionId);
    const { result } = await going;
    await holds(client, page, `document.readyState === 'complete'`);
    const text = String(await evaluate(client, page, TEXT));
    await client.send('Target.closeTarget', { targetId: page.targetId });
    return { answer, text, errorText: result?.['errorText'] };
  };

  /** A redirect as text, as one header with a line end, in upper case, and in bytes. */
  const redirects = (to: string): object[] => {
    const responseCode = 302;
    const bytes = (text: string): string => Buffer.from(text).toString('base64');
    return [
      { responseCode, responseHeaders: [{ name: 'Location', value: to }] },
      { responseCode, responseHeaders: [{ name: 'LOCATION', value: ` \t${to}` }] },
      { responseCode, responseHeaders: [{ name: 'x', value: `y\r\nlocation: ${to}` }] },
      { responseCode, binaryResponseHeaders: bytes(`a: b\0Location: ${to}\0`) },
    ];
  };

  it('are refused in paused requests, and in redirects that a client makes up', async () => {
    for (const url of [secret, 'chrome://version', 'fi\tle:///etc/passwd']) {
      const { answer, text } = await paused(stranger, 'Fetch.continueRequest', { url });
      expect([url, answer.error?.message]).toEqual([url, expect.stringContaining('policy.allowedSchemes')]);
      expect(text).not.toContain(SECRET);
    }
    for (const redirect of redirects(secret)) {
      for (const [method, stage] of [
        ['Fetch.fulfillRequest', 'Request'],
        ['Fetch.continueResponse', 'Response'],
      ] as const) {
        const { answer, text } = await paused(stranger, method, redirect, stage);
        expect([redirect, answer.error?.message]).toEqual([
          redirect,
          expect.stringContaining('policy.allowedSchemes'),
        ]);
        expect(text).not.toContain(SECRET);
      }
    }
  }, 60_000);

  it('may be redirected within the web by a client', async () => {
    const responseHeaders = [{ name: 'Location', value: '/other?then=file:' }];
    const { answer, text } = await paused(stranger, 'Fetch.fulfillRequest', {
      responseCode: 302,
      responseHeaders,
    });
    expect([answer.error, text]).toEqual([undefined, `${origin}/other?then=file: page`]);
  });

  it('lead no further in Chrome itself, when a site or a client redirects', async () => {
    const at = `${origin}/redirect?to=${encodeURIComponent(secret)}`;
    for (const client of [stranger, direct]) {
      const { reply, text } = await goingTo(client, at);
      expect(reply.result?.['errorText']).toBe('net::ERR_UNSAFE_REDIRECT');
      expect(text).not.toContain(SECRET);
      const page = await client.newPage();
      const refreshing = `${origin}/refresh?to=${encodeURIComponent(secret)}`;
      await client.send('Log.enable', {}, page.sessionId);
      await navigate(client, page, refreshing);
      const refused = ({ method, params }: Message): boolean =>
        method === 'Log.entryAdded' &&
        JSON.stringify(params).includes('Not allowed to load local resource: file:');
      await client.waitFor(refused, 'the refusal');
      expect(await evaluate(client, page, 'location.href')).toBe(refreshing);
    }
    const { errorText } = await paused(direct, 'Fetch.continueRequest', { url: secret });
    expect(errorText).toBe('net::ERR_UNKNOWN_URL_SCHEME');
    for (const redirect of redirects(secret).filter((one) => !JSON.stringify(one).includes('\\r\\n'))) {
      expect((await paused(direct, 'Fetch.fulfillRequest', redirect)).errorText).toBe(
        'net::ERR_UNSAFE_REDIRECT',
      );
    }
  }, 60_000);

  /** What a page gets that tries by itself; every way ends in a text. */
  const ownWays = (url: string): Record<string, string> => {
    const at = JSON.stringify(url);
    const inFrame = (make: string): string =>
      `new Promise((done)=>{const f=document.createElement('iframe');${make};document.documentElement.append(f);
       f.onload=()=>{try{done(f.contentWindow.location.href+f.contentDocument.documentElement.innerText)}catch(e){done('EXC '+e.message)}};
       setTimeout(()=>done('never loaded'),500)})`;
    return {
      fetch: `fetch(${at}).then((r)=>r.text()).catch((e)=>'EXC '+e.message)`,
      xhr: `new Promise((done)=>{const x=new XMLHttpRequest();x.onloadend=()=>done('got '+x.responseText);
            try{x.open('GET',${at});x.send()}catch(e){done('EXC '+e.message)}})`,
      iframe: inFrame(`f.src=${at}`),
      object: `new Promise((done)=>{const o=document.createElement('object');o.data=${at};o.onload=()=>done('load '+o.contentDocument?.documentElement.innerText);
               o.onerror=()=>done('error');document.documentElement.append(o);setTimeout(()=>done('never loaded'),500)})`,
      srcdoc: inFrame(`f.srcdoc='<a></a><script>location.href='+JSON.stringify(${at})+'</'+'script>'`),
      script: `new Promise((done)=>{const s=document.createElement('script');s.src=${at};s.onload=()=>done('load');s.onerror=()=>done('error');document.documentElement.append(s)})`,
      worker: `new Promise((done)=>{try{const w=new Worker(${at});w.onerror=()=>done('error')}catch(e){done('EXC')}})`,
      open: `new Promise((done)=>{const w=window.open(${at});if(!w)return done('null');
             setTimeout(()=>{try{done('opened '+w.location.href+w.document.documentElement.innerText)}catch(e){done('EXC '+e.message)}w.close()},300)})`,
    };
  };

  it('stay closed to a page by itself, whatever it is and whatever its world may do', async () => {
    const starts = [`${origin}/`, 'about:blank', 'data:text/html,page'];
    for (const start of starts) {
      for (const url of [secret, `view-source:${secret}`, 'chrome://version', `filesystem:${secret}`]) {
        const page = await stranger.newPage();
        await navigate(stranger, page, start);
        const { frameTree } = await stranger.send<{ frameTree: { frame: { id: string } } }>(
          'Page.getFrameTree',
          {},
          page.sessionId,
        );
        const world = { frameId: frameTree.frame.id, grantUniveralAccess: true };
        const { executionContextId } = await stranger.send<{ executionContextId: number }>(
          'Page.createIsolatedWorld',
          world,
          page.sessionId,
        );
        // side by side: most of them are over when their time is
        const tries = Object.entries(ownWays(url)).flatMap(([way, expression]) =>
          [undefined, executionContextId].map(async (contextId) => {
            const how = { contextId, awaitPromise: true, returnByValue: true, userGesture: true };
            const { result } = await stranger.send<{ result: { value: string } }>(
              'Runtime.evaluate',
              { expression, ...how },
              page.sessionId,
            );
            return [start, url, way, result.value] as const;
          }),
        );
        for (const got of await Promise.all(tries)) {
          const [, , way, said] = got;
          expect(got).toEqual([start, url, way, expect.any(String)]);
          expect(got.join(' ')).not.toContain(SECRET);
          expect(said).not.toMatch(/^load|^opened (?!about:)|Copyright/);
        }
        await evaluate(stranger, page, `void (location.href = ${JSON.stringify(url)})`);
        expect(await evaluate(stranger, page, 'location.href')).toBe(start);
        await stranger.send('Target.closeTarget', { targetId: page.targetId });
      }
    }
    const { targetInfos } = await stranger.send<{ targetInfos: { url: string }[] }>('Target.getTargets');
    expect(targetInfos.map(({ url }) => url)).not.toContainEqual(expect.stringMatching(/^(file|chrome):/));
  }, 120_000);

  it('are no concern of who has the trust of this machine', async () => {
    const local = await CdpClient.connect(trusting.wsUrl);
    expect((await goingTo(local, secret)).text).toContain(SECRET);
    const version = await goingTo(local, 'chrome://version');
    const inShell = { errorText: 'net::ERR_INVALID_URL' };
    expect(version.reply.result).toMatchObject(testKind() === 'shell' ? inShell : {});
    expect(version.reply.error).toBeUndefined();
    await local.close();
  });
});

describe('a policy of URLs', () => {
  it('allows what an operator lists, and no more', () => {
    const policy = new UrlPolicy(['HTTPS', 'file:']);
    expect(policy.refusalOf('https://a/')).toBeUndefined();
    expect(policy.refusalOf('file:///a')).toBeUndefined();
    expect(policy.refusalOf('view-source:file:///a')).toBeUndefined();
    expect(policy.refusalOf('http://a/')).toContain('only https:, file: are (policy.allowedSchemes)');
    expect(policy.refusalOf('about:blank')).toContain('about:blank');
  });

  it('comes to an end soon, and not too deep, for a long and odd text', () => {
    const policy = new UrlPolicy();
    for (const part of ['blob:', 'view-source:', ' ', '\t', 'a', 'blob: ', '\0']) {
      // what takes the square of its length would take hours
      const long = part.repeat(1_000_000);
      expect(policy.refusalOf(`x${long}:x`)).toContain('policy.allowedSchemes');
      expect(policy.refusalOf(`${long}file:`)).toContain('policy.allowedSchemes');
    }
  });
});
