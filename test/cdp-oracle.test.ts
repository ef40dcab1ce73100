import { isUtf8 } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { CommandScanner } from '../src/cdp/command-scanner.js';
import { normalise } from '../src/cdp/normalise.js';
import { startBothTransports } from './support/both-transports.js';
import type { BothTransports, RawTransport } from './support/both-transports.js';
import { fuzzRuns, jsonText, mutatedFrame } from './support/frames.js';

let chrome: BothTransports;
beforeAll(async () => {
  chrome = await startBothTransports();
});
afterAll(() => chrome.close());

/** What cdpmux makes of a frame: the reply it gives itself, or what it would pass on. */
type Verdict =
  | { readonly reply: string }
  | {
      readonly frame: Buffer;
      readonly id: number;
      readonly method: string;
      readonly sessionId: string | undefined;
    };

function verdict(original: Buffer): Verdict {
  const scan = new CommandScanner();
  let frame = original;
  if (!scan.scan(frame)) {
    const outcome = normalise(original);
    if ('reply' in outcome) return { reply: outcome.reply.toString() };
    frame = outcome.frame;
    if (!scan.scan(frame)) throw new Error(`normalised, yet not understood: ${frame.toString()}`);
  }
  return { frame, id: scan.id, method: scan.method, sessionId: scan.sessionId };
}

async function call(transport: RawTransport, id: number, method: string, params: object, sessionId?: string) {
  const frame = Buffer.from(JSON.stringify({ id, method, params, sessionId }));
  const answer = (await transport.call(new Map([[id, frame]]))).get(id) ?? '';
  return (JSON.parse(answer) as { result: Record<string, string> }).result;
}

async function attach(transport: RawTransport, id: number): Promise<string> {
  return (await call(transport, id, 'Target.attachToBrowserTarget', {}))['sessionId'] ?? '';
}

/** Every difference between what Chrome does with the frames and what cdpmux says it does. */
async function differences(transport: RawTransport, frames: readonly Buffer[], sessions: readonly string[]) {
  const found: string[] = [];
  const verdicts = frames.map(verdict);
  // Chrome closes the connection on text that is none, and a byte 0 ends a message on the pipe
  const canSend = (frame: Buffer) => !frame.includes(0) && (transport.name === 'pipe' || isUtf8(frame));
  const sent = frames.flatMap((frame, index) => (canSend(frame) ? [index] : []));
  const answers = await transport.ask(sent.map((index) => frames[index] as Buffer));
  const passed = sent.flatMap((index) => {
    const own = verdicts[index] as Verdict;
    return 'frame' in own ? [own.frame] : [];
  });
  const passedAnswers = await transport.ask(passed);
  let count = 0;
  for (const [place, index] of sent.entries()) {
    const own = verdicts[index] as Verdict;
    const answer = (answers[place] as string[]).join('\n');
    const note = (expected: string) =>
      found.push(`${transport.name}: ${String(frames[index])}\n  cdpmux: ${expected}\n  Chrome: ${answer}`);
    if ('reply' in own) {
      if (answer !== own.reply) note(own.reply);
      continue;
    }
    const after = (passedAnswers[count++] as string[]).join('\n');
    if (answer !== after) note(`${String(own.frame)}, to which Chrome says ${after}`);
    else if (!isAnswerTo(own, answer, sessions)) note(`${own.id} ${own.method} ${own.sessionId}`);
  }
  for (const [index, frame] of frames.entries()) {
    if (frame.includes(0) && !('reply' in (verdicts[index] as Verdict)))
      found.push(`byte 0 passed: ${String(frame)}`);
  }
  return { found, passed: passed.length, refused: sent.length - passed.length };
}

function isAnswerTo(
  own: Exclude<Verdict, { reply: string }>,
  text: string,
  sessions: readonly string[],
): boolean {
  const answer = JSON.parse(text) as {
    id?: number;
    sessionId?: string;
    result?: object;
    error?: { code: number };
  };
  if (answer.id !== own.id) return false;
  if (own.sessionId !== undefined && !sessions.includes(own.sessionId)) {
    return answer.error?.code === -32001 && answer.sessionId === undefined;
  }
  if (answer.sessionId !== own.sessionId) return false;
  return own.method === 'Browser.getVersion' ? answer.result !== undefined : answer.error?.code === -32601;
}

const version = '"method":"Browser.getVersion"';
const known: readonly string[] = [
  ...[
    '',
    ' ',
    '{',
    '{}',
    '[]',
    '1',
    '"a"',
    'null',
    'tru',
    'truX',
    '{"id":1}',
    '{"method":"x"}',
    '{"id":1,"method":""}',
  ],
  `\v\f{"id":1\v,${version}\f}\v`,
  ...[
    `{"id":1/**/,${version}}`,
    `{"id":1,${version}}//`,
    `{"id":1,${version}} x`,
    `\ufeff{"id":1,${version}}`,
  ],
  ...[
    `{"id":1,${version},}`,
    `{"id":1 ${version}}`,
    `{"id" 1}`,
    `{1:2}`,
    `{"id":1,,${version}}`,
    `{"id":1,${version}`,
  ],
  ...[`{"id":1,"id":1,${version}}`, `{"id":1,${version},${version}}`, `{${version},${version},"id":1}`],
  ...[`{"id":1,"method":"",${version}}`, `{"id":1,${version},"sessionId":"","sessionId":""}`],
  ...[`{"id":1,${version},"params":null,"params":{}}`, `{"id":1,${version},"sessionId":"a","sessionId":"a"}`],
  ...[
    `{"id":1,${version},"x":1}`,
    `{"x":1,"id":1,${version}}`,
    `{"é":1,"id":1,${version}}`,
    `{"id":1,${version},"é":1}`,
  ],
  ...[`{"id":1,${version},"params":{"${'é'.repeat(200)}":[${'1e9,'.repeat(300)}-70000,12.5]},"é":1}`],
  ...['-5', '-0', '0e999', '1.0e3', '1e400', '1e-400', '12.5', '01', '.5', '1.', '+1', 'NaN', '"1"'].map(
    (id) => `{"id":${id},${version}}`,
  ),
  ...['2147483647', '2147483648', '-2147483648', '-2147483649', `1.${'0'.repeat(500)}`, '9'.repeat(400)].map(
    (id) => `{"id":${id},${version}}`,
  ),
  ...[
    '[]',
    '[1]',
    'null',
    '"a"',
    '1',
    'true',
    '{"a":1,"a":2}',
    '{"a":tru}',
    '{"a":truX}',
    '{"a":[1,]}',
    '[,]',
  ].map((params) => `{"id":1,${version},"params":${params}}`),
  ...['\\x41', '\\v', '\\q', '\\u12', '\\0', '\n\t\x01', '\\ud800', '\x7f', '\ud7ff', '\\u0000', '\\'].map(
    (text) => `{"id":1,${version},"params":{"a":"${text}"}}`,
  ),
  ...['a\\nb', 'a\\"b', 'é', '\\u00e9', 'a\x7f', 'a\\u0000b', 'Browser.get\\u0056ersion'].map(
    (method) => `{"id":1,"method":"${method}"}`,
  ),
  ...['""', 'null', '1', '"é"', '"a\\u0000b"'].map((id) => `{"id":1,${version},"sessionId":${id}}`),
  ...[298, 299, 300, 301].flatMap((depth) => [
    `{"id":1,${version},"params":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`,
    `{"id":1,${version},"params":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`,
    `{"id":1,${version},"params":{"a":${'[1,'.repeat(depth)}1${']'.repeat(depth)}}}`,
  ]),
];

describe.each(['pipe', 'webSocket'] as const)('Chrome over its %s', (name) => {
  it('agrees on every rule that is known', async () => {
    const { found, passed, refused } = await differences(
      chrome[name],
      known.map((text) => Buffer.from(text)),
      [],
    );
    expect(found).toEqual([]);
    expect(Math.min(passed, refused)).toBeGreaterThan(25);
  });

  it('agrees on broken frames: verdict, answer, id, session', async () => {
    const transport = chrome[name];
    const sessions = [await attach(transport, 1), await attach(transport, 2)];
    const escaped = sessions.map((id) => `"\\u00${id.charCodeAt(0).toString(16)}${id.slice(1)}"`);
    const texts = [...sessions.map((id) => `"${id}"`), ...escaped, '""', '"unknown"'];
    const methods = [
      '"Browser.getVersion"',
      '"Browser.getVersion"',
      '"Browser.get\\u0056ersion"',
      '"No.such"',
    ];
    const seed = Math.floor(Math.random() * 0x7fffffff);
    const frames = fc.sample(mutatedFrame(methods, texts), { numRuns: Math.ceil(fuzzRuns / 50), seed });
    const { found, passed, refused } = await differences(transport, frames, sessions);
    expect({ seed, found: found.slice(0, 5) }).toEqual({ seed, found: [] });
    // a generator that breaks nothing, or everything, proves nothing
    expect(Math.min(passed, refused)).toBeGreaterThan(frames.length / 10);
  }, 120_000);

  it('reads the same parameters from a frame and from what cdpmux passes on', async () => {
    const transport = chrome[name];
    const { targetId } = await call(transport, 3, 'Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await call(transport, 4, 'Target.attachToTarget', { targetId, flatten: true });
    const expression = '(...values) => JSON.stringify(values)';
    const echo = await call(transport, 5, 'Runtime.evaluate', { expression }, sessionId);
    const { objectId } = echo['result'] as unknown as { objectId: string };
    const originals = new Map<number, Buffer>();
    const passed = new Map<number, Buffer>();
    const seed = Math.floor(Math.random() * 0x7fffffff);
    for (const [index, value] of fc
      .sample(jsonText, { numRuns: Math.ceil(fuzzRuns / 500), seed })
      .entries()) {
      const frame = (id: number) =>
        Buffer.from(
          `{"id":${id}.0,"method":"Runtime.callFunctionOn","sessionId":"${sessionId}","params":{` +
            `"functionDeclaration":"function(...values) { return this(...values) }","objectId":${JSON.stringify(objectId)},` +
            `"returnByValue":true,"arguments":[{"value":{"value":[${value},"\v\\v",nulX]}}]}}`,
        );
      originals.set(100 + index, frame(100 + index));
      const own = verdict(frame(1_000_000 + index));
      if ('reply' in own) throw new Error(own.reply);
      passed.set(1_000_000 + index, own.frame);
    }
    const before = await transport.call(originals);
    const after = await transport.call(passed);
    const results = (answers: Map<number, string>) =>
      [...answers].sort(([a], [b]) => a - b).map(([, text]) => text.replace(/^\{"id":\d+,/, '{'));
    expect({ seed, results: results(after) }).toEqual({ seed, results: results(before) });
    expect(
      results(before).filter((text) => text.startsWith('{"result":{"result":{"type":"string"')),
    ).toHaveLength(originals.size);
  });

  it('refuses a further command with an id that is in flight in a page', async () => {
    const transport = chrome[name];
    const { targetId } = await call(transport, 3, 'Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await call(transport, 4, 'Target.attachToTarget', { targetId, flatten: true });
    const params = { expression: 'new Promise(() => {})', awaitPromise: true };
    const frame = Buffer.from(JSON.stringify({ id: 9, method: 'Runtime.evaluate', params, sessionId }));
    const again = Buffer.from(JSON.stringify({ id: 9, method: 'Runtime.evaluate', params, sessionId }));
    const [, answers] = await transport.ask([frame, again]);
    // why ids of one client may not go up as they are
    expect(answers).toEqual([
      `{"id":9,"error":{"code":-32600,"message":"Duplicate \`id\` in protocol request"},"sessionId":"${sessionId}"}`,
    ]);
  });
});
