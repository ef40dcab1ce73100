import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { endsWithUs } from './started.js';

/** A relay of bytes in a Node process of its own: what being written for Node costs at the least. */
export interface RunningRelay {
  readonly wsUrl: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts one in front of a Chrome's WebSocket URL. */
export async function startRelay(chromeUrl: string): Promise<RunningRelay> {
  const url = new URL(chromeUrl);
  const child = endsWithUs(fork(fileURLToPath(import.meta.url), [url.hostname, url.port]));
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  url.port = String(port);
  const close = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  return { wsUrl: url.href, pid: child.pid ?? -1, close };
}

function relay(host: string, port: number): void {
  const server = createServer({ noDelay: true }, (client) => {
    const chrome = connect({ host, port, noDelay: true });
    for (const [from, to] of [
      [client, chrome],
      [chrome, client],
    ] as const) {
      from.on('data', (bytes) => to.write(bytes));
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  // its parent has gone
  process.on('disconnect', () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  relay(process.argv[2] ?? '', Number(process.argv[3]));
}
