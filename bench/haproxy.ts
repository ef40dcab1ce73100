import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { endsWithUs } from './started.js';
import { until } from './until.js';

/** An HAProxy that passes bytes on: what a proxy in between costs at the least. */
export interface RunningHaproxy {
  readonly wsUrl: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts HAProxy in TCP mode in front of a Chrome's WebSocket URL. */
export async function startHaproxy(chromeUrl: string): Promise<RunningHaproxy> {
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-bench-haproxy-'));
  const port = await freePort();
  const url = new URL(chromeUrl);
  const config = join(directory, 'haproxy.cfg');
  await writeFile(
    config,
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen cdp
  bind 127.0.0.1:${port}
  server chrome ${url.host}
`,
  );
  // -db: in the foreground
  const child = endsWithUs(
    spawn('haproxy', ['-f', config, '-db', '-q'], {
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  );
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await once(child, 'spawn');
    await until('HAProxy', 5_000, () => answers(port));
  } catch (error) {
    await close();
    throw error;
  }
  url.port = String(port);
  return { wsUrl: url.href, pid: child.pid ?? -1, close };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port: number): Promise<true | undefined> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
