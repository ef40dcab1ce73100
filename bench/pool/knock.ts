import { request, type IncomingMessage } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

/** Longest wait for an answer, ms. */
const PATIENCE = 120_000;

/** How an upgrade was answered, and how long that took. */
export interface Knock {
  readonly status: number;
  /** From the request, on a connection that is open already, to the answer, ms. */
  readonly took: number;
  readonly leave: () => Promise<void>;
}

/** Asks for an upgrade by hand, so that nothing but the answer is waited for. */
export function knock(wsUrl: string): Promise<Knock> {
  const url = new URL(wsUrl);
  const outgoing = request({
    host: url.hostname,
    port: url.port,
    path: `${url.pathname}${url.search}`,
    agent: false,
    signal: AbortSignal.timeout(PATIENCE),
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    },
  });
  return new Promise((resolve, reject) => {
    let start = NaN;
    const answered = (status: number, socket: Socket): void =>
      resolve({
        status,
        took: performance.now() - start,
        leave: () =>
          new Promise((gone) => {
            if (socket.destroyed) return gone();
            socket.once('close', () => gone()).destroy();
          }),
      });
    outgoing.once('socket', (socket) => {
      // what it takes to reach a machine is not what is measured
      socket.once('connect', () => {
        start = performance.now();
        outgoing.end();
      });
    });
    outgoing.once('upgrade', (_response: IncomingMessage, socket: Socket) => {
      socket.on('error', () => undefined).resume();
      answered(101, socket);
    });
    outgoing.once('response', (response: IncomingMessage) => {
      response.resume();
      answered(response.statusCode ?? 0, response.socket);
    });
    outgoing.once('error', reject);
  });
}
