import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server with a page for each unit of work, and a colour and a cookie of its own on each. */
export interface UnitSite {
  urlOf(unit: number): string;
  /** A download with {@link contentOf} the unit in it. */
  fileOf(unit: number): string;
  close(): Promise<void>;
}

/** The red, green and blue of a unit's page. */
export function colourOf(unit: number): [number, number, number] {
  return [(unit * 37) & 0xff, (unit * 101 + 50) & 0xff, (unit * 7 + 100) & 0xff];
}

/** What a unit's download holds: a few hundred kilobytes, so that it comes in parts. */
export function contentOf(unit: number): Buffer {
  return Buffer.alloc(300_000, `unit ${unit}\n`);
}

/** Serves it on a free port of loopback. */
export async function openUnitSite(): Promise<UnitSite> {
  const server = createServer((request, response) => {
    const file = /^\/file\/(\d+)$/.exec(request.url ?? '')?.[1];
    if (file !== undefined) {
      response.writeHead(200, {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename="unit-${file}.bin"`,
      });
      response.end(contentOf(Number(file)));
      return;
    }
    const unit = Number(request.url?.slice(1));
    response.writeHead(200, {
      'content-type': 'text/html',
      'cache-control': 'no-store',
      'set-cookie': `unit${unit}=${unit}; Path=/`,
    });
    response.end(`<!doctype html><html><head><title>unit ${unit}</title><link rel="icon" href="data:,">
<style>body{margin:0;background:rgb(${colourOf(unit).join(',')})}</style></head><body></body></html>`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    urlOf: (unit) => `http://127.0.0.1:${port}/${unit}`,
    fileOf: (unit) => `http://127.0.0.1:${port}/file/${unit}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
