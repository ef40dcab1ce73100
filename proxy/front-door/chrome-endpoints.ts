import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Mux, PageEntry } from '../../src/index.js';
import { decode, type RequestPath } from './request-path.js';

const json = 'application/json; charset=UTF-8';
const html = 'text/html; charset=UTF-8';

/** Chrome's own HTTP endpoints (`/json/…`), answered as Chrome answers them, from a virtual browser. */
export class ChromeEndpoints {
  readonly #mux: Mux;
  #protocol: Promise<string> | undefined;

  constructor(mux: Mux) {
    this.#mux = mux;
  }

  /** Answers a request for `/json…`. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    { path, name, query }: RequestPath,
  ): Promise<void> {
    const [, command = 'list', ...rest] = path.split('/').slice(1);
    // Ids hold no slash; `/json/version/` is what Playwright asks for.
    const id = decode(rest.join('/'));
    const host = request.headers.host ?? `127.0.0.1:${request.socket.localPort ?? 0}`;
    switch (command) {
      case 'version':
        return send(response, 200, json, pretty(await this.#version(host, name)));
      case 'list': {
        const browser = await this.#mux.named(name);
        const entries = await browser.list(query === 'for_tab');
        return send(response, 200, json, pretty(await this.#describe(entries, host)));
      }
      case 'protocol':
        this.#protocol ??= readProtocol();
        return send(response, 200, json, await this.#protocol);
      case 'new':
        return this.#new(request, response, { name, query, host });
      case 'activate':
      case 'close':
        return this.#act(response, command, id, name);
      default:
        return send(response, 404, json, `Unknown command: ${command}`);
    }
  }

  async #version(host: string, name: string | undefined): Promise<object> {
    const { product, protocolVersion, userAgent, jsVersion, revision } = await this.#mux.version();
    const webKit = /AppleWebKit\/(\S+)/.exec(userAgent)?.[1] ?? '537.36';
    return {
      Browser: product,
      'Protocol-Version': protocolVersion,
      'User-Agent': userAgent,
      'V8-Version': jsVersion,
      'WebKit-Version': `${webKit} (${revision})`,
      webSocketDebuggerUrl: `ws://${host}/devtools/browser/${this.#mux.mintId(name)}`,
    };
  }

  async #new(
    request: IncomingMessage,
    response: ServerResponse,
    { name, query, host }: { name: string | undefined; query: string; host: string },
  ): Promise<void> {
    if (request.method !== 'PUT') {
      const text = `Using unsafe HTTP verb ${request.method ?? ''} to invoke /json/new. This action supports only PUT verb.`;
      return send(response, 405, json, text);
    }
    const browser = await this.#mux.named(name);
    const entry = await browser.open(query === '' ? 'about:blank' : decode(query), false);
    const [described] = await this.#describe([entry], host);
    return send(response, 200, json, pretty(described));
  }

  async #act(
    response: ServerResponse,
    command: 'activate' | 'close',
    id: string,
    name: string | undefined,
  ): Promise<void> {
    const browser = await this.#mux.named(name);
    const done = command === 'activate' ? await browser.activate(id) : await browser.closeTarget(id);
    if (!done) return send(response, 404, json, `No such target id: ${id}`);
    return send(response, 200, html, command === 'activate' ? 'Target activated' : 'Target is closing');
  }

  async #describe(entries: readonly PageEntry[], host: string): Promise<object[]> {
    const { revision } = await this.#mux.version();
    return entries.map(({ id, type, title, url, parentId }) => ({
      description: '',
      devtoolsFrontendUrl: `https://chrome-devtools-frontend.appspot.com/serve_rev/${revision}/inspector.html?ws=${host}/devtools/page/${id}`,
      id,
      ...(parentId !== undefined && { parentId }),
      title,
      type,
      url,
      webSocketDebuggerUrl: `ws://${host}/devtools/page/${id}`,
    }));
  }
}

/** Answers with a text. */
export function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** Chrome indents by three. */
function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 3)}\n`;
}

/** The protocol as the `devtools-protocol` package ships it: a Chrome behind a pipe has no HTTP to ask. */
async function readProtocol(): Promise<string> {
  const require = createRequire(import.meta.url);
  const files = ['browser_protocol', 'js_protocol'].map((file) =>
    require.resolve(`devtools-protocol/json/${file}.json`),
  );
  const [browser, js] = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).map(
    (text) => JSON.parse(text) as { version: object; domains: object[] },
  );
  return pretty({
    version: browser?.version,
    domains: [...(browser?.domains ?? []), ...(js?.domains ?? [])],
  });
}
