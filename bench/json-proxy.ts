import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';

import { endsWithUs } from './started.js';

/** A proxy as one writes it first, in a process of its own: every message is parsed, gets another id, and is written anew. */
export interface RunningJsonProxy {
  readonly wsUrl: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts one in front of a Chrome's WebSocket URL. */
export async function startJsonProxy(chromeUrl: string): Promise<RunningJsonProxy> {
  const child = endsWithUs(fork(fileURLToPath(import.meta.url), [chromeUrl]));
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  const close = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  return { wsUrl: `ws://127.0.0.1:${port}/`, pid: child.pid ?? -1, close };
}

interface Message {
  id?: number;
}

/** More than any suite sends in one message, bytes. */
const LARGEST = 256 * 1024 * 1024;

function serve(chromeUrl: string): void {
  const options = { perMessageDeflate: false, maxPayload: LARGEST };
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options });
  server.on('listening', () => process.send?.((server.address() as AddressInfo).port));
  server.on('connection', (client) => {
    const chrome = new WebSocket(chromeUrl, options);
    const ids = new Map<number, number>();
    const early: string[] = [];
    let last = 0;
    client.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.id !== undefined) {
        ids.set(++last, message.id);
        message.id = last;
      }
      const text = JSON.stringify(message);
      if (chrome.readyState === WebSocket.OPEN) chrome.send(text);
      else early.push(text);
    });
    chrome.on('open', () => early.splice(0).forEach((text) => chrome.send(text)));
    chrome.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.id !== undefined) {
        const id = ids.get(message.id);
        ids.delete(message.id);
        if (id !== undefined) message.id = id;
      }
      client.send(JSON.stringify(message));
    });
    client.on('error', () => chrome.terminate()).on('close', () => chrome.terminate());
    chrome.on('error', () => client.terminate()).on('close', () => client.terminate());
  });
  // its parent has gone
  process.on('disconnect', () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(process.argv[2] ?? '');
