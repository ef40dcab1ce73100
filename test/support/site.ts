import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A local site; every page belongs to a tag, so that each URL says whose it is. */
export interface Site {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** The same server as `http://localhost:<port>`: another site to Chrome, so its frames live in another process. */
  readonly otherOrigin: string;
  /** The URL of a page of a tag. */
  url(tag: string, page: string): string;
  /** The URL of a page of a tag at the other origin. */
  otherUrl(tag: string, page: string): string;
  /** Replaces the site's origins by `site:` and `other:`, so that results of two runs can be compared. */
  readonly plain: (url: string) => string;
  /** All `name=value` pairs that browsers sent with requests for a tag's pages, sorted. */
  cookiesSent(tag: string): string[];
  close(): Promise<void>;
}

/** The red, green and blue of a tag's page background: different for different tags. */
export function colourOf(tag: string): [number, number, number] {
  let hash = 7;
  for (const char of tag) hash = (hash * 31 + char.charCodeAt(0)) % 0xffffff;
  return [hash >> 16, (hash >> 8) & 0xff, hash & 0xff];
}

type Page = (tag: string, request: IncomingMessage, other: string) => [type: string, body: string];

const html = (tag: string, name: string, body: string): [string, string] => [
  'text/html; charset=utf-8',
  `<!doctype html><html><head><title>${name} of ${tag}</title><link rel="icon" href="data:,">
<style>body{margin:0;background:rgb(${colourOf(tag).join(',')})}</style></head><body>${body}</body></html>`,
];

const pages: Record<string, Page> = {
  // one channel name and one storage key for all tags: whatever leaks between contexts is heard here
  home: (tag) =>
    html(
      tag,
      'home',
      `<div style="height:200px"></div><button id="count" onclick="this.textContent=+this.textContent+1">0</button>
<form action="submitted"><input name="name"><select name="size"><option>S</option><option>L</option></select>
<button id="submit">send</button></form>
<button id="popup" onclick="window.child=window.open('popup')">popup</button>
<a id="download" href="file">download</a>
<script>window.heard=[];const channel=new BroadcastChannel('all');
channel.onmessage=(e)=>heard.push(e.data);window.say=(text)=>channel.postMessage(text)</script>`,
    ),
  submitted: (tag, request) =>
    html(
      tag,
      'submitted',
      `<p id="sent">${new URL(request.url ?? '', 'http://x').searchParams.toString()}</p>`,
    ),
  popup: (tag) =>
    html(tag, 'popup', `<p id="opener"></p><script>opener.said='hello from the popup'</script>`),
  frames: (tag, _request, other) =>
    html(
      tag,
      'frames',
      `<iframe id="far" src="${other}/${tag}/far" width="300" height="200"></iframe>
<script>onmessage=(e)=>{if(e.data.far)window.far=e.data.far}</script>`,
    ),
  far: (tag) =>
    html(
      tag,
      'far',
      `<button id="inside" onclick="this.textContent='clicked '+location.hostname">inside</button>
<script>parent.postMessage({far:'frame of ${tag}'},'*')</script>`,
    ),
  working: (tag) =>
    html(
      tag,
      'working',
      `<script>const worker=new Worker('worker.js');worker.onmessage=(e)=>window.worked=e.data;worker.postMessage(20)</script>`,
    ),
  'worker.js': (tag) => [
    'text/javascript',
    `self.owner='${tag}';onmessage=(e)=>postMessage('${tag} '+(e.data+1))`,
  ],
  serving: (tag) =>
    html(
      tag,
      'serving',
      `<script>navigator.serviceWorker.register('service.js').then(()=>navigator.serviceWorker.ready).then(()=>window.served=true)</script>`,
    ),
  'service.js': (tag) => [
    'text/javascript',
    `self.owner='${tag}';oninstall=()=>skipWaiting();onactivate=(e)=>e.waitUntil(clients.claim());
onfetch=(e)=>{if(e.request.url.endsWith('/by-service'))e.respondWith(new Response('service of ${tag}'))}`,
  ],
  'data.json': (tag) => ['application/json', JSON.stringify({ from: 'server', tag })],
  file: (tag) => ['application/octet-stream', `file of ${tag}\n`],
  empty: (tag) => html(tag, 'empty', ''),
};

/** Serves the site on a free port of loopback. */
export async function openSite(): Promise<Site> {
  const sent = new Map<string, Set<string>>();
  let other = '';
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const [, tag = '', name = ''] = new URL(request.url ?? '/', 'http://x').pathname.split('/');
    const page = pages[name];
    const pairs = sent.get(tag) ?? new Set();
    sent.set(tag, pairs);
    for (const pair of request.headers.cookie?.split('; ') ?? []) pairs.add(pair);
    if (name === 'endless') {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).write(`begin of ${tag}\n`);
      return;
    }
    if (page === undefined) {
      response.writeHead(404).end();
      return;
    }
    const [type, body] = page(tag, request, other);
    response.writeHead(200, {
      'content-type': type,
      'cache-control': 'no-store',
      // without it the headless shell keeps a frame of another site in the page's own process
      'origin-agent-cluster': '?1',
      ...(name === 'home' ? { 'set-cookie': `served=${tag}; Path=/` } : {}),
      ...(name === 'file' ? { 'content-disposition': `attachment; filename="${tag}.bin"` } : {}),
    });
    response.end(body);
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  other = `http://localhost:${port}`;
  return {
    origin,
    otherOrigin: other,
    url: (tag, page) => `${origin}/${tag}/${page}`,
    otherUrl: (tag, page) => `${other}/${tag}/${page}`,
    plain: (url) => url.replaceAll(origin, 'site:').replaceAll(other, 'other:'),
    cookiesSent: (tag) => [...(sent.get(tag) ?? [])].sort(),
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
