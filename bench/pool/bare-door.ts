import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { WebSocketServer } from 'ws';

import { endsWithUs } from '../started.js';

/** How long it may take to listen, ms. */
const START_DEADLINE = 30_000;

/** A WebSocket server of `ws` in a process of its own that lets everybody in: what an upgrade takes on this machine at the least. */
export interface BareDoor {
  readonly wsUrl: string;
  close(): Promise<void>;
}

/** Starts one. */
export async function startBareDoor(): Promise<BareDoor> {
  const child = endsWithUs(fork(fileURLToPath(import.meta.url)));
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message', { signal: AbortSignal.timeout(START_DEADLINE) })) as [number];
  const close = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  return { wsUrl: `ws://127.0.0.1:${port}/`, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('listening', () => process.send?.((server.address() as AddressInfo).port));
}
