import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { batch, outcomes } from './support/batch.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

/** `npm run fuzz:batches` looks longer. */
const numRuns = Number(process.env['CDPMUX_FUZZ_RUNS'] ?? 25);

let cdpmux: TestCdpmux;
let client: CdpClient;
let sessionId: string;
beforeAll(async () => {
  cdpmux = await startCdpmux({ 'limits.batch.timeout': '2s' });
  client = await CdpClient.connect(cdpmux.wsUrl);
  ({ sessionId } = await client.newPage());
});
afterAll(async () => {
  await client.close();
  await cdpmux.close();
});

interface Plain {
  readonly method: string;
  readonly params?: object;
  readonly sessionId?: unknown;
}

/** Commands whose answers depend on nothing but their parameters. */
const plain: fc.Arbitrary<Plain> = fc.oneof(
  fc.constant({ method: 'Target.getBrowserContexts' }),
  fc.constant({ method: 'Browser.getVersion' }),
  fc.constant({ method: 'No.such' }),
  fc.json().map((text) => ({
    method: 'Runtime.evaluate',
    params: { expression: `(${text})`, returnByValue: true },
    sessionId: 'the page',
  })),
  fc.constant({ method: 'Runtime.evaluate', params: {}, sessionId: 'the page' }),
  fc.string().map((id) => ({ method: 'Target.closeTarget', params: { targetId: id } })),
  fc.string().map((id) => ({ method: 'DOM.enable', sessionId: `no ${id}` })),
);

/** A command that has a part of an earlier one's result as its parameter. */
const dependent = fc.record({
  of: fc.nat(9),
  pointer: fc.constantFrom('', '/result', '/result/value', '/x'),
});

const sequence = fc.array(fc.oneof({ weight: 3, arbitrary: plain }, dependent), { maxLength: 10 });

/** The same commands as `Mux.batch` has them, with the earlier command that each refers to. */
function commandsOf(drawn: readonly (Plain | { of: number; pointer: string })[]): Plain[] {
  return drawn.map((one, index): Plain => {
    if ('method' in one) return one.sessionId === 'the page' ? { ...one, sessionId } : one;
    if (index === 0) return { method: 'No.such' };
    const value = { $ref: `${one.of % index}#${one.pointer}` };
    return { method: 'Runtime.evaluate', params: { expression: '1', uniqueContextId: value }, sessionId };
  });
}

/** What the client would do itself: one after the other, each with what came before. */
async function singly(commands: readonly Plain[]): Promise<object[]> {
  const done: { result?: unknown; error?: unknown }[] = [];
  for (const command of commands) {
    const reference = JSON.stringify(command.params ?? {}).match(/"\$ref":"(\d+)#([^"]*)"/);
    const { result: earlier } = reference ? done[Number(reference[1])]! : {};
    const path = reference?.[2]?.split('/').slice(1) ?? [];
    const value = path.reduce<unknown>(
      (part, name) =>
        typeof part === 'object' && part !== null && Object.hasOwn(part, name)
          ? (part as Record<string, unknown>)[name]
          : undefined,
      earlier,
    );
    if (reference && value === undefined) {
      done.push({ error: expect.objectContaining({ code: -32000 }) });
      continue;
    }
    const params = reference ? { expression: '1', uniqueContextId: value } : command.params;
    const id = nextId++;
    client.raw(JSON.stringify({ id, ...command, params }));
    const { result, error } = await client.waitFor((message) => message.id === id, command.method);
    done.push(result ? { result } : { error });
  }
  return done;
}
let nextId = 1_000_000;

describe('batches made up at random', () => {
  it('give what their commands give singly, in order and side by side', async () => {
    const options = { onError: 'continue' };
    await fc.assert(
      fc.asyncProperty(sequence, fc.boolean(), async (drawn, parallel) => {
        const commands = commandsOf(drawn);
        const expected = await singly(commands);
        expect(outcomes(await batch(client, commands, { ...options, parallel }))).toEqual(expected);
        client.received.splice(0);
      }),
      { numRuns },
    );
  }, 300_000);

  it('are answered whatever they hold, and leave nothing behind', async () => {
    const sessions = fc.oneof(fc.constant(undefined), fc.constant(''), fc.jsonValue());
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({ method: fc.string(), params: fc.jsonValue(), sessionId: sessions }, { requiredKeys: [] }),
      fc.record({
        method: fc.constantFrom('Browser.getVersion', 'Target.getTargets', 'Mux.getInfo', 'Mux.batch', '\0'),
        params: fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.constant({ $ref: '0#' }))),
      }),
      fc.record({
        waitFor: fc.record({
          event: fc.string({ minLength: 1 }),
          match: fc.dictionary(fc.string(), fc.jsonValue()),
        }),
        timeout: fc.integer({ min: -1, max: 5 }),
      }),
    );
    const params = fc.record(
      {
        commands: fc.oneof({ weight: 9, arbitrary: fc.array(anything, { maxLength: 6 }) }, fc.jsonValue()),
        onError: fc.constantFrom('stop', 'continue', 'x'),
        parallel: fc.oneof(fc.boolean(), fc.boolean(), fc.jsonValue()),
        timeout: fc.oneof(fc.integer({ min: 0, max: 500 }), fc.jsonValue()),
      },
      { requiredKeys: ['commands'] },
    );
    const of = (value: unknown): number => (Array.isArray(value) ? value.length : -1);
    await fc.assert(
      fc.asyncProperty(params, async (some) => {
        const { result, error } = await client.ask('Mux.batch', some);
        if (error) expect([-32602, -32000]).toContain(error.code);
        else expect(of(result?.['results'])).toBe(of(some.commands));
        client.received.splice(0);
      }),
      { numRuns },
    );
    expect(cdpmux.mux.stats().pendingCommands).toBe(0);
    expect(await client.send('Runtime.evaluate', { expression: '1' }, sessionId)).toHaveProperty('result');
  }, 300_000);
});
