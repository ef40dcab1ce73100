import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Address } from './address.js';
import type { Holder, TargetInfo } from './holder.js';
import { LaunchError } from './launch-error.js';
import { get } from './http-get.js';
import { refuse, tunnel } from './tunnel.js';

/** The debugging port of one virtual browser, as a Chrome has it. */
export class PortServer {
  readonly #address: Address;
  readonly #holder: Holder;
  readonly #browserId: string;
  readonly #server: Server;
  readonly #clients = new Set<Duplex>();

  private constructor(address: Address, holder: Holder, browserId: string) {
    this.#address = address;
    this.#holder = holder;
    this.#browserId = browserId;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
      this.#clients.add(client);
      client.once('close', () => this.#clients.delete(client));
      void this.#upgrade(request, client, head);
    });
  }

  /** Listens on loopback; 0 takes a free port. Rejects with a LaunchError where the port is taken. */
  static async listen(address: Address, holder: Holder, port: number): Promise<PortServer> {
    const server = new PortServer(address, holder, await holder.browserId());
    server.#server.listen(port, '127.0.0.1');
    try {
      await once(server.#server, 'listening');
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const why =
        code === 'EADDRINUSE' ? 'is in use; stop what listens there, or use 0' : `can't be had: ${message}`;
      throw new LaunchError(`--remote-debugging-port=${port} ${why}.`, { cause });
    }
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where the browser's WebSocket is. */
  get path(): string {
    return `/devtools/browser/${this.#browserId}`;
  }

  /** Whether a program is connected. */
  get isUsed(): boolean {
    return this.#clients.size > 0;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body } = await this.#reply(request);
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(body);
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain; charset=UTF-8' }).end((error as Error).message);
    }
  }

  async #reply({ url = '/', method = 'GET', headers: { host, origin } }: IncomingMessage): Promise<Reply> {
    if (!isLocal(host))
      return { status: 500, body: 'Host header is specified and is not an IP address or localhost.' };
    // Chrome answers pages' scripts too, but never lets them read it
    if (origin !== undefined) return { status: 403, body: 'Web pages may not drive this browser.' };
    const [path = '', query = ''] = split(url);
    const [, root, command = 'list', ...rest] = path.split('/');
    const forTab = query.split('&').includes('for_tab');
    if (root !== 'json') return { status: 404, body: '' };
    switch (command) {
      case 'version': {
        const { body } = await get(this.#address, '/json/version');
        const webSocketDebuggerUrl = `ws://${host}${this.path}`;
        const own = { 'User-Agent': await this.#holder.userAgent(), webSocketDebuggerUrl };
        return { status: 200, body: pretty({ ...(JSON.parse(body) as object), ...own }) };
      }
      case 'protocol':
        return get(this.#address, '/json/protocol');
      case '':
      case 'list': {
        const targets = await this.#holder.targets(forTab);
        return { status: 200, body: pretty(targets.map((target) => describe(target, host))) };
      }
      case 'new': {
        if (method.toUpperCase() !== 'PUT')
          return {
            status: 405,
            body: `Using unsafe HTTP verb ${method} to invoke /json/new. This action supports only PUT verb.`,
          };
        return this.#open(query, forTab, host);
      }
      case 'activate':
      case 'close': {
        const id = rest.join('/');
        const done = await this.#holder.tell(
          command === 'close' ? 'Target.closeTarget' : 'Target.activateTarget',
          id,
        );
        if (!done) return { status: 404, body: `No such target id: ${id}` };
        return { status: 200, body: command === 'activate' ? 'Target activated' : 'Target is closing' };
      }
      default:
        return { status: 404, body: `Unknown command: ${command}` };
    }
  }

  async #open(query: string, forTab: boolean, host: string | undefined): Promise<Reply> {
    const wish = query.replace(/(^|&)for_tab(?=&|$)/, '');
    const url = URL.canParse(decode(wish)) ? decode(wish) : 'about:blank';
    const targetId = await this.#holder.open(url, forTab);
    const target = (await this.#holder.targets(forTab)).find((one) => one.targetId === targetId);
    if (!target) return { status: 500, body: 'Could not create new page' };
    return { status: 200, body: pretty(describe({ ...target, url: target.url || url }, host)) };
  }

  async #upgrade(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const [path = ''] = split(request.url ?? '/');
    if (!isLocal(request.headers.host))
      return refuse(client, 403, 'The Host is not an IP address or localhost.');
    // with the token that goes along, another kind of upgrade would launch a further browser, with whatever it asks for
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return refuse(client, 404, 'Here is a WebSocket, and nothing else to upgrade to.');
    const page = /^\/devtools\/page\/([^/]+)$/.exec(path)?.[1];
    try {
      if (path !== this.path && (page === undefined || !(await this.#has(page))))
        return refuse(client, 404, `No such target: ${path}`);
    } catch (error) {
      return refuse(client, 500, (error as Error).message);
    }
    tunnel(this.#address, path, { request, client, head });
  }

  async #has(targetId: string): Promise<boolean> {
    const lists = await Promise.all([this.#holder.targets(false), this.#holder.targets(true)]);
    return lists.flat().some((target) => target.targetId === targetId);
  }
}

type Reply = { readonly status: number; readonly body: string };

function describe({ targetId, type, title, url }: TargetInfo, host = ''): object {
  const webSocketDebuggerUrl = `ws://${host}/devtools/page/${targetId}`;
  const devtoolsFrontendUrl = `https://chrome-devtools-frontend.appspot.com/serve_rev/@main/inspector.html?ws=${host}/devtools/page/${targetId}`;
  return { description: '', devtoolsFrontendUrl, id: targetId, title, type, url, webSocketDebuggerUrl };
}

/** A page whose own name resolves to this machine must not come in: as Chrome, only numbers and localhost are taken. */
function isLocal(host = ''): boolean {
  if (!URL.canParse(`http://${host}`)) return host === '';
  const name = new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(name) > 0 || name === 'localhost' || name.endsWith('.localhost');
}

function split(url: string): string[] {
  const at = url.indexOf('?');
  return at === -1 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Chrome indents by three. */
function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 3)}\n`;
}
