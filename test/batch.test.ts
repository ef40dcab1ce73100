import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { batch, newPage, outcomes, ref } from './support/batch.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

let cdpmux: TestCdpmux;
let client: CdpClient;
beforeAll(async () => void (cdpmux = await startCdpmux()));
afterAll(() => cdpmux.close());
beforeEach(async () => void (client = await CdpClient.connect(cdpmux.wsUrl)));
afterEach(() => client.close());

const page = { sessionId: ref('1#/sessionId') };
const evaluate = (expression: string, more: object = {}): object => ({
  method: 'Runtime.evaluate',
  params: { expression, returnByValue: true, ...more },
  ...page,
});

describe('Mux.batch', () => {
  it('runs commands in order, each with what earlier ones gave, and answers once', async () => {
    const answer = await batch(client, [
      ...newPage(),
      { method: 'Page.enable', ...page },
      { method: 'Page.navigate', params: { url: 'data:text/html,<title>in one</title>' }, ...page },
      { waitFor: { event: 'Page.loadEventFired', ...page, after: 3 } },
      evaluate('document.title'),
    ]);
    expect(answer.failed).toBeUndefined();
    expect(answer.results).toHaveLength(6);
    expect(answer.results[5]!.result).toMatchObject({ result: { value: 'in one' } });
    const starts = answer.results.map(({ start }) => start!);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    for (const { start, duration, result } of answer.results) {
      if (result) expect(duration).toBeGreaterThan(0);
      expect(start! + duration!).toBeLessThanOrEqual(answer.duration + 0.01);
    }
    // the events came beside it, and before the answer
    const { sessionId } = answer.results[1]!.result as { sessionId: string };
    expect(answer.results[4]!.event).toMatchObject({ method: 'Page.loadEventFired', sessionId });
    const at = client.received.findIndex(({ method }) => method === 'Page.loadEventFired');
    expect(client.received[at]).toEqual(answer.results[4]!.event);
    expect(at).toBeLessThan(client.received.findIndex(({ result }) => result && 'results' in result));
  });

  it('gives what the same commands give singly', async () => {
    const { sessionId } = await client.newPage();
    const commands = [
      { method: 'Browser.getVersion' },
      { method: 'Target.getTargetInfo' },
      {
        method: 'Runtime.evaluate',
        params: { expression: '[1.50,1e21,"é\\u2028"]', returnByValue: true },
        sessionId,
      },
      { method: 'Runtime.evaluate', params: {}, sessionId },
      { method: 'No.such' },
      { method: 'Mux.getInfo' },
      { method: 'DOM.getDocument', sessionId: 'F'.repeat(32) },
      { method: 'Target.closeTarget', params: { targetId: 'F'.repeat(32) } },
      { method: 'Target.getBrowserContexts' },
    ];
    const singly: object[] = [];
    for (const { method, params, sessionId: session } of commands as {
      method: string;
      params?: object;
      sessionId?: string;
    }[]) {
      const id = 1_000_000 + singly.length;
      client.raw(JSON.stringify({ id, method, params, sessionId: session }));
      const { result, error } = await client.waitFor((message) => message.id === id);
      singly.push(result ? { result } : { error });
    }
    expect(outcomes(await batch(client, commands, { onError: 'continue' }))).toEqual(singly);
    expect(outcomes(await batch(client, commands, { onError: 'continue', parallel: true }))).toEqual(singly);
  });

  it('has its own session where a command names none, and the root where it is empty', async () => {
    const { sessionId } = await client.newPage('data:text/html,<title>mine</title>');
    const read = { method: 'Runtime.evaluate', params: { expression: '1' } };
    const { results } = await batch(
      client,
      [read, { ...read, sessionId: '' }, { method: 'Target.getTargets', sessionId: '' }],
      { onError: 'continue' },
      sessionId,
    );
    expect(results[0]!.result).toMatchObject({ result: { value: 1 } });
    expect(results[1]!.error).toMatchObject({ code: -32601 });
    expect(results[2]!.result).toHaveProperty('targetInfos');
  });

  it('works for a client that speaks to one page', async () => {
    const named = await CdpClient.connect(`${cdpmux.wsUrl}name/batch/`);
    const { targetId } = await named.newPage();
    const ofPage = await CdpClient.connect(`${cdpmux.wsUrl}devtools/page/${targetId}`);
    const { results } = await batch(ofPage, [
      { method: 'Page.enable' },
      { method: 'Page.navigate', params: { url: 'data:text/html,<title>bare</title>' } },
      { waitFor: { event: 'Page.loadEventFired' } },
      { method: 'Runtime.evaluate', params: { expression: 'document.title' } },
    ]);
    expect(results[3]!.result).toMatchObject({ result: { value: 'bare' } });
    await Promise.all([named.close(), ofPage.close()]);
  });

  it('stops at a command that fails, unless it is to go on', async () => {
    const commands = [
      { method: 'Browser.getVersion' },
      { method: 'No.such' },
      { method: 'Browser.getVersion' },
      { method: 'Target.closeTarget', params: { targetId: ref('1#/targetId') } },
    ];
    const stopped = await batch(client, commands);
    expect(stopped.failed).toBe(1);
    expect(stopped.results[0]).toHaveProperty('result');
    expect(stopped.results[1]!.error).toEqual({ code: -32601, message: "'No.such' wasn't found" });
    expect(stopped.results[2]).toEqual({
      error: { code: -32000, message: "Not run: command 1 failed, and onError is 'stop'." },
    });
    const whole = await batch(client, commands, { onError: 'continue' });
    expect(whole.failed).toBe(1);
    expect(whole.results[2]).toHaveProperty('result');
    expect(whole.results[3]!.error!.message).toBe('1#/targetId: command 1 failed.');
  });

  it('says where a reference leads nowhere', async () => {
    const { results } = await batch(
      client,
      [
        { method: 'Target.getTargets' },
        { method: 'Target.closeTarget', params: { targetId: ref('0#/targetInfos/9/targetId') } },
        { method: 'Target.closeTarget', params: { targetId: ref('0#/__proto__') } },
        { method: 'Browser.getVersion', sessionId: ref('0#/targetInfos') },
      ],
      { onError: 'continue' },
    );
    expect(results.slice(1).map(({ error }) => error?.message)).toEqual([
      "0#/targetInfos/9/targetId leads nowhere: command 0 has no '9' there in what it gave.",
      "0#/__proto__ leads nowhere: command 0 has no '__proto__' there in what it gave.",
      '0#/targetInfos is not the id of a session, which would be a text.',
    ]);
  });

  it('puts results of any kind and depth where they are referred to', async () => {
    const value = { a: [1, { 'b/c~d': 'é"\\' }], $ref: 'no reference', __proto__x: null };
    const { results } = await batch(client, [
      ...newPage(),
      evaluate(`(${JSON.stringify(value)})`),
      { method: 'Runtime.evaluate', params: { expression: 'globalThis' }, ...page },
      {
        method: 'Runtime.callFunctionOn',
        params: {
          functionDeclaration: 'function(...all) { return all }',
          objectId: ref('3#/result/objectId'),
          arguments: [
            { value: ref('2#/result/value') },
            { value: ref('2#/result/value/a/1/b~1c~0d') },
            { value: { $ref: '#/definitions/x' } },
          ],
          returnByValue: true,
        },
        ...page,
      },
    ]);
    expect(results[4]!.result).toMatchObject({
      result: { value: [value, value.a[1] && 'é"\\', { $ref: '#/definitions/x' }] },
    });
  });

  it('sends commands side by side with parallel, each as soon as what it refers to is there', async () => {
    const { sessionId } = await client.newPage();
    const waits = {
      method: 'Runtime.evaluate',
      params: { expression: 'new Promise((go) => (globalThis.go = go))', awaitPromise: true },
      sessionId,
    };
    const answer = await batch(
      client,
      [
        waits,
        { method: 'Runtime.evaluate', params: { expression: 'go(5)' }, sessionId },
        ...newPage().slice(0, 1),
      ],
      { parallel: true },
    );
    // in order the first would wait for ever for the second
    expect(answer.results[0]!.result).toMatchObject({ result: { value: 5 } });
    expect(answer.results[2]!.result).toHaveProperty('targetId');
  });

  it('answers when its time is over, with what there is', async () => {
    const { sessionId } = await client.newPage();
    const never = {
      method: 'Runtime.evaluate',
      params: { expression: 'new Promise(() => 0)', awaitPromise: true },
    };
    const answer = await batch(
      client,
      [{ method: 'Browser.getVersion', sessionId: '' }, never, never],
      { timeout: 300 },
      sessionId,
    );
    expect(answer.results[0]).toHaveProperty('result');
    expect(answer.results[1]!.error!.message).toBe('The batch took longer than its timeout of 300 ms.');
    expect(answer.results[2]!.error!.message).toBe(
      'Not run: The batch took longer than its timeout of 300 ms.',
    );
    expect(answer.failed).toBe(1);
    expect(answer.duration).toBeGreaterThanOrEqual(290);
  });

  it('answers before the socket closes, when one of its commands closes the browser', async () => {
    const other = await CdpClient.connect(cdpmux.wsUrl);
    const { results } = await batch(other, [{ method: 'Browser.close' }, { method: 'Browser.getVersion' }]);
    expect(results[0]).toMatchObject({ result: {} });
    expect(results[1]!.error!.message).toBe('Not run: closed by Browser.close');
    expect(await other.closed).toEqual({ code: 1000, reason: 'closed by Browser.close' });
  });

  it('does not go on when its client has gone', async () => {
    const other = await CdpClient.connect(`${cdpmux.wsUrl}name/gone/`);
    const { sessionId } = await other.newPage();
    const watcher = await CdpClient.connect(`${cdpmux.wsUrl}name/gone/`);
    const goes = { expression: 'new Promise((go) => (globalThis.go = () => go(1)))', awaitPromise: true };
    const commands = [
      { method: 'Runtime.evaluate', params: goes, sessionId },
      { method: 'Target.createTarget', params: { url: 'about:blank' } },
    ];
    other.raw(JSON.stringify({ id: 900, method: 'Mux.batch', params: { commands } }));
    await other.send('Runtime.evaluate', { expression: '1' }, sessionId);
    const before = await watcher.send<{ targetInfos: unknown[] }>('Target.getTargets');
    other.socket.terminate();
    await other.closed;
    const { targetInfos } = before as { targetInfos: { targetId: string; type: string }[] };
    const { targetId } = targetInfos.find(({ type }) => type === 'page')!;
    const attach = { targetId, flatten: true };
    for (const info of targetInfos.filter(({ type }) => type === 'page')) {
      const { sessionId: same } = await watcher.send<{ sessionId: string }>('Target.attachToTarget', {
        ...attach,
        targetId: info.targetId,
      });
      await watcher.send('Runtime.evaluate', { expression: 'globalThis.go?.()' }, same);
    }
    const after = await watcher.send<{ targetInfos: unknown[] }>('Target.getTargets');
    expect(after.targetInfos).toHaveLength(before.targetInfos.length);
    await watcher.close();
  });

  it('gives the same id’s answers to a batch and to a command of its own rightly', async () => {
    const { sessionId } = await client.newPage();
    const commands = [{ method: 'Runtime.evaluate', params: { expression: '"in the batch"' }, sessionId }];
    client.raw(JSON.stringify({ id: 1, method: 'Mux.batch', params: { commands } }));
    client.raw(JSON.stringify({ id: 1, method: 'Mux.getInfo' }));
    const ofOne = () =>
      client.received.filter(({ id, result }) => id === 1 && result && !('targetId' in result));
    await client.until(() => ofOne().length >= 2, 'two answers');
    expect(ofOne().filter(({ result }) => 'results' in result!)).toHaveLength(1);
    expect(ofOne().filter(({ result }) => 'virtualBrowserId' in result!)).toHaveLength(1);
  });

  it.each([
    [{}, 'commands: a list of commands is needed'],
    [{ commands: [1] }, 'commands[0]: an object is needed'],
    [{ commands: [{}] }, 'commands[0].method: the name of a command is needed, or waitFor in its place'],
    [
      { commands: [{ method: 'A.b', id: 1 }] },
      'commands[0]: has id, but only method, params, sessionId may be there',
    ],
    [{ commands: [{ method: 'A.b', params: 1 }] }, 'commands[0].params: an object is needed'],
    [
      { commands: [{ method: 'A.b', params: { x: ref('0#/a') } }] },
      'commands[0]: refers to 0#/a, but only results of earlier commands are there by then',
    ],
    [
      { commands: [{ method: 'A.b', sessionId: 1 }] },
      'commands[0].sessionId: an id, or a reference such as {"$ref":"1#/sessionId"}',
    ],
    [
      { commands: [{ method: 'Mux.batch' }] },
      "commands[0]: a batch can't hold another; send that one beside",
    ],
    [{ commands: [{ waitFor: {} }] }, 'commands[0].waitFor.event: the name of an event is needed'],
    [
      { commands: [{ waitFor: { event: 'A.b', after: 0 } }] },
      'commands[0].waitFor.after: the number of an earlier command, the first of which is 0',
    ],
    [{ commands: [], onError: 'panic' }, "onError: either 'stop' or 'continue'"],
    [{ commands: [], parallel: 1 }, 'parallel: either true or false'],
    [
      { commands: [], timeout: 1e9 },
      'timeout: 0 to 300000 ms (the longest is the setting limits.batch.timeout of cdpmux)',
    ],
    [
      { commands: [], more: 1 },
      'params: has more, but only commands, onError, parallel, timeout may be there',
    ],
  ])('refuses %j and says why', async (params, why) => {
    const { error } = await client.ask('Mux.batch', params);
    expect(error).toEqual({ code: -32602, message: `Invalid parameters: ${why}.` });
  });

  it('answers an empty batch with nothing', async () => {
    expect(await batch(client, [])).toEqual({ results: [], duration: expect.any(Number) });
  });
});
