import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LinkDirection, type LinkOptions } from './link-model.js';
import type { RunningRelay } from './relay.js';
import { endsWithUs } from './started.js';

/** Starts a relay in a process of its own that is as slow as a link; what opens a connection is not delayed. */
export async function startLink(chromeUrl: string, options: LinkOptions): Promise<RunningRelay> {
  const url = new URL(chromeUrl);
  const child = endsWithUs(
    fork(fileURLToPath(import.meta.url), [url.hostname, url.port, JSON.stringify(options)]),
  );
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  url.port = String(port);
  const close = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  return { wsUrl: url.href, pid: child.pid ?? -1, close };
}

function relay(host: string, port: number, options: LinkOptions): void {
  const up = new LinkDirection(options);
  const down = new LinkDirection(options);
  const server = createServer({ noDelay: true }, (client) => {
    const chrome = connect({ host, port, noDelay: true });
    up.join(client, chrome);
    down.join(chrome, client);
    client.on('error', () => chrome.destroy()).on('close', () => chrome.destroy());
    chrome.on('error', () => client.destroy()).on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  setInterval(() => {
    up.step();
    down.step();
  }, 1);
  // its parent has gone
  process.on('disconnect', () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [host = '', port, options = '{}'] = process.argv.slice(2);
  relay(host, Number(port), JSON.parse(options) as LinkOptions);
}
