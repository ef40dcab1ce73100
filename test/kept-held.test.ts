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

/** A worker that says so when it runs. */
const withWorker = `<title>home</title><script>
  const worker = new Worker(URL.createObjectURL(new Blob(['postMessage("runs")'])));
  worker.onmessage = ({ data }) => (document.title = data);
</script>`;

let cdpmux: TestCdpmux;
let server: Server;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(request.url === '/worker' ? withWorker : '<title>home</title>');
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
  await eventually(() => cdpmux.mux.stats().clients === 0, { within: PATIENCE, what: 'its loss' });
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
    { above: 'a page that it attached to', filter: undefined },
    { above: 'a page', filter: noTabs },
    { above: 'a page beneath a tab', filter: noPages },
  ])('a worker of $above', async ({ filter }) => {
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
    await client.send('Page.navigate', { url: `${origin}/worker` }, page);
    expect((await attachedTo(client, 'worker')).waitingForDebugger).toBe(true);
    await findsRunning(client, id, 'runs');
  });
});
