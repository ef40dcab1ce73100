import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { pagesGiven } from './support/stock.js';

let cold: TestCdpmux;
let warm: TestCdpmux;
beforeAll(async () => {
  [cold, warm] = await Promise.all([startCdpmux(), startCdpmux({ 'stock.enabled': 'true', 'stock.max': 1 })]);
});
afterAll(() => Promise.all([cold.close(), warm.close()]));

/** How the two libraries set up their connection. */
const libraries = {
  Puppeteer: { discover: [{}], autoAttach: [{ type: 'page', exclude: true }, {}] },
  Playwright: { discover: undefined, autoAttach: undefined },
} as const;

describe.each(Object.keys(libraries) as (keyof typeof libraries)[])('set up as %s does', (library) => {
  it('tells of a page that is made or was kept ready, used and closed in the order that Chrome does', async () => {
    const fresh = await startChrome();
    try {
      const expected = await lifeOfAPage(fresh.wsUrl, library);
      expect(await lifeOfAPage(cold.wsUrl, library)).toEqual(expected);
      await eventually(() => warm.mux.browsers()[0]?.stock === 1, { within: 20_000, what: 'the stock' });
      const before = await pagesGiven(warm);
      expect(await lifeOfAPage(warm.wsUrl, library)).toEqual(expected);
      expect(await pagesGiven(warm)).toBe(before + 1);
      expect(expected.length).toBeGreaterThan(8);
    } finally {
      await fresh.close();
    }
  });
});

/** What is heard from a browser, with names for ids, while a client opens a page, works in it and closes it. */
async function lifeOfAPage(url: string, library: keyof typeof libraries): Promise<unknown[]> {
  const client = await CdpClient.connect(url);
  const { discover, autoAttach } = libraries[library];
  const auto = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
  const handled = new Set<Message>();
  /** Does in each session what the library does, as soon as it is there. */
  const follow = (message: Message): void => {
    if (message.method !== 'Target.attachedToTarget' || handled.has(message)) return;
    handled.add(message);
    const { sessionId } = message.params as { sessionId: string };
    void client.ask('Target.setAutoAttach', auto, sessionId);
    void client.ask('Runtime.runIfWaitingForDebugger', {}, sessionId);
  };
  client.socket.on('message', () => client.received.forEach(follow));
  await client.send('Target.setDiscoverTargets', { discover: true, ...(discover && { filter: discover }) });
  await client.send('Target.setAutoAttach', { ...auto, ...(autoAttach && { filter: autoAttach }) });
  await client.send('Target.getTargetInfo');
  await client.until(() => pagesRunning(client) === 1, 'the page that is there from the start');
  await client.send('Target.getTargetInfo');
  const from = client.received.length;
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  await client.until(() => pagesRunning(client) === 2, 'the new page');
  const attached = client.events.map(({ params }) => params as unknown as Attached);
  const page = attached.find((params) => params.sessionId && params.targetInfo?.targetId === targetId);
  await client.send('Runtime.evaluate', { expression: '1' }, page?.sessionId);
  await client.send('Target.closeTarget', { targetId });
  const ends = library === 'Puppeteer' ? 2 : 1;
  const gone = (): number =>
    client.received.slice(from).filter(({ method }) => method === 'Target.targetDestroyed').length;
  await client.until(() => gone() === ends, 'its end');
  await client.send('Target.getTargetInfo');
  const heard = client.received.slice(from);
  await client.close();
  return named(timeless(heard));
}

/**
 * The messages without titles and addresses, and without the changes that tell of nothing else: when a page gets them is
 * a matter of time, in a Chrome of one's own as well.
 */
function timeless(messages: readonly Message[]): Message[] {
  const attached = new Map<string, boolean>();
  return messages.flatMap((message) => {
    const info = (message.params as unknown as Attached | undefined)?.targetInfo;
    if (info === undefined) return message;
    const isNews = attached.get(info.targetId) !== info.attached;
    attached.set(info.targetId, info.attached);
    if (message.method === 'Target.targetInfoChanged' && !isNews) return [];
    return { ...message, params: { ...message.params, targetInfo: { ...info, title: '', url: '' } } };
  });
}

interface Attached {
  readonly sessionId: string;
  readonly targetInfo?: { readonly targetId: string; readonly type: string; readonly attached: boolean };
}

/** Page sessions whose `Runtime.runIfWaitingForDebugger` was answered: three commands follow each attach, in order. */
function pagesRunning(client: CdpClient): number {
  const pages = client.events.filter(
    ({ method, params }) =>
      method === 'Target.attachedToTarget' && (params as unknown as Attached).targetInfo?.type === 'page',
  );
  return pages.filter(({ params }) => {
    const { sessionId } = params as unknown as Attached;
    return client.received.filter((message) => message.sessionId === sessionId && message.id).length >= 2;
  }).length;
}

/** The messages with ids replaced by what they are, numbered as they come up. */
function named(messages: readonly Message[]): unknown[] {
  const names = new Map<string, string>();
  const text = JSON.stringify(messages).replaceAll(/"([0-9A-F]{32}|[0-9a-f-]{36})"/g, (_all, id: string) => {
    if (!names.has(id)) names.set(id, `id ${names.size + 1}`);
    return `"${names.get(id)}"`;
  });
  return JSON.parse(text) as unknown[];
}
