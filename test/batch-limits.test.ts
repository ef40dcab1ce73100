import { afterEach, describe, expect, it } from '@jest/globals';
import { batch, newPage, ref } from './support/batch.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

let cdpmux: TestCdpmux | undefined;
let client: CdpClient;
afterEach(async () => {
  await client.close();
  await cdpmux?.close();
});

async function start(limits: Readonly<Record<string, string | number>>): Promise<void> {
  const settings = Object.entries(limits).map(([name, value]) => [`limits.${name}`, value] as const);
  cdpmux = await startCdpmux(Object.fromEntries(settings));
  client = await CdpClient.connect(cdpmux.wsUrl);
}

const version = { method: 'Browser.getVersion' };
const evaluate = (params: object): object => ({
  method: 'Runtime.evaluate',
  params: { returnByValue: true, ...params },
  sessionId: ref('1#/sessionId'),
});

describe('limits of batches', () => {
  it('are shown to who asks, and say what to do', async () => {
    await start({ 'batch.commands': 3, 'batch.timeout': 5_000 });
    const { limits } = await client.send<{ limits: object }>('Mux.getInfo');
    expect(limits).toMatchObject({ batch: { commands: 3, bytes: 64 * 1024 * 1024, timeout: 5_000 } });
    const { error } = await client.ask('Mux.batch', { commands: Array(4).fill(version) });
    expect(error?.message).toBe(
      'Invalid parameters: commands: at most 3 in one batch, not 4; send several batches, or raise the setting limits.batch.commands of cdpmux.',
    );
  });

  it('count the commands of a batch that are on their way, and the batch itself', async () => {
    await start({ pending: 3 });
    const { sessionId } = await client.newPage();
    const never = {
      method: 'Runtime.evaluate',
      params: { expression: 'new Promise(() => 0)', awaitPromise: true },
      sessionId,
    };
    const { results } = await batch(client, [never, never, never], { parallel: true, timeout: 200 });
    expect(results.map(({ error }) => error?.message)).toEqual([
      'The batch took longer than its timeout of 200 ms.',
      'The batch took longer than its timeout of 200 ms.',
      expect.stringMatching(/^3 commands of this client wait for an answer already/),
    ]);
  });

  it('keep references from making commands larger than may be', async () => {
    await start({ 'batch.bytes': '8MiB' });
    const large = (size: number) => evaluate({ expression: `"x".repeat(${size})` });
    const { results } = await batch(
      client,
      [
        ...newPage(),
        large(4e5),
        evaluate({ expression: '1', uniqueContextId: Array(30).fill(ref('2#/result/value')) }),
        { method: 'No.such', params: { text: ref('2#/result/value') } },
        large(5e6),
        evaluate({ expression: '7' }),
      ],
      { onError: 'continue' },
    );
    expect(results[2]!.result).toBeDefined();
    const over =
      /^The batches of this client would have over 8388608 bytes with what its references stand for/;
    expect(results[3]!.error?.message).toMatch(over);
    expect(results[4]!.error?.code).toBe(-32601);
    expect(results[5]!.error?.message).toMatch(/over 8388608 bytes with its answer/);
    expect(results[6]!.result).toMatchObject({ result: { value: 7 } });
  });

  it('count the bytes of all batches that run, and give them back', async () => {
    await start({ 'batch.bytes': '64KiB' });
    const { sessionId } = await client.newPage();
    const large = { method: 'No.such', params: { text: 'x'.repeat(40_000) } };
    const waits = { waitFor: { event: 'Runtime.consoleAPICalled', sessionId } };
    await client.send('Runtime.enable', {}, sessionId);
    const first = batch(client, [large, waits], { onError: 'continue' });
    const { error } = await client.ask('Mux.batch', { commands: [large] });
    expect(error?.message).toMatch(
      /^The batches of this client that run have over 65536 bytes with this one/,
    );
    await client.send('Runtime.evaluate', { expression: 'console.log(1)' }, sessionId);
    await first;
    const grows = { method: 'No.such', params: { text: Array(5_000).fill('1e20') } };
    const frame = JSON.stringify({ commands: [grows] }).replaceAll('"1e20"', '1e20');
    client.raw(`{"id":77,"method":"Mux.batch","params":${frame}}`);
    expect((await client.waitFor(({ id }) => id === 77)).error?.message).toMatch(/have over 65536 bytes/);
    for (let round = 0; round < 5; round++) expect((await batch(client, [large])).failed).toBe(0);
  });

  it('take nothing for an answer that comes when its batch is over', async () => {
    await start({ 'batch.bytes': '64KiB' });
    const { sessionId } = await client.newPage();
    const evaluated = (params: object) => ({ ...evaluate(params), sessionId });
    const promise = { expression: 'new Promise((done) => (answer = done))', awaitPromise: true };
    expect((await batch(client, [evaluated(promise)], { timeout: 100 })).failed).toBe(0);
    const resolve = { expression: 'answer("x".repeat(40_000)); 1' };
    await client.send('Runtime.evaluate', resolve, sessionId);
    const { failed } = await batch(client, [evaluated({ expression: '"x".repeat(40_000)' })]);
    expect(failed).toBeUndefined();
  });

  it('count events that are kept with what they take when they are parsed', async () => {
    await start({ 'batch.bytes': '64KiB' });
    const { sessionId } = await client.newPage();
    await client.send('Runtime.enable', {}, sessionId);
    const promise = { expression: 'new Promise((done) => (go = done))', awaitPromise: true };
    const waits = { waitFor: { event: 'Runtime.consoleAPICalled', sessionId } };
    const answer = batch(client, [{ ...evaluate(promise), sessionId }, waits]);
    const log = { expression: 'for (const n of "123") console.log(n.repeat(2_500)); go()' };
    await client.send('Runtime.evaluate', log, sessionId);
    const { params } = (await answer).results[1]!.event!;
    const [{ value }] = (params as { args: [{ value: string }] }).args;
    // of the three there is room for two, and the oldest gives way
    expect(value[0]).toBe('2');
  });

  it('hold the commands of a batch to the rate', async () => {
    await start({ commandsPerSecond: 100 });
    const { duration } = await batch(client, Array(80).fill({ method: 'Browser.getVersion' }));
    // 25 may come at once after a pause; the others take a hundredth of a second each
    expect(duration).toBeGreaterThan(400);
  });

  it('take what is nested as deeply as Chrome takes it', async () => {
    await start({});
    const nest = (depth: number): object =>
      JSON.parse('{"a":'.repeat(depth) + '1' + '}'.repeat(depth)) as object;
    const { results } = await batch(
      client,
      [
        { method: 'No.such', params: nest(200) },
        ...[0, 1].map((index) => ({ method: 'No.such', params: { x: ref(`${index}#`) } })),
      ],
      { onError: 'continue' },
    );
    expect(results[0]!.error?.code).toBe(-32601);
    const page = await batch(client, [
      ...newPage(),
      evaluate({ expression: `JSON.parse('{"a":'.repeat(400) + '1' + '}'.repeat(400))` }),
      evaluate({ expression: '1', uniqueContextId: ref('2#/result/value') }),
    ]);
    // the page's own limit, or else Chrome's parser's: never silence
    expect(page.results.slice(2).some(({ error }) => error !== undefined)).toBe(true);
  });
});
