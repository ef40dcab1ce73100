import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { batch, newPage, ref, type Answer } from './support/batch.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

let cdpmux: TestCdpmux;
let client: CdpClient;
let sessionId: string;
beforeAll(async () => void (cdpmux = await startCdpmux()));
afterAll(() => cdpmux.close());
beforeEach(async () => {
  client = await CdpClient.connect(cdpmux.wsUrl);
  ({ sessionId } = await client.newPage());
  await client.send('Runtime.enable', {}, sessionId);
});
afterEach(() => client.close());

const say = (...texts: string[]): object => ({
  method: 'Runtime.evaluate',
  params: { expression: texts.map((text) => `console.log(${JSON.stringify(text)})`).join(';') },
});
const logged = (more: object = {}): object => ({ waitFor: { event: 'Runtime.consoleAPICalled', ...more } });
const hearing = (value: string): object => ({ match: { args: [{ type: 'string', value }] } });
const heard = ({ results }: Answer): unknown[] =>
  results.flatMap(
    ({ event }) => (event?.params?.['args'] as { value: unknown }[] | undefined)?.[0]?.value ?? [],
  );
const inPage = (commands: object[], options: object = {}): Promise<Answer> =>
  batch(client, commands, options, sessionId);

describe('a step that waits for an event', () => {
  it('misses none that came before its turn', async () => {
    const answer = await inPage([
      say('one', 'two'),
      { method: 'Runtime.evaluate', params: { expression: '1' } },
      logged(hearing('two')),
      logged(hearing('one')),
    ]);
    expect(heard(answer)).toEqual(['two', 'one']);
  });

  it('takes each event once, in their order', async () => {
    expect(heard(await inPage([say('a', 'b', 'c'), logged(), logged(), logged()]))).toEqual(['a', 'b', 'c']);
    const { results } = await inPage([say('a'), logged(), { ...logged(), timeout: 60 }]);
    expect(results[2]!.error!.message).toBe('Runtime.consoleAPICalled did not come within 60 ms.');
  });

  it('takes only what came after the command that it names', async () => {
    const commands = (after: object): object[] => [say('early'), say('late'), logged(after)];
    expect(heard(await inPage(commands({})))).toEqual(['early']);
    expect(heard(await inPage(commands({ after: 0 })))).toEqual(['early']);
    expect(heard(await inPage(commands({ after: 1 })))).toEqual(['late']);
  });

  it('takes none that came before the batch', async () => {
    await client.send('Runtime.evaluate', { expression: 'console.log("before")' }, sessionId);
    const { results } = await inPage([{ ...logged(), timeout: 60 }]);
    expect(results[0]!.error).toBeDefined();
  });

  it('takes one that comes while it waits', async () => {
    const expression = 'setTimeout(() => console.log("in a while"), 30)';
    const answer = await inPage([{ method: 'Runtime.evaluate', params: { expression } }, logged()]);
    expect(heard(answer)).toEqual(['in a while']);
  });

  it('looks at the session that is meant, also at one that the batch makes', async () => {
    const page = { sessionId: ref('1#/sessionId') };
    const answer = await batch(client, [
      ...newPage(),
      { method: 'Runtime.enable', ...page },
      { ...say('elsewhere'), sessionId },
      { ...say('here'), ...page },
      logged(page),
      logged({ sessionId }),
    ]);
    expect(heard(answer)).toEqual(['here', 'elsewhere']);
  });

  it('has references in what it matches, and can be referred to', async () => {
    const answer = await inPage([
      { method: 'Runtime.evaluate', params: { expression: '"the " + "word"' } },
      say('another', 'the word'),
      logged({ match: { args: [{ value: ref('0#/result/value') }] } }),
      {
        method: 'Runtime.callFunctionOn',
        params: {
          functionDeclaration: 'function(a) { return a + "!" }',
          arguments: [{ value: ref('2#/params/args/0/value') }],
          executionContextId: ref('2#/params/executionContextId'),
        },
      },
    ]);
    expect(answer.results[3]!.result).toMatchObject({ result: { value: 'the word!' } });
  });

  it('sees what cdpmux itself tells of targets', async () => {
    await client.send('Target.setDiscoverTargets', { discover: true });
    const { results } = await batch(client, [
      { method: 'Target.createTarget', params: { url: 'about:blank' } },
      { waitFor: { event: 'Target.targetCreated', match: { targetInfo: { targetId: ref('0#/targetId') } } } },
    ]);
    expect(results[1]!.event).not.toHaveProperty('sessionId');
    expect(results[1]!.event).toMatchObject({ method: 'Target.targetCreated' });
  });

  it('sees nothing of other clients’', async () => {
    const other = await CdpClient.connect(cdpmux.wsUrl);
    const theirs = await other.newPage();
    await other.send('Runtime.enable', {}, theirs.sessionId);
    const { results } = await batch(
      client,
      [{ ...logged({ sessionId: theirs.sessionId }) }, { ...logged({ sessionId: 'F'.repeat(32) }) }],
      { onError: 'continue' },
    );
    const unknown = { code: -32001, message: 'Session with given id not found.' };
    expect(results.map(({ error }) => error)).toEqual([unknown, unknown]);
    await other.close();
  });

  it('goes on side by side with others', async () => {
    const answer = await inPage([logged(hearing('b')), logged(hearing('a')), say('a', 'b')], {
      parallel: true,
    });
    expect(heard(answer)).toEqual(['b', 'a']);
  });

  it('leaves several batches at once their own events', async () => {
    const both = [inPage([logged(hearing('x'))]), inPage([logged(hearing('y'))])];
    await inPage([say('y', 'x')]);
    expect((await Promise.all(both)).map(heard)).toEqual([['x'], ['y']]);
    expect(client.events.filter(({ method }) => method === 'Runtime.consoleAPICalled')).toHaveLength(2);
  });

  it('keeps a thousand events for its turn, and says when it dropped some', async () => {
    const expression = 'for (let i = 0; i < 1010; i++) console.log(String(i))';
    const answer = await inPage([
      { method: 'Runtime.evaluate', params: { expression } },
      logged(),
      { ...logged(hearing('3')), timeout: 60 },
    ]);
    expect(heard(answer)).toEqual(['10']);
    expect(answer.results[2]!.error!.message).toMatch(/events that came before its turn were dropped/);
  });
});
