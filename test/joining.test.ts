import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, type DirectChrome } from './support/chrome.js';
import { eventually } from './support/eventually.js';

interface Attached {
  sessionId: string;
  waitingForDebugger: boolean;
  targetInfo: { targetId: string; type: string; attached: boolean };
}

const pageFilter = [{ type: 'browser', exclude: true }, { type: 'tab', exclude: true }, {}];
const tabFilter = [{ type: 'page', exclude: true }, {}];
const attachBy = (filter: object[], waitForDebuggerOnStart = true) => ({
  autoAttach: true,
  waitForDebuggerOnStart,
  flatten: true,
  filter,
});

/** What it was attached to at the root, in order. */
const attachedOf = (client: CdpClient): Attached[] =>
  client.events
    .filter(({ method, sessionId }) => method === 'Target.attachedToTarget' && sessionId === undefined)
    .map(({ params }) => params as unknown as Attached);

const sessionOn = async (client: CdpClient, targetId: string): Promise<Attached> => {
  const find = (): Attached | undefined =>
    attachedOf(client).find(({ targetInfo }) => targetInfo.targetId === targetId);
  await client.until(() => find() !== undefined, `a session on ${targetId}`);
  return find()!;
};

const targetsOf = async (client: CdpClient): Promise<string[]> => {
  const { targetInfos } = await client.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets', {
    filter: [{ type: 'browser', exclude: true }, {}],
  });
  return targetInfos.map(({ targetId }) => targetId).sort();
};

const idOf = async (client: CdpClient): Promise<string> => {
  const reply = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
  return reply.targetInfo.targetId;
};

const sixByNine = { expression: '6*9', returnByValue: true };
const runs = async (client: CdpClient, sessionId: string): Promise<void> => {
  const { result } = await client.send<{ result: { value: number } }>(
    'Runtime.evaluate',
    sixByNine,
    sessionId,
  );
  expect(result.value).toBe(54);
};

describe('a second client of a virtual browser', () => {
  let cdpmux: TestCdpmux;

  beforeAll(async () => {
    cdpmux = await startCdpmux();
  }, 60_000);
  afterAll(() => cdpmux.close());

  /** Two clients of one virtual browser. */
  const pair = async (): Promise<[CdpClient, CdpClient]> => {
    const first = await CdpClient.connect(cdpmux.wsUrl);
    const second = await CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${await idOf(first)}`);
    return [first, second];
  };

  const leave = async (...clients: CdpClient[]): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    await eventually(() => cdpmux.mux.stats().clients === 0);
  };

  it('sees the same contexts and pages by id', async () => {
    const [first, second] = await pair();
    await first.send('Target.createBrowserContext');
    await first.newPage();
    expect(await idOf(second)).toBe(await idOf(first));
    expect(await targetsOf(second)).toEqual(await targetsOf(first));
    const contexts = await second.send<{ browserContextIds: string[] }>('Target.getBrowserContexts');
    expect(contexts).toEqual(await first.send('Target.getBrowserContexts'));
    expect(contexts.browserContextIds).toHaveLength(1);
    expect(cdpmux.mux.stats()).toMatchObject({ clients: 2, virtualBrowsers: 1 });
    await leave(first, second);
    expect(cdpmux.mux.stats().virtualBrowsers).toBe(0);
  });

  it('finds by name what the first left there', async () => {
    const url = `${cdpmux.wsUrl}name/shared`;
    const first = await CdpClient.connect(url);
    const { targetId } = await first.newPage();
    const second = await CdpClient.connect(url);
    expect(await targetsOf(second)).toContain(targetId);
    await leave(first, second);
    const third = await CdpClient.connect(`${url}/devtools/browser`);
    expect(await targetsOf(third)).toContain(targetId);
    const stranger = await CdpClient.connect(`${cdpmux.wsUrl}name/other`);
    expect(await targetsOf(stranger)).not.toContain(targetId);
    await Promise.all([third.ask('Browser.close'), stranger.ask('Browser.close')]);
    await Promise.all([third.closed, stranger.closed]);
    expect(cdpmux.mux.stats().virtualBrowsers).toBe(0);
  });

  it.each([
    { name: 'pages', one: pageFilter, two: pageFilter },
    { name: 'tabs', one: tabFilter, two: tabFilter },
    { name: 'tabs, beside one that wants pages', one: pageFilter, two: tabFilter },
  ])('gets sessions of its own on old and new $name', async ({ one, two }) => {
    const [first, second] = await pair();
    await first.send('Target.setAutoAttach', attachBy(one, false));
    const before = attachedOf(first).length;
    await second.send('Target.setAutoAttach', attachBy(two, false));
    // all that exists has been announced by the time of the reply
    expect(attachedOf(second)).toHaveLength(before);
    await first.send('Target.createTarget', { url: 'about:blank' });
    for (const client of [first, second]) {
      await client.until(() => attachedOf(client).length === before + 1, 'a session on the new page');
    }
    const ids = [first, second].map((client) => attachedOf(client).map(({ sessionId }) => sessionId));
    expect(new Set(ids.flat()).size).toBe(2 * (before + 1));
    if (one === two) {
      const targets = [first, second].map((client) =>
        attachedOf(client).map(({ targetInfo }) => targetInfo.targetId),
      );
      expect(targets[1]).toEqual(targets[0]);
    }
    await leave(first, second);
    expect(cdpmux.mux.stats().sessions).toBe(0);
  });

  it('can’t use the sessions of the first, nor end them', async () => {
    const [first, second] = await pair();
    const { sessionId } = await first.newPage();
    expect((await second.ask('Target.detachFromTarget', { sessionId })).error).toBeDefined();
    second.raw(JSON.stringify({ id: 900, method: 'Runtime.evaluate', params: sixByNine, sessionId }));
    const { error } = await second.waitFor(({ id }) => id === 900);
    expect(error?.code).toBe(-32001);
    await runs(first, sessionId);
    await leave(first, second);
  });

  it('sees a page as attached while either has a session on it', async () => {
    const [first, second] = await pair();
    await second.send('Target.setDiscoverTargets', { discover: true });
    const { targetId } = await first.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const isAttached = async (client: CdpClient): Promise<boolean> =>
      (await client.send<{ targetInfo: { attached: boolean } }>('Target.getTargetInfo', { targetId }))
        .targetInfo.attached;
    expect(await isAttached(second)).toBe(false);
    const attach = { targetId, flatten: true };
    const { sessionId } = await first.send<{ sessionId: string }>('Target.attachToTarget', attach);
    expect(await isAttached(second)).toBe(true);
    await second.waitFor(
      ({ method, params }) =>
        method === 'Target.targetInfoChanged' &&
        JSON.stringify(params).includes(targetId) &&
        JSON.stringify(params).includes('"attached":true'),
      'the news that it is attached',
    );
    await first.send('Target.detachFromTarget', { sessionId });
    await eventually(async () => !(await isAttached(second)));
    await leave(first, second);
  });

  it.each([
    { name: 'first', filter: pageFilter, leaver: 0 },
    { name: 'second', filter: pageFilter, leaver: 1 },
    { name: 'first', filter: tabFilter, leaver: 0 },
    { name: 'second', filter: tabFilter, leaver: 1 },
  ])(
    'does not disturb the other when the $name leaves with a page that it holds',
    async ({ filter, leaver }) => {
      const clients = await pair();
      const [leaving, staying] = leaver === 0 ? clients : [clients[1], clients[0]];
      for (const client of clients) await client.send('Target.setAutoAttach', attachBy(filter));
      const { targetId } = await staying.send<{ targetId: string }>('Target.createTarget', {
        url: 'about:blank',
        ...(filter === tabFilter && { forTab: true }),
      });
      const mine = await sessionOn(staying, targetId);
      const theirs = await sessionOn(leaving, targetId);
      expect([mine, theirs].map(({ waitingForDebugger }) => waitingForDebugger)).toEqual([true, true]);
      leaving.socket.terminate();
      await leaving.closed;
      await staying.send('Runtime.runIfWaitingForDebugger', {}, mine.sessionId);
      await worksIn(staying, mine);
      // and so does the next page, which only one of them gets
      const next = await staying.send<{ targetId: string }>('Target.createTarget', {
        url: 'about:blank',
        ...(filter === tabFilter && { forTab: true }),
      });
      const session = await sessionOn(staying, next.targetId);
      await staying.send('Runtime.runIfWaitingForDebugger', {}, session.sessionId);
      await worksIn(staying, session);
      await leave(staying);
    },
  );

  /** A page answers, also where it is reached through its tab. */
  const worksIn = async (client: CdpClient, { sessionId, targetInfo }: Attached): Promise<void> => {
    if (targetInfo.type !== 'tab') return runs(client, sessionId);
    await client.send('Target.setAutoAttach', attachBy([{}], false), sessionId);
    const isPage = (message: Message): boolean =>
      message.method === 'Target.attachedToTarget' && message.sessionId === sessionId;
    const { params } = await client.waitFor(isPage, 'the page of a tab');
    return runs(client, (params as unknown as Attached).sessionId);
  };

  it('goes on when the other turns auto-attach off and detaches', async () => {
    const [first, second] = await pair();
    for (const client of [first, second]) await client.send('Target.setAutoAttach', attachBy(pageFilter));
    const { targetId } = await first.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const [mine, theirs] = await Promise.all([sessionOn(first, targetId), sessionOn(second, targetId)]);
    await second.send('Target.detachFromTarget', { sessionId: theirs.sessionId });
    await second.send('Target.setAutoAttach', {
      autoAttach: false,
      waitForDebuggerOnStart: false,
      flatten: true,
    });
    await first.send('Runtime.runIfWaitingForDebugger', {}, mine.sessionId);
    await runs(first, mine.sessionId);
    const known = attachedOf(second).length;
    const next = await second.newPage();
    const held = await sessionOn(first, next.targetId);
    await first.send('Runtime.runIfWaitingForDebugger', {}, held.sessionId);
    await runs(first, held.sessionId);
    await runs(second, next.sessionId);
    // its own attachToTarget, and no other
    expect(attachedOf(second)).toHaveLength(known + 1);
    await leave(first, second);
  });

  it('takes along only the contexts that it made to go with it', async () => {
    const [first, second] = await pair();
    const make = async (client: CdpClient, disposeOnDetach: boolean): Promise<string> =>
      (await client.send<{ browserContextId: string }>('Target.createBrowserContext', { disposeOnDetach }))
        .browserContextId;
    const kept = [await make(first, true), await make(second, false)];
    const going = await make(second, true);
    const { targetId } = await second.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
      browserContextId: going,
    });
    await second.close();
    const contexts = async (): Promise<string[]> =>
      (
        await first.send<{ browserContextIds: string[] }>('Target.getBrowserContexts')
      ).browserContextIds.sort();
    await eventually(async () => JSON.stringify(await contexts()) === JSON.stringify([...kept].sort()));
    await eventually(async () => !(await targetsOf(first)).includes(targetId));
    await leave(first);
  });

  it('is closed by Browser.close of the first, after which the id has ended', async () => {
    const [first, second] = await pair();
    const id = await idOf(first);
    expect((await first.ask('Browser.close')).result).toEqual({});
    expect(await first.closed).toMatchObject({ code: 1000 });
    expect(await second.closed).toMatchObject({ code: 1000 });
    expect(cdpmux.mux.stats()).toMatchObject({ clients: 0, virtualBrowsers: 0, contexts: 0, targets: 0 });
    await expect(CdpClient.connect(`${cdpmux.wsUrl}devtools/browser/${id}`)).rejects.toThrow('404');
  });
});

describe('a client of one page', () => {
  let cdpmux: TestCdpmux;
  let chrome: DirectChrome;

  beforeAll(async () => {
    [cdpmux, chrome] = await Promise.all([startCdpmux(), startChrome()]);
  }, 60_000);
  afterAll(async () => void (await Promise.all([cdpmux.close(), chrome.close()])));

  /** All that such a client gets from its first command to the end, when another closes the page. */
  const life = async (
    browserUrl: string,
    origin: string,
  ): Promise<{ received: Message[]; closed: number }> => {
    const browser = await CdpClient.connect(browserUrl);
    const { targetId } = await browser.send<{ targetId: string }>('Target.createTarget', {
      url: 'about:blank',
    });
    const page = await CdpClient.connect(`${origin}/devtools/page/${targetId}`);
    const commands: [string, object][] = [
      ['Runtime.evaluate', sixByNine],
      ['Page.enable', {}],
      ['Target.getTargetInfo', {}],
      ['No.such', {}],
    ];
    for (const [method, params] of commands) await page.ask(method, params);
    page.raw('{"id":50,"method":"Runtime.evaluate","sessionId":"0123456789ABCDEF0123456789ABCDEF"}');
    await page.waitFor(({ id }) => id === 50);
    await browser.send('Target.closeTarget', { targetId });
    const closed = await page.closed;
    const plain = JSON.stringify(page.received)
      .replaceAll(targetId, 'TARGET')
      .replaceAll(/"browserContextId":"\w+"/g, '"browserContextId":"CONTEXT"');
    await browser.close();
    return { received: JSON.parse(plain) as Message[], closed: closed.code };
  };

  it('gets what it gets from Chrome, to the last frame', async () => {
    const direct = await life(chrome.wsUrl, chrome.url.replace('http', 'ws'));
    const through = await life(cdpmux.wsUrl, cdpmux.url.replace('http', 'ws'));
    expect(through.received).toEqual(direct.received);
    expect(through.received.at(-1)).toMatchObject({ method: 'Inspector.detached' });
    // Chrome drops the connection without a word; a client can't mistake a proper close for a fault
    expect([direct.closed, through.closed]).toEqual([1006, 1000]);
  });

  it('is refused for a page that is none', async () => {
    const url = `${cdpmux.wsUrl}devtools/page/0123456789ABCDEF0123456789ABCDEF`;
    await expect(CdpClient.connect(url)).rejects.toThrow('404');
  });

  it('keeps the virtual browser alive after the one that opened it has gone', async () => {
    const browser = await CdpClient.connect(cdpmux.wsUrl);
    const { targetId } = await browser.newPage();
    const page = await CdpClient.connect(`${cdpmux.wsUrl}devtools/page/${targetId}`);
    await browser.close();
    await eventually(() => cdpmux.mux.stats().clients === 1);
    expect((await page.ask('Runtime.evaluate', sixByNine)).result).toMatchObject({ result: { value: 54 } });
    await page.close();
    await eventually(() => cdpmux.mux.stats().virtualBrowsers === 0);
  });
});
