import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const PAGE = `<!doctype html>
<html><head><title>A small page</title><link rel="icon" href="data:,">
<style>body{font:16px sans-serif;margin:2em}li{color:#357}</style></head>
<body><h1>A small page</h1><ul id="list"></ul>
<script>for(let i=0;i<100;i++){const li=document.createElement('li');li.textContent='item '+i;list.append(li)}</script>
</body></html>`;

/** Of each kind so many: style sheets, scripts, pictures. */
const KINDS = { css: 10, js: 15, svg: 25 } as const;
/** What the large page loads beside itself. */
export const RESOURCES = KINDS.css + KINDS.js + KINDS.svg;

/** A resource's text, of a size as is usual for its kind. */
const texts: Readonly<Record<string, (nth: number) => string>> = {
  css: (nth) =>
    Array.from({ length: 200 }, (_, i) => `.c${nth}-${i}{margin:${i % 9}px;color:#${357 + i}}`).join('\n'),
  js: (nth) =>
    `${Array.from({ length: 300 }, (_, i) => `function f${nth}_${i}(a,b){return a*${i}+b}`).join('\n')}
document.getElementById('list').append(Object.assign(document.createElement('li'),{textContent:f${nth}_1(1,2)}))`,
  svg: (nth) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60">${Array.from(
      { length: 40 },
      (_, i) => `<circle cx="${i}" cy="${(i * nth) % 60}" r="${i % 7}" fill="#${100 + nth}"/>`,
    ).join('')}</svg>`,
};

const types: Readonly<Record<string, string>> = {
  css: 'text/css',
  js: 'text/javascript',
  svg: 'image/svg+xml',
};

const all = (kind: keyof typeof KINDS, tag: (url: string) => string): string =>
  Array.from({ length: KINDS[kind] }, (_, nth) => tag(`/${nth}.${kind}`)).join('\n');

const LARGE = `<!doctype html>
<html><head><title>A page with ${RESOURCES} resources</title><link rel="icon" href="data:,">
${all('css', (url) => `<link rel="stylesheet" href="${url}">`)}</head>
<body><h1>A page with ${RESOURCES} resources</h1><ul id="list"></ul>
${all('svg', (url) => `<img src="${url}" width="60" height="60">`)}
${all('js', (url) => `<script src="${url}"></script>`)}
</body></html>`;

/** A web server with one small page, and one that loads {@link RESOURCES} resources. */
export interface BenchSite {
  /** The small one. */
  readonly url: string;
  readonly large: string;
  close(): Promise<void>;
}

/** Serves them on a free port of loopback. */
export async function openSite(): Promise<BenchSite> {
  const server = createServer(({ url = '/' }, response) => {
    const [, nth, kind = ''] = /^\/(\d+)\.(\w+)$/.exec(url) ?? [];
    const body = texts[kind]?.(Number(nth)) ?? (url === '/large' ? LARGE : PAGE);
    const headers = { 'content-type': types[kind] ?? 'text/html', 'cache-control': 'no-store' };
    response.writeHead(200, headers).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const closed = once(server, 'close');
  return {
    url: `http://127.0.0.1:${port}/`,
    large: `http://127.0.0.1:${port}/large`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
