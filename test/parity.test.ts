import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CdpClient, type Message } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { startChrome, testKind, type DirectChrome } from './support/chrome.js';

let chrome: DirectChrome;
let cdpmux: TestCdpmux;
/** Another client of the same cdpmux, at work all the time. */
let other: Other;
beforeAll(async () => {
  [chrome, cdpmux] = await Promise.all([startChrome(), startCdpmux()]);
  other = await Other.connect(cdpmux.wsUrl);
});
afterAll(async () => {
  await other.client.close();
  await Promise.all([chrome.close(), cdpmux.close()]);
});

/** A client with everything that others could try to reach. */
class Other {
  readonly client: CdpClient;
  readonly ids: Readonly<Record<'targetId' | 'sessionId' | 'browserContextId', string>>;
  readonly windowId: number;

  private constructor(client: CdpClient, ids: Other['ids'], windowId: number) {
    this.client = client;
    this.ids = ids;
    this.windowId = windowId;
  }

  static async connect(url: string): Promise<Other> {
    const client = await CdpClient.connect(url);
    const { browserContextId } = await client.send<{ browserContextId: string }>(
      'Target.createBrowserContext',
    );
    const params = { url: 'about:blank', browserContextId };
    const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', params);
    const attach = { targetId, flatten: true };
    const { sessionId } = await client.send<{ sessionId: string }>('Target.attachToTarget', attach);
    const window = await client.send<{ windowId: number }>('Browser.getWindowForTarget', { targetId });
    const cookies = [{ name: 'mine', value: 'untouched', url: 'https://other.test/' }];
    await client.send('Storage.setCookies', { cookies, browserContextId });
    return new Other(client, { targetId, sessionId, browserContextId }, window.windowId);
  }

  /** Whether its page runs, its context lives and its cookies are as they were. */
  async works(): Promise<boolean> {
    const { sessionId, browserContextId } = this.ids;
    const { result } = await this.client.send<{ result: { value: unknown } }>(
      'Runtime.evaluate',
      { expression: '6 * 7' },
      sessionId,
    );
    const { cookies } = await this.client.send<{ cookies: { value: string }[] }>('Storage.getCookies', {
      browserContextId,
    });
    return result.value === 42 && cookies.length === 1 && cookies[0]?.value === 'untouched';
  }
}

const places = ['root', 'page session', 'tab session', 'browser session', 'page socket'] as const;
type Place = (typeof places)[number];

/** A place where commands can be sent: a socket, and the session to name in frames, if any. */
interface Spot {
  readonly client: CdpClient;
  readonly sessionId: string | undefined;
  close(): Promise<void>;
}

async function openSpot(base: string, wsUrl: string, place: Place): Promise<Spot> {
  const client = await CdpClient.connect(wsUrl);
  const { targetId } = await client.send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
  const attach = async (id: string) =>
    (await client.send<{ sessionId: string }>('Target.attachToTarget', { targetId: id, flatten: true }))
      .sessionId;
  const spot = async (): Promise<{ client: CdpClient; sessionId: string | undefined }> => {
    switch (place) {
      case 'root':
        return { client, sessionId: undefined };
      case 'page session':
        return { client, sessionId: await attach(targetId) };
      case 'tab session':
        return { client, sessionId: await attach(await newestTab(client)) };
      case 'browser session':
        return {
          client,
          sessionId: (await client.send<{ sessionId: string }>('Target.attachToBrowserTarget')).sessionId,
        };
      case 'page socket':
        return {
          client: await CdpClient.connect(`${base.replace('http', 'ws')}/devtools/page/${targetId}`),
          sessionId: undefined,
        };
    }
  };
  const opened = await spot();
  return {
    ...opened,
    close: async () => {
      if (opened.client !== client) await opened.client.close();
      await client.ask('Target.closeTarget', { targetId });
      await client.close();
    },
  };
}

async function newestTab(client: CdpClient): Promise<string> {
  const { targetInfos } = await client.send<{ targetInfos: { targetId: string }[] }>('Target.getTargets', {
    filter: [{ type: 'tab' }],
  });
  return targetInfos[0]!.targetId;
}

const direct = (place: Place) => openSpot(chrome.url, chrome.wsUrl, place);
const through = (place: Place) => openSpot(cdpmux.url, cdpmux.wsUrl, place);

let lastMarker = 1_000_000;

/** Sends frames and then a normal command; gives every message up to that command's reply, which must succeed. */
async function answersTo({ client, sessionId }: Spot, place: Place, frames: readonly string[]) {
  const from = client.received.length;
  const id = ++lastMarker;
  for (const frame of frames) client.raw(frame);
  const isRoot = place === 'root' || place === 'browser session';
  const method = isRoot
    ? 'Browser.getVersion'
    : place === 'tab session'
      ? 'Target.getTargetInfo'
      : 'Runtime.evaluate';
  client.raw(
    JSON.stringify({
      id,
      method,
      params: isRoot || place === 'tab session' ? {} : { expression: '1' },
      sessionId,
    }),
  );
  const marker = await client.waitFor((message) => message.id === id, 'the command after a bad frame');
  if (marker.error) throw new Error(marker.error.message);
  const answers = client.received.slice(from).filter((message) => message !== marker);
  return answers.map((message) => plain(message, sessionId));
}

/** The message as text, with its order of members, and with names for ids that differ by nature. */
function plain(message: Message, sessionId: string | undefined): string {
  const text = JSON.stringify(message);
  return (sessionId === undefined ? text : text.replaceAll(sessionId, '<session>')).replaceAll(
    /Chrome\/[\d.]+/g,
    'Chrome/<version>',
  );
}

const version = '"method":"Browser.getVersion"';
const deep = (open: string, close: string, depth: number) =>
  `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`;

/** Frames that are wrong, or look so; `s` is `,"sessionId":"…"` in a session. */
const frames: Readonly<Record<string, (s: string) => string>> = {
  'not JSON': () => 'hello',
  'half of a frame': (s) => `{"id":1,${version}${s}`,
  'trailing comma': (s) => `{"id":1,${version}${s},}`,
  'trailing text': (s) => `{"id":1,${version}${s}} x`,
  comment: (s) => `{"id":1/**/,${version}${s}}`,
  empty: () => '',
  'white space': () => ' \n',
  'an array': () => '[]',
  'an array of one command': (s) => `[{"id":1,${version}${s}}]`,
  'a number': () => '1',
  'a text': () => '"Browser.getVersion"',
  null: () => 'null',
  'an empty object': () => '{}',
  'missing id': (s) => `{${version}${s}}`,
  'text id': (s) => `{"id":"1",${version}${s}}`,
  'null id': (s) => `{"id":null,${version}${s}}`,
  'fractional id': (s) => `{"id":12.5,${version}${s}}`,
  'small id': (s) => `{"id":1e-1,${version}${s}}`,
  'id with exponent': (s) => `{"id":1.0e3,"method":"No.such"${s}}`,
  'id of 12.0': (s) => `{"id":12.0,"method":"No.such"${s}}`,
  'largest id': (s) => `{"id":2147483647,"method":"No.such"${s}}`,
  'id too large': (s) => `{"id":2147483648,${version}${s}}`,
  'negative id': (s) => `{"id":-12345,"method":"No.such"${s}}`,
  'most negative id': (s) => `{"id":-2147483648,"method":"No.such"${s}}`,
  'minus zero': (s) => `{"id":-0,"method":"No.such"${s}}`,
  'missing method': (s) => `{"id":1${s}}`,
  'empty method': (s) => `{"id":1,"method":""${s}}`,
  'method a number': (s) => `{"id":1,"method":7${s}}`,
  'method null': (s) => `{"id":1,"method":null${s}}`,
  'method an object': (s) => `{"id":1,"method":{}${s}}`,
  'unknown domain': (s) => `{"id":1,"method":"No.such"${s}}`,
  'unknown method': (s) => `{"id":1,"method":"Target.noSuch"${s}}`,
  'method without domain': (s) => `{"id":1,"method":"getVersion"${s}}`,
  'method with quotes': (s) => `{"id":1,"method":"a\\"b\\\\c.d"${s}}`,
  'method beyond ASCII': (s) => `{"id":1,"method":"No.süch"${s}}`,
  'unknown session': () => `{"id":1,${version},"sessionId":"0123456789ABCDEF0123456789ABCDEF"}`,
  'unknown session of no form': () => `{"id":1,${version},"sessionId":"nobody"}`,
  'empty session': () => `{"id":1,"method":"No.such","sessionId":""}`,
  'session a number': () => `{"id":1,${version},"sessionId":5}`,
  'session null': () => `{"id":1,${version},"sessionId":null}`,
  'unknown property': (s) => `{"id":1,${version}${s},"x":1}`,
  'unknown property first': (s) => `{"x":1,"id":1,${version}${s}}`,
  jsonrpc: (s) => `{"jsonrpc":"2.0","id":1,${version}${s}}`,
  'params null': (s) => `{"id":1,"method":"Target.setDiscoverTargets","params":null${s}}`,
  'params an array': (s) => `{"id":1,"method":"Target.setDiscoverTargets","params":[]${s}}`,
  'params a text': (s) => `{"id":1,"method":"Target.setDiscoverTargets","params":"x"${s}}`,
  'params a number': (s) => `{"id":1,"method":"Target.setDiscoverTargets","params":1${s}}`,
  'params missing': (s) => `{"id":1,"method":"Target.setDiscoverTargets"${s}}`,
  'params of a wrong type': (s) => `{"id":1,"method":"Target.closeTarget","params":{"targetId":5}${s}}`,
  'params without the one needed': (s) => `{"id":1,"method":"Target.attachToTarget","params":{}${s}}`,
  'auto-attach without parameters': (s) => `{"id":1,"method":"Target.setAutoAttach","params":{}${s}}`,
  'auto-attach with a wrong type': (s) =>
    `{"id":1,"method":"Target.setAutoAttach","params":{"autoAttach":1,"waitForDebuggerOnStart":"x","flatten":true}${s}}`,
  'a filter that is none': (s) =>
    `{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true,"filter":[{"type":5}]}${s}}`,
  'a filter of null': (s) =>
    `{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true,"filter":null}${s}}`,
  'auto-attach off with a filter': (s) =>
    `{"id":1,"method":"Target.setAutoAttach","params":{"autoAttach":false,"waitForDebuggerOnStart":false,"flatten":true,"filter":[{}]}${s}}`,
  'auto-attach with flatten a number': (s) =>
    `{"id":1,"method":"Target.setAutoAttach","params":{"autoAttach":true,"waitForDebuggerOnStart":false,"flatten":1}${s}}`,
  'auto-attach off without flatten': (s) =>
    `{"id":1,"method":"Target.setAutoAttach","params":{"autoAttach":false,"waitForDebuggerOnStart":false}${s}}`,
  'a filter when disabling': (s) =>
    `{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":false,"filter":[{}]}${s}}`,
  'id twice': (s) => `{"id":1,"id":2,${version}${s}}`,
  'method twice': (s) => `{"id":1,${version},${version}${s}}`,
  'params twice': (s) => `{"id":1,${version},"params":{},"params":{}${s}}`,
  'a parameter twice': (s) =>
    `{"id":1,"method":"Target.setDiscoverTargets","params":{"discover":true,"discover":false}${s}}`,
  'session twice': (s) => `{"id":1,${version}${s}${s}}`,
  'arrays 290 deep': (s) => `{"id":1,"method":"No.such","params":${deep('[', ']', 290)}${s}}`,
  'arrays 400 deep': (s) => `{"id":1,"method":"No.such","params":${deep('[', ']', 400)}${s}}`,
  'objects 400 deep': (s) => `{"id":1,"method":"No.such","params":${deep('{"a":', '}', 400)}${s}}`,
  'raw new line in a text': (s) => `{"id":1,"method":"No.such","params":{"a":"b\nc"}${s}}`,
  'raw vertical tab': (s) => `{\v"id":1,"method":"No.such"${s}}`,
  'wrong escape': (s) => `{"id":1,"method":"No.such","params":{"a":"\\q"}${s}}`,
};

describe.each(places)('in a %s', (place) => {
  it('answers bad frames as Chrome does', async () => {
    const [mine, chromes] = await Promise.all([through(place), direct(place)]);
    const got: Record<string, string[]> = {};
    const expected: Record<string, string[]> = {};
    for (const [what, frame] of Object.entries(frames)) {
      const at = ({ sessionId }: Spot) => frame(sessionId === undefined ? '' : `,"sessionId":"${sessionId}"`);
      expected[what] = await answersTo(chromes, place, [at(chromes)]);
      got[what] = await answersTo(mine, place, [at(mine)]);
      expect([what, await other.works()]).toEqual([what, true]);
    }
    expect(got).toEqual(expected);
    const answered = Object.entries(expected).filter(([, answers]) => answers.length > 0);
    expect(answered.length).toBe(Object.keys(frames).length);
    await Promise.all([mine.close(), chromes.close()]);
  });

  it('answers two commands of one id as Chrome does', async () => {
    const [mine, chromes] = await Promise.all([through(place), direct(place)]);
    const twice = ({ sessionId }: Spot) => {
      const frame = JSON.stringify({
        id: 7,
        method: 'Target.activateTarget',
        params: { targetId: 'x' },
        sessionId,
      });
      return [frame, frame];
    };
    const expected = await answersTo(chromes, place, twice(chromes));
    expect(await answersTo(mine, place, twice(mine))).toEqual(expected);
    expect(expected).toHaveLength(2);
    expect(await other.works()).toBe(true);
    await Promise.all([mine.close(), chromes.close()]);
  });

  it('answers ids of another client as Chrome answers ids that do not exist', async () => {
    const [mine, chromes] = await Promise.all([through(place), direct(place)]);
    const got: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};
    for (const [method, param, more = {}] of foreign) {
      const key = `${method} ${param}`;
      const theirs = param === 'windowId' ? other.windowId : other.ids[param];
      const never = param === 'windowId' ? 1_234_567_890 : neverId(theirs as string);
      const name = (id: string | number, { error, result }: Message) =>
        error
          ? { ...error, message: error.message.replaceAll(String(id), '<id>') }
          : { result: JSON.parse(JSON.stringify(result).replaceAll(String(id), '<id>')) as unknown };
      expected[key] =
        method === 'Browser.getWindowForTarget' && testKind() === 'shell'
          ? // it would die of it
            { code: -32000, message: 'No web contents for the given target id' }
          : name(never, await chromes.client.ask(method, { ...more, [param]: never }, chromes.sessionId));
      got[key] = name(theirs, await mine.client.ask(method, { ...more, [param]: theirs }, mine.sessionId));
    }
    expect(got).toEqual(expected);
    expect(await other.works()).toBe(true);
    await Promise.all([mine.close(), chromes.close()]);
  });

  it('drops the connection on a binary frame as Chrome does', async () => {
    const [mine, chromes] = await Promise.all([through(place), direct(place)]);
    for (const { client } of [mine, chromes]) client.raw(Buffer.from(`{"id":1,${version}}`), true);
    expect(await mine.client.closed).toEqual(await chromes.client.closed);
    expect((await mine.client.closed).code).toBe(1006);
    expect(await other.works()).toBe(true);
  });
});

describe('a page that is still at work on a command', () => {
  const slow = { expression: 'new Promise((done) => (globalThis.done = done))', awaitPromise: true };
  const frames = ({ sessionId }: Spot) =>
    [
      { id: 7, method: 'Runtime.evaluate', params: slow },
      { id: 7, method: 'Runtime.evaluate', params: { expression: '"second"' } },
      { id: 8, method: 'Runtime.evaluate', params: { expression: 'done("first")' } },
    ].map((command) => JSON.stringify({ ...command, sessionId }));
  // Chrome says that the id is taken, runs it all the same, and never answers the first
  it('answers a further command of the same id, and the first as well', async () => {
    const [mine, chromes] = await Promise.all([through('page session'), direct('page session')]);
    const values = (answers: readonly string[]) =>
      answers
        .map((text) => JSON.parse(text) as Message)
        .map(({ id, result, error }) => [id, result?.['result'] ?? error]);
    const string = (value: string) => ({ type: 'string', value });
    const undefinedValue = { type: 'undefined' };
    const duplicate = { code: -32600, message: 'Duplicate `id` in protocol request' };
    expect(values(await answersTo(chromes, 'page session', frames(chromes)))).toEqual([
      [7, duplicate],
      [7, string('second')],
      [8, undefinedValue],
    ]);
    expect(values(await answersTo(mine, 'page session', frames(mine)))).toEqual([
      [7, string('second')],
      [7, string('first')],
      [8, undefinedValue],
    ]);
    await Promise.all([mine.close(), chromes.close()]);
  });
});

describe('a message over limits.message', () => {
  it('closes the client that sent it with 1009, and no other', async () => {
    const small = await startCdpmux({ 'limits.message': 4096 });
    try {
      const [mine, neighbour] = await Promise.all([
        CdpClient.connect(small.wsUrl),
        Other.connect(small.wsUrl),
      ]);
      const frame = (bytes: number) => {
        const start = `{"id":1,"method":"Browser.getVersion","params":{"a":"`;
        return `${start}${'x'.repeat(bytes - start.length - 3)}"}}`;
      };
      mine.raw(frame(4096));
      expect(await mine.waitFor(({ id }) => id === 1)).toHaveProperty('result.product');
      mine.raw(frame(4097));
      expect((await mine.closed).code).toBe(1009);
      expect((await mine.closed).reason).toContain('limits.message');
      expect(await neighbour.works()).toBe(true);
    } finally {
      await small.close();
    }
  });
});

type Param = keyof Other['ids'] | 'windowId';
const origin = 'https://other.test';
const cookie = { name: 'mine', value: 'touched', url: `${origin}/` };

/** Commands that name something by id. */
const foreign: readonly (readonly [method: string, param: Param, more?: object])[] = [
  ['Target.closeTarget', 'targetId'],
  ['Target.activateTarget', 'targetId'],
  ['Target.attachToTarget', 'targetId', { flatten: true }],
  ['Target.getTargetInfo', 'targetId'],
  ['Target.detachFromTarget', 'targetId'],
  ['Target.detachFromTarget', 'sessionId'],
  ['Target.autoAttachRelated', 'targetId', { waitForDebuggerOnStart: false }],
  ['Target.createTarget', 'browserContextId', { url: 'about:blank' }],
  ['Target.disposeBrowserContext', 'browserContextId'],
  ['Storage.getCookies', 'browserContextId'],
  ['Storage.setCookies', 'browserContextId', { cookies: [cookie] }],
  ['Storage.clearCookies', 'browserContextId'],
  ['Browser.getWindowForTarget', 'targetId'],
  ['Browser.getWindowBounds', 'windowId'],
  ['Browser.setWindowBounds', 'windowId', { bounds: { width: 500 } }],
  ['Browser.setContentsSize', 'windowId', { width: 500, height: 500 }],
  ['Browser.setDownloadBehavior', 'browserContextId', { behavior: 'deny' }],
  ['Browser.cancelDownload', 'browserContextId', { guid: randomUUID() }],
  ['Browser.grantPermissions', 'browserContextId', { permissions: ['geolocation'], origin }],
  ['Browser.resetPermissions', 'browserContextId'],
  ['Browser.setPermission', 'browserContextId', { permission: { name: 'geolocation' }, setting: 'granted' }],
];

function neverId(like: string): string {
  const uuid = randomUUID();
  return like.includes('-') ? uuid : uuid.replaceAll('-', '').toUpperCase();
}
