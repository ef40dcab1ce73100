import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { muxDomain, type Mux, type NamedBrowser, type PageEntry } from '../../src/index.js';
import { allowedPool, mustAllowMode } from '../auth/allowance.js';
import { turnAway, type Access, type Guest } from '../auth/access.js';
import { publicAddress, type PublicAddress } from './public-address.js';
import { decode, type RequestPath } from './request-path.js';
import { send } from './send.js';
import { readParameters, type LongestTimes } from './upgrade-parameters.js';

const json = 'application/json; charset=UTF-8';

/** One request, read. */
interface Call {
  readonly guest: Guest;
  readonly method: string;
  readonly name: string | undefined;
  readonly query: string;
  readonly address: PublicAddress;
}

/** What they are made with. */
export interface EndpointOptions {
  readonly mux: Mux;
  readonly access: Access;
  readonly trustForwarded: boolean;
  /** As they are now. */
  readonly limits: () => LongestTimes;
}

/** Chrome's own HTTP endpoints (`/json/…`), answered as Chrome answers them, from a virtual browser. */
export class ChromeEndpoints {
  readonly #mux: Mux;
  readonly #access: Access;
  readonly #trustForwarded: boolean;
  readonly #limits: () => LongestTimes;
  #protocol: Promise<Buffer> | undefined;

  constructor({ mux, access, trustForwarded, limits }: EndpointOptions) {
    this.#mux = mux;
    this.#access = access;
    this.#trustForwarded = trustForwarded;
    this.#limits = limits;
  }

  /** Answers a request for `/json…`. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    { path, name, query }: RequestPath,
    guest: Guest,
  ): Promise<void> {
    const [, command = 'list', ...rest] = path.split('/').slice(1);
    const address = publicAddress(request, this.#trustForwarded);
    const call: Call = { guest, method: request.method ?? 'GET', name, query, address };
    switch (command) {
      // What follows is ignored by Chrome too: Playwright asks for `/json/version/`.
      case 'version':
        return answer(response, 200, pretty(await this.#version(call)));
      case 'list':
        return answer(response, 200, await this.#list(call));
      case 'protocol':
        this.#protocol ??= readProtocol();
        return answer(response, 200, await this.#protocol);
      case 'new':
        return this.#new(response, call);
      case 'activate':
      case 'close':
        return this.#act(response, command, decode(rest.join('/')), call);
      default:
        return answer(response, 404, `Unknown command: ${command}`);
    }
  }

  /** Whoever asks with an upgrade's parameters connects with them, or learns here what is wrong with them. */
  async #version({ guest, name, query, address: { scheme, host } }: Call): Promise<object> {
    if (query !== '') readParameters(query, {}, guest, this.#limits());
    const { product, protocolVersion, userAgent, jsVersion, revision } = await this.#mux.version(
      guest.tenant,
      name,
    );
    const webKit = /AppleWebKit\/(\S+)/.exec(userAgent)?.[1] ?? '537.36';
    return {
      Browser: product,
      'File-Path-Style': process.platform === 'win32' ? 'windows' : 'posix',
      'Protocol-Version': protocolVersion,
      'User-Agent': userAgent,
      'V8-Version': jsVersion,
      'WebKit-Version': `${webKit} (${revision})`,
      webSocketDebuggerUrl: `${scheme}://${host}/devtools/browser/${this.#mux.mintId(guest.tenant, name)}${queryOf([query, tokenOf(guest)])}`,
    };
  }

  /** The virtual browser that a call is about, opened where it is not there yet. */
  async #named({ guest, name }: Call): Promise<NamedBrowser> {
    mustAllowMode(guest, 'shared');
    const { tenant, quota = {}, priority, weight = 1 } = guest;
    const pool = allowedPool(guest, undefined);
    const caller = { tenant, quota, priority, weight, ...(pool !== undefined && { pool }) };
    const browser = await this.#mux.named(caller, name);
    if (!this.#access.knows(tenant)) turnAway(this.#mux, tenant);
    return browser;
  }

  async #list(call: Call): Promise<string> {
    const browser = await this.#named(call);
    const entries = await browser.list(call.query.split('&').includes('for_tab'));
    const described = await this.#describe(entries, call);
    return `[ ${described.map((entry) => JSON.stringify(entry, undefined, 3)).join(', ')} ]\n`;
  }

  async #new(response: ServerResponse, call: Call): Promise<void> {
    const { method, query } = call;
    if (method.toUpperCase() !== 'PUT') {
      const text = `Using unsafe HTTP verb ${method} to invoke /json/new. This action supports only PUT verb.`;
      return answer(response, 405, text);
    }
    const parts = query.split('&');
    const url = decode(parts.filter((part) => part !== 'for_tab').join('&'));
    const browser = await this.#named(call);
    // Chrome, too, opens a blank page for what is no URL.
    const entry = await browser.open(URL.canParse(url) ? url : 'about:blank', parts.includes('for_tab'));
    const [described] = await this.#describe([entry], call);
    answer(response, 200, pretty(described));
  }

  async #act(response: ServerResponse, command: 'activate' | 'close', id: string, call: Call): Promise<void> {
    const browser = await this.#named(call);
    const done = command === 'activate' ? await browser.activate(id) : await browser.closeTarget(id);
    if (!done) return answer(response, 404, `No such target id: ${id}`);
    answer(response, 200, command === 'activate' ? 'Target activated' : 'Target is closing');
  }

  async #describe(entries: readonly PageEntry[], { guest, address }: Call): Promise<object[]> {
    const { scheme, host } = address;
    const { revision } = await this.#mux.version();
    return entries.map(({ id, type, title, url, parentId }) => ({
      description: '',
      devtoolsFrontendUrl: `https://chrome-devtools-frontend.appspot.com/serve_rev/${revision}/inspector.html?${scheme}=${host}/devtools/page/${id}`,
      id,
      ...(parentId !== undefined && { parentId }),
      title,
      type,
      url,
      webSocketDebuggerUrl: `${scheme}://${host}/devtools/page/${id}${queryOf([tokenOf(guest)])}`,
    }));
  }
}

/** Who gave its token in the query takes URLs as they are, Playwright for one. Chrome's frontend is never given it. */
function tokenOf({ queryToken }: Guest): string {
  return queryToken === undefined ? '' : `token=${encodeURIComponent(queryToken)}`;
}

/** A query of these parts, without those that say nothing. */
function queryOf(parts: readonly string[]): string {
  const said = parts.filter((part) => part !== '');
  return said.length === 0 ? '' : `?${said.join('&')}`;
}

/** Chrome gives every answer, errors in plain text too, this type and this policy. */
function answer(response: ServerResponse, status: number, body: string | Buffer): void {
  response.setHeader('content-security-policy', "frame-ancestors 'none'");
  send(response, status, json, body);
}

/** Chrome indents by three. */
function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 3)}\n`;
}

/** The protocol as the `devtools-protocol` package ships it, since a Chrome behind a pipe has no HTTP to ask; and cdpmux's own domain. */
async function readProtocol(): Promise<Buffer> {
  const require = createRequire(import.meta.url);
  const files = ['browser_protocol', 'js_protocol'].map((file) =>
    require.resolve(`devtools-protocol/json/${file}.json`),
  );
  const [browser, js] = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).map(
    (text) => JSON.parse(text) as { version: object; domains: object[] },
  );
  const domains = [...(browser?.domains ?? []), ...(js?.domains ?? []), muxDomain];
  return Buffer.from(pretty({ version: browser?.version, domains }));
}
