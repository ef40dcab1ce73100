import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Message } from './cdp-client.js';

/** A way to a browser's WebSocket that keeps what the browser says. */
export interface Recorded {
  /** `ws://127.0.0.1:<port>/` */
  readonly url: string;
  /** In the order in which it came. */
  readonly received: readonly Message[];
  close(): void;
}

/** Opens one, for one client. */
export async function recorded(browserUrl: string): Promise<Recorded> {
  const received: Message[] = [];
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (client) => {
    const browser = new WebSocket(browserUrl, { perMessageDeflate: false });
    const isOpen = once(browser, 'open');
    client.on('message', (data: Buffer) => void isOpen.then(() => browser.send(data.toString())));
    browser.on('message', (data: Buffer) => {
      received.push(JSON.parse(data.toString()) as Message);
      client.send(data.toString());
    });
    client.on('close', () => browser.close());
    browser.on('close', () => client.close());
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}/`, received, close: () => server.close() };
}
