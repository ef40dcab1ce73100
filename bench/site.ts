import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const PAGE = `<!doctype html>
<html><head><title>A small page</title><link rel="icon" href="data:,">
<style>body{font:16px sans-serif;margin:2em}li{color:#357}</style></head>
<body><h1>A small page</h1><ul id="list"></ul>
<script>for(let i=0;i<100;i++){const li=document.createElement('li');li.textContent='item '+i;list.append(li)}</script>
</body></html>`;

/** A web server with one small page. */
export interface BenchSite {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves it on a free port of loopback. */
export async function openSite(): Promise<BenchSite> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html', 'cache-control': 'no-store' }).end(PAGE);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
