import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';
import { evaluate } from './support/page.js';

const within = 30_000;

/** A worker that takes so many MB when it is started anew, and none when it is installed. */
const eater = (mb: number): string =>
  `oninstall=()=>skipWaiting();if(registration.active)k=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()))`;

describe('memory that an attacker takes where it has no page', () => {
  let cdpmux: TestCdpmux;
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    cdpmux = await startCdpmux({
      'memory.virtual.softLimitMb': 100,
      'memory.virtual.hardLimitMb': 200,
      'memory.interval': 200,
    });
    server = createServer((request, response) => {
      const isScript = request.url === '/eater.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? eater(300) : '<!doctype html><title>home</title>');
    }).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    await cdpmux.close();
    server.close();
    server.closeAllConnections();
  });

  it('is not taken for that of one whose page does not answer', async () => {
    const attacker = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=attacker`);
    const page = await attacker.newPage();
    await attacker.send('ServiceWorker.enable', {}, page.sessionId);
    await attacker.send('Page.navigate', { url: origin }, page.sessionId);
    const register = `navigator.serviceWorker.register('eater.js').then(()=>navigator.serviceWorker.ready).then(()=>1)`;
    await eventually(async () => (await evaluate(attacker, page, `location.href==='${origin}'`)) === true, {
      within,
      what: 'the site',
    });
    await attacker.send('Runtime.evaluate', { expression: register, awaitPromise: true }, page.sessionId);
    await attacker.send('ServiceWorker.stopAllWorkers', {}, page.sessionId);
    await attacker.send('Page.navigate', { url: 'about:blank' }, page.sessionId);

    const victim = await CdpClient.connect(`${cdpmux.wsUrl}?label.who=victim`);
    const theirs = await victim.newPage();
    await victim.send('Page.enable', {}, theirs.sessionId);
    victim.raw(
      JSON.stringify({
        id: 1_000_000,
        method: 'Runtime.evaluate',
        params: { expression: 'alert(1)' },
        sessionId: theirs.sessionId,
      }),
    );
    await eventually(() => victim.received.some(({ method }) => method === 'Page.javascriptDialogOpening'), {
      within,
      what: 'a dialog',
    });
    await attacker.send('ServiceWorker.startWorker', { scopeURL: origin }, page.sessionId);
    // where both may have it, nobody has to go until one of them says that he has not
    const held = (): number => cdpmux.mux.browsers()[0]?.memory?.heldMb ?? 0;
    const isTold = (): boolean => held() > 280 || cdpmux.mux.virtualBrowsers().length === 1;
    await eventually(isTold, { within, what: '280 MB' });
    await victim.send('Page.handleJavaScriptDialog', { accept: true }, theirs.sessionId);
    expect((await attacker.closed).code).toBe(4413);
    expect(await evaluate(victim, theirs, '6*7')).toBe(42);
    await victim.close();
  }, 120_000);
});
