import { describe, it, expect } from '@jest/globals';
import * as fc from 'fast-check';
import { KIND_EVENT, KIND_REPLY, MessageScanner, normaliseMessage } from '../src/cdp/message-scanner.js';
import { cutSession, patchId } from '../src/cdp/patch.js';
import { fuzzRuns, objectText } from './support/frames.js';

const session = '0123456789ABCDEF0123456789ABCDEF';

describe('MessageScanner', () => {
  it('reads a reply', () => {
    const scan = new MessageScanner();
    const message = Buffer.from(`{"id":1000000007,"result":{"id":5},"sessionId":"${session}"}`);
    expect(scan.scan(message)).toBe(true);
    expect([scan.kind, scan.id, scan.isError, scan.sessionId]).toEqual([
      KIND_REPLY,
      1000000007,
      false,
      session,
    ]);
    expect(message.toString('utf8', scan.idStart, scan.idEnd)).toBe('1000000007');
    expect(message.toString('utf8', scan.sessionStart)).toBe(`,"sessionId":"${session}"}`);
  });

  it('reads an error', () => {
    const scan = new MessageScanner();
    expect(scan.scan(Buffer.from('{"id":1,"error":{"code":-32601,"message":"x"}}'))).toBe(true);
    expect([scan.kind, scan.id, scan.isError, scan.sessionId]).toEqual([KIND_REPLY, 1, true, undefined]);
  });

  it('reads an event', () => {
    const scan = new MessageScanner();
    const message = Buffer.from(
      `{"method":"Page.frameNavigated","params":{"id":1},"sessionId":"${session}"}`,
    );
    expect(scan.scan(message)).toBe(true);
    expect([scan.kind, scan.sessionId, scan.method(message)]).toEqual([
      KIND_EVENT,
      session,
      'Page.frameNavigated',
    ]);
    expect(message.toString('utf8', scan.methodStart, scan.methodEnd)).toBe('Page.frameNavigated');
  });

  it('takes no session from inside a value', () => {
    const scan = new MessageScanner();
    const inner = [`{"a":{"b":1,"sessionId":"${session}"}}`, `{"a":",\\"sessionId\\":\\"${session}\\""}`];
    for (const value of inner) {
      for (const text of [`{"id":1,"result":${value}}`, `{"method":"A.b","params":${value}}`]) {
        expect(scan.scan(Buffer.from(text))).toBe(true);
        expect([scan.sessionId, scan.sessionStart]).toEqual([undefined, -1]);
      }
    }
  });

  it.each([
    ['no JSON', 'x'],
    ['nothing', ''],
    ['no object', '[1]'],
    ['an error without id', '{"error":{"code":-32700,"message":"x"}}'],
    ['half a message', '{"id":1,"result":{'],
    ['a fraction as id', '{"id":1.5,"result":{}}'],
    ['a session that is no text', '{"id":1,"result":{},"sessionId":5}'],
  ])('takes %s for no message', (_what, text) => {
    const scan = new MessageScanner();
    const message = Buffer.from(text);
    expect(scan.scan(message)).toBe(false);
    expect(scan.scan(normaliseMessage(message))).toBe(false);
  });

  it('reads any order and spacing after normalising, and the values keep their text', () => {
    const scan = new MessageScanner();
    const value = '{"big":9007199254740993,"e":1.50,"s":"\\ud800"}';
    for (const text of [
      `{"sessionId":"${session}","result":${value},"id":7}`,
      ` { "id" : 7 , "sessionId" : "${session}" , "result" : ${value} } `,
      `{"id":7.0,"result":${value},"session\\u0049d":"\\u0030${session.slice(1)}"}`,
    ]) {
      const message = Buffer.from(text);
      expect(scan.scan(message)).toBe(false);
      expect(normaliseMessage(message).toString()).toBe(
        `{"id":7,"result":${value},"sessionId":"${session}"}`,
      );
      expect(scan.scan(normaliseMessage(message))).toBe(true);
      expect([scan.id, scan.sessionId]).toEqual([7, session]);
    }
  });

  it('gives an event without params empty ones, as Chrome writes them', () => {
    const message = normaliseMessage(Buffer.from(`{"method":"A.b","sessionId":"${session}"}`));
    expect(message.toString()).toBe(`{"method":"A.b","params":{},"sessionId":"${session}"}`);
  });

  it('finds what JSON.parse finds in any message, and what it found can be patched in place', () => {
    const scan = new MessageScanner();
    const message = fc
      .tuple(
        fc.constantFrom('result', 'error', 'params'),
        fc.integer({ min: 1_000_000_000, max: 2_147_483_647 }),
        objectText,
        fc.constantFrom('', session, 'A'),
        fc.integer({ min: 0, max: 5 }),
        fc.constantFrom('', '', ' '),
      )
      .map(([kind, id, value, sessionId, order, gap]) => {
        const head = kind === 'params' ? '"method":"A.b"' : `"id":${id}`;
        const tail = sessionId === '' ? [] : [`"sessionId":${gap}"${sessionId}"`];
        const members = [head, `"${kind}":${gap}${value}`, ...tail];
        // Chrome's own order half of the time
        if (order < 3) members.push(...members.splice(0, order));
        return `{${members.join(`,${gap}`)}${gap}}`;
      });
    fc.assert(
      fc.property(message, fc.integer(), (text, clientId) => {
        let bytes: Buffer = Buffer.from(text);
        if (!scan.scan(bytes)) {
          bytes = normaliseMessage(bytes);
          if (!scan.scan(bytes)) return false;
        }
        const expected = JSON.parse(text) as Record<string, unknown>;
        const isReply = expected['method'] === undefined;
        const agrees =
          scan.kind === (isReply ? KIND_REPLY : KIND_EVENT) &&
          scan.id === (isReply ? expected['id'] : 0) &&
          scan.isError === 'error' in expected &&
          scan.sessionId === expected['sessionId'] &&
          (isReply || scan.method(bytes) === expected['method']);
        if (!agrees) return false;
        const cut = cutSession(bytes, scan);
        const patched = JSON.parse(
          (isReply ? patchId(cut, scan, clientId) : cut).toString(),
        ) as typeof expected;
        delete expected['sessionId'];
        if (isReply) expected['id'] = clientId;
        const sorted = (value: typeof expected) =>
          JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
        return sorted(patched) === sorted(expected);
      }),
      { numRuns: fuzzRuns / 5 },
    );
  }, 120_000);
});
