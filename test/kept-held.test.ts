import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

/** Longest wait for anything, ms. */
const PATIENCE = 15_000;
const noTabs = [{ type: 'tab', exclude: true }, {}];
const noPages = [{ type: 'page', exclude: true }, {}];
const attachBy = (filter: object[]) => ({
  autoAttach: true,
  waitForDebuggerOnStart: true,
  flatten: true,
  filter,
});

/** Pages with something that says so when it runs. */
const pages: Record<string, (port: number) => string> = {
  '/home': () => '<title>home</title>',
  '/worker': () => `<title>home</title><script>
    const worker = new Worker(URL.createObjectURL(new Blob(['postMessage("runs")'])));
    worker.onmessage = ({ data }) => (document.title = data);
  </script>`,
  '/shared_worker': () => `<title>home</title><script>
    const worker = new SharedWorker('/shared.js');
    worker.port.onmessage = ({ data }) => (document.title = data);
  </script>`,
  '/service_worker': () => `<title>home</title><script>
    navigator.serviceWorker.register('/service.js');
    navigator.serviceWorker.ready.then(() => (document.title = 'runs'));
  </script>`,
  '/iframe': (port) => `<title>home</title><script>
    addEventListener('message', ({ data }) => (document.title = data));
  </script><iframe src="http://localhost:${port}/frame"></iframe>`,
  '/frame': () => '<script>parent.postMessage("runs", "*")</script>',
};
const scripts: Record<string, string> = {
  '/shared.js': 'onconnect = ({ ports: [port] }) => port.postMessage("runs")',
  '/service.js': '1',
};

let cdpmux: TestCdpmux;
let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const { url = '' } = request;
    const { port } = server.address() as AddressInfo;
    response.setHeader('content-type', url in scripts ? 'text/javascript' : 'text/html');
    // without it the headless shell keeps a frame of another site in the page's own process
    response.setHeader('origin-agent-cluster', '?1');
    response.end(scripts[url] ?? pages[url]?.(port));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cdpmux = await startCdpmux();
}, 60_000);
afterAll(async () => {
  await cdpmux.close();
  server.close();
  server.closeAllConnections();
});

interface Attached {
  readonly sessionId: string;
  readonly waitingForDebugger: boolean;
  readonly targetInfo: { readonly targetId: string; readonly type: string };
}

/** The next of that type that it is attached to. */
const attachedTo = async (client: CdpClient, type: string, url = ''): Promise<Attached> => {
  const isIt = ({ method, params }: { method?: string; params?: object }): boolean =>
    method === 'Target.attachedToTarget' &&
    (params as Attached).targetInfo.type === type &&
    JSON.stringify(params).includes(url);
  const { params } = await client.waitFor(isIt, `a ${type}`);
  return params as unknown as Attached;
};

/** Comes back when the client is gone, and waits until a page has that title. */
const findsRunning = async (client: CdpClient, id: string, title: string): Promise<void> => {
  client.socket.terminate();
  const isLost = (): boolean => cdpmux.mux.virtualBrowsers().find((one) => one.id === id)?.clients === 0;
  await eventually(isLost, { within: PATIENCE, what: 'its loss' });
  const next = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${id}`);
  const isTitled = async (): Promise<boolean> => {
    const { targetInfos } = await next.send<{ targetInfos: { title: string }[] }>('Target.getTargets');
    return targetInfos.some((one) => one.title === title);
  };
  await eventually(isTitled, { within: PATIENCE, what: `a page with the title ${title}` });
  await next.ask('Browser.close');
  await next.closed;
};

const comes = async (): Promise<{ client: CdpClient; id: string }> => {
  const client = await CdpClient.connect(`${cdpmux.wsUrl}?keepAlive=60000`);
  const info = await client.send<{ virtualBrowserId: string }>('Mux.getInfo');
  return { client, id: info.virtualBrowserId };
};

describe('what a lost client held for its debugger runs', () => {
  it.each([
    { what: 'a page', filter: noTabs },
    { what: 'a tab', filter: noPages },
  ])('$what', async ({ filter }) => {
    const { client, id } = await comes();
    await client.send('Target.setAutoAttach', attachBy(filter));
    const url = `${origin}/home`;
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
      url,
      ...(filter === noPages && { forTab: true }),
    });
    const held = await attachedTo(client, filter === noPages ? 'tab' : 'page', targetId);
    expect(held.waitingForDebugger).toBe(true);
    if (filter === noPages) {
      await client.send('Target.setAutoAttach', attachBy([{}]), held.sessionId);
      await attachedTo(client, 'page');
    }
    await findsRunning(client, id, 'home');
  });

  it.each([
    { type: 'worker', above: 'a page that it attached to', filter: undefined },
    { type: 'worker', above: 'a page beneath a tab', filter: noPages },
    { type: 'iframe', above: 'a page', filter: noTabs },
    { type: 'service_worker', above: 'a page that it attached to', filter: undefined },
    { type: 'service_worker', above: 'a page beneath a tab', filter: noPages },
    { type: 'shared_worker', above: 'a page', filter: noTabs },
  ])('a $type of $above', async ({ type, filter }) => {
    const { client, id } = await comes();
    if (filter) await client.send('Target.setAutoAttach', attachBy(filter));
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
      ...(filter === noPages && { forTab: true }),
    });
    let page: string;
    if (filter) {
      const top = await attachedTo(client, filter === noPages ? 'tab' : 'page', targetId);
      page = top.sessionId;
      if (filter === noPages) {
        await client.send('Target.setAutoAttach', attachBy([{}]), top.sessionId);
        const isBelow = ({ sessionId }: { sessionId?: string }): boolean => sessionId === top.sessionId;
        const { params } = await client.waitFor((one) => isBelow(one) && one.method !== undefined, 'a page');
        page = (params as unknown as Attached).sessionId;
      }
      await client.send('Runtime.runIfWaitingForDebugger', {}, top.sessionId);
    } else {
      const attach = { targetId, flatten: true };
      page = (await client.send<{ sessionId: string }>('Target.attachToTarget', attach)).sessionId;
    }
    await client.send('Target.setAutoAttach', attachBy([{}]), page);
    await client.send('Page.navigate', { url: `${origin}/${type}` }, page);
    expect((await attachedTo(client, type)).waitingForDebugger).toBe(true);
    await findsRunning(client, id, 'runs');
  });
});
