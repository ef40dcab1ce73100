import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterEach, expect, it, jest } from '@jest/globals';
import { WebSocket } from 'ws';
import { RefusedLog } from '../proxy/front-door/refused-log.js';
import { CdpmuxError } from '../src/index.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields?: { readonly code?: string; readonly address?: string; readonly userAgent?: string };
}

let cdpmux: TestCdpmux | undefined;
afterEach(() => cdpmux?.close());

/** A cdpmux for those with a token, and what it writes into its log of clients. */
async function startLogged(): Promise<{ url: string; lines: Line[] }> {
  const lines: Line[] = [];
  const log = (level: string, message: string, fields?: object): void => {
    if (message.includes('refused')) lines.push({ level, message, ...(fields && { fields }) });
  };
  cdpmux = await startCdpmux({ 'auth.tokens': '[{"name":"a","secret":"a-token-of-the-test"}]' }, { log });
  return { url: cdpmux.wsUrl, lines };
}

/** Comes, and is not let in. */
async function knock(url: string): Promise<void> {
  const socket = new WebSocket(url, { headers: { 'user-agent': 'knocker' } });
  await once(socket, 'unexpected-response');
  socket.once('error', () => undefined);
  socket.terminate();
}

it('who is not let in is in the log, with code and where it comes from', async () => {
  const { url, lines } = await startLogged();
  await knock(url);
  expect(lines).toEqual([
    {
      level: 'info',
      message: 'client refused',
      fields: {
        code: 'UNAUTHORIZED',
        address: '127.0.0.1',
        userAgent: 'knocker',
      },
    },
  ]);
});

it('what a client asked for or gave as its token is not in the log', async () => {
  const { url, lines } = await startLogged();
  await knock(`${url}?token=a-token-of-the-test&keepAlive=secret`);
  expect(lines.map(({ fields }) => fields?.code)).toEqual(['BAD_PARAMETER']);
  expect(JSON.stringify(lines)).not.toContain('secret');
  await knock(`${url}?token=another-secret`);
  expect(lines.map(({ fields }) => fields?.code)).toEqual(['BAD_PARAMETER', 'UNAUTHORIZED']);
  expect(JSON.stringify(lines)).not.toContain('secret');
});

it('whoever knocks without end makes ten lines a second, and one with the number of the others', () => {
  jest.useFakeTimers();
  try {
    const lines: string[] = [];
    const refused = new RefusedLog((_level, message) => void lines.push(message));
    const error = new CdpmuxError('UNAUTHORIZED', 'No token.');
    const request = { socket: { remoteAddress: '127.0.0.1' }, headers: {} } as IncomingMessage;
    for (let knock = 0; knock < 15; knock++) refused.add(error, request);
    expect(lines).toEqual(Array(10).fill('client refused'));
    jest.advanceTimersByTime(1_000);
    expect(lines.slice(10)).toEqual(['5 more clients refused within 1000 ms']);
    refused.add(error, request);
    jest.advanceTimersByTime(60_000);
    expect(lines.slice(11)).toEqual(['client refused']);
  } finally {
    jest.useRealTimers();
  }
});
