import { describe, it, expect } from '@jest/globals';
import * as fc from 'fast-check';
import { CommandScanner } from '../src/cdp/command-scanner.js';
import { normalise } from '../src/cdp/normalise.js';
import { commandText, fuzzRuns } from './support/frames.js';

const session = '0123456789ABCDEF0123456789ABCDEF';

function read(text: string | Buffer): { scan: CommandScanner; frame: Buffer } | string {
  const scan = new CommandScanner();
  let frame: Buffer = Buffer.from(text);
  if (!scan.scan(frame)) {
    const outcome = normalise(frame);
    if ('reply' in outcome) return outcome.reply.toString();
    frame = outcome.frame;
    if (!scan.scan(frame)) throw new Error(`normalised, yet not understood: ${frame.toString()}`);
  }
  return { scan, frame };
}

function accepted(text: string): { scan: CommandScanner; frame: Buffer } {
  const outcome = read(text);
  if (typeof outcome === 'string') throw new Error(`refused: ${text}: ${outcome}`);
  return outcome;
}

describe('CommandScanner', () => {
  it('finds the members of a plain command where they stand', () => {
    const text = ` { "params":{"a":[1]} , "id" : -12,"sessionId":"${session}","method":"A.b"} `;
    const scan = new CommandScanner();
    expect(scan.scan(Buffer.from(text))).toBe(true);
    expect({ id: scan.id, method: scan.method, sessionId: scan.sessionId }).toEqual({
      id: -12,
      method: 'A.b',
      sessionId: session,
    });
    expect(text.slice(scan.idStart, scan.idEnd)).toBe('-12');
    expect(text.slice(scan.paramsStart, scan.paramsEnd)).toBe('{"a":[1]}');
    expect(text.slice(scan.sessionStart, scan.sessionEnd)).toBe(`"${session}"`);
    expect(text[scan.open]).toBe('{');
  });

  it('keeps nothing of the frame before', () => {
    const scan = new CommandScanner();
    expect(scan.scan(Buffer.from(`{"id":1,"method":"A.b","params":{},"sessionId":"${session}"}`))).toBe(true);
    expect(scan.scan(Buffer.from('{"id":2,"method":"A.c"}'))).toBe(true);
    expect([scan.sessionId, scan.sessionStart, scan.sessionEnd, scan.paramsStart, scan.paramsEnd]).toEqual([
      undefined,
      -1,
      -1,
      -1,
      -1,
    ]);
    expect(scan.scan(Buffer.from('{"id":2}'))).toBe(false);
    expect(scan.scan(Buffer.from('{"method":"A.c"}'))).toBe(false);
  });

  it.each([
    ['a key twice below the top level', '{"id":1,"method":"A.b","params":{"a":1,"a":2}}'],
    ['the same key in escapes', '{"id":1,"method":"A.b","params":{"a":1,"\\u0061":2}}'],
    ['a key twice in a nested object', '{"id":1,"method":"A.b","params":{"x":[{"a":1,"b":{},"a":2}]}}'],
    ['the first of 100 keys again', `{"id":1,"method":"A.b","params":{${keys(100)},"k0":1}}`],
    ['the last of 100 keys again', `{"id":1,"method":"A.b","params":{${keys(100)},"k99":1}}`],
    ['a number beyond a double', '{"id":1,"method":"A.b","params":{"a":1e309}}'],
    ['a long number beyond a double', `{"id":1,"method":"A.b","params":{"a":${'9'.repeat(400)}}}`],
    ['a raw line break in a string', '{"id":1,"method":"A.b","params":{"a":"\n"}}'],
    [
      'a raw line break far into a long string',
      `{"id":1,"method":"A.b","params":{"a":"${'x'.repeat(1001)}\n"}}`,
    ],
    ['an empty session id', '{"id":1,"method":"A.b","sessionId":""}'],
    ['a byte 0', '{"id":1,"method":"A.b","params":{"a":"\0"}}'],
    ['what follows', '{"id":1,"method":"A.b"}{"id":2,"method":"A.b"}'],
  ])('is not sure of %s', (_what, text) => {
    expect(new CommandScanner().scan(Buffer.from(text))).toBe(false);
  });

  it.each([
    ['100 keys', `{"id":1,"method":"A.b","params":{${keys(100)}}}`],
    ['the same key in neighbours', '{"id":1,"method":"A.b","params":{"x":[{"a":1},{"a":1,"x":{"a":1}}]}}'],
    ['keys with equal hashes', '{"id":1,"method":"A.b","params":{"Aa":1,"BB":2,"C#":3}}'],
    ['escapes in keys', '{"id":1,"method":"A.b","params":{"\\n":1,"\\t":2,"n":3}}'],
    ['a number that underflows', '{"id":1,"method":"A.b","params":{"a":1e-400}}'],
    ['300 containers', `{"id":1,"method":"A.b","params":{"a":${'['.repeat(299)}${']'.repeat(299)}}}`],
    ['lone surrogates in escapes', '{"id":1,"method":"A.b","params":{"\\ud800":"\\udc00"}}'],
    ['escapes in the method', '{"id":1,"method":"A.\\u0062"}'],
  ])('is sure of %s', (_what, text) => {
    const scan = new CommandScanner();
    expect(scan.scan(Buffer.from(text))).toBe(true);
    expect(scan.method).toBe('A.b');
  });

  it('refuses UTF-8 that is none, wherever it stands', () => {
    for (const bad of [[0xff], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xe0, 0x82, 0xaf]]) {
      for (const [before, after] of [
        ['{"id":1,"method":"A.b","params":{"a":"', '"}}'],
        [`{"id":1,"method":"A.b","params":{"a":"${'x'.repeat(100)}`, `${'y'.repeat(100)}"}}`],
        ['{"id":1,"method":"A.b","params":{"', '":1}}'],
        ['{"id":1,"method":"A', '"}'],
      ] as const) {
        const frame = Buffer.concat([Buffer.from(before), Buffer.from(bad), Buffer.from(after)]);
        expect(new CommandScanner().scan(frame)).toBe(false);
      }
    }
  });

  it('reads what JSON.parse reads, whatever the order, spacing, escapes and number forms', () => {
    const methods = ['"A.b"', '"Runtime.evaluate"', '"Runtime.\\u0065valuate"'];
    const command = commandText(methods, [`"${session}"`, '"a"', '""', '"\\u0061"']);
    const scan = new CommandScanner();
    fc.assert(
      fc.property(command, (text) => {
        let frame: Buffer = Buffer.from(text);
        if (!scan.scan(frame)) {
          const outcome = normalise(frame);
          if ('reply' in outcome) throw new Error(`refused: ${outcome.reply.toString()}`);
          frame = outcome.frame;
          if (!scan.scan(frame)) throw new Error(`not understood: ${frame.toString()}`);
        }
        const expected = JSON.parse(text) as {
          id: number;
          method: string;
          params?: unknown;
          sessionId?: string;
        };
        const params =
          scan.paramsStart === -1 ? undefined : frame.toString('utf8', scan.paramsStart, scan.paramsEnd);
        // plain comparisons: a hundred thousand expect() calls take longer than everything else
        return (
          scan.id === (expected.id | 0) &&
          scan.method === expected.method &&
          scan.sessionId === (expected.sessionId === '' ? undefined : expected.sessionId) &&
          (params === undefined
            ? expected.params === undefined || expected.params === null
            : JSON.stringify(JSON.parse(params)) === JSON.stringify(expected.params))
        );
      }),
      { numRuns: fuzzRuns },
    );
  }, 120_000);
});

describe('normalise', () => {
  it('keeps the digits of numbers and the halves of surrogate pairs', () => {
    const params = '{"big":9007199254740993,"small":1e-400,"\\ud800":"\\udfff","e":1.50}';
    const { scan, frame } = accepted(`{"id":1.0,"method":"A.b","params":${params}}`);
    expect(frame.toString('utf8', scan.paramsStart, scan.paramsEnd)).toBe(params);
  });

  it('takes the last of a key that comes twice', () => {
    const { scan, frame } = accepted('{"id":1,"method":"A.b","params":{"a":1,"b":2,"\\u0061":3}}');
    expect(frame.toString('utf8', scan.paramsStart, scan.paramsEnd)).toBe('{"a":3,"b":2}');
  });

  it('turns what only Chrome takes into JSON', () => {
    const { scan, frame } = accepted('\v{"id":1e1,"method":"A.b","params":{"a":"\n\\v","b":truX}}\f');
    expect(scan.id).toBe(10);
    expect(JSON.parse(frame.toString())).toEqual({ id: 10, method: 'A.b', params: { a: '\n\v', b: true } });
  });

  it.each(['12.5', '1e-1', '2147483648', '-2147483649', '"1"', 'null'])('refuses the id %s', (id) => {
    expect(read(`{"id":${id},"method":"A.b"}`)).toBe(
      `{"error":{"code":-32600,"message":"Message must have integer 'id' property"}}`,
    );
  });

  it('takes 1.0e3 for 1000 and -0 for 0', () => {
    expect(accepted('{"id":1.0e3,"method":"A.b"}').scan.id).toBe(1000);
    expect(Object.is(accepted('{"id":-0,"method":"A.b"}').scan.id, 0)).toBe(true);
    expect(Object.is(accepted('{"id":-0.0,"method":"A.b"}').scan.id, 0)).toBe(true);
  });

  it('refuses a byte 0 wherever it stands', () => {
    const frame = Buffer.from('{"id":1,"method":"A.b","params":{"a":"bc"}}');
    for (let at = 0; at <= frame.length; at++) {
      const broken = Buffer.concat([frame.subarray(0, at), Buffer.from([0]), frame.subarray(at)]);
      expect(read(broken)).toBe(
        `{"error":{"code":-32700,"message":"JSON: invalid token at position ${at}"}}`,
      );
    }
  });
});

function keys(count: number): string {
  return Array.from({ length: count }, (_, index) => `"k${index}":${index}`).join(',');
}
