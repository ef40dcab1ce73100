import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { CdpmuxError } from '../../../src/index.js';
import { checkHost, checkOrigin, checkSite } from '../guards.js';
import { refuseRequest, refuseUpgrade } from '../refusal.js';

/** Those of a Chrome's port; what else cdpmux has is not for who launched a browser. */
const REQUESTS = /^\/json(?:[/?]|$)/;
const PAGES = /^\/devtools\/page\/[^/]+$/;
const timeouts = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 5_000 };

/** Where requests go once they name the virtual browser that they are about. */
export interface Inside {
  answer(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void;
}

/** What a port of one browser needs. */
export interface LaunchPortOptions {
  readonly inside: Inside;
  /** The name and the id of the virtual browser. */
  readonly name: string;
  readonly browserId: string;
  /** The `Authorization` of who launched it. */
  readonly authorization: string | undefined;
  /** Called whenever nobody is connected any more. */
  readonly onUnused: () => void;
}

/** The debugging port of one launched browser, on loopback: as a Chrome's own, it shows this browser and no other. */
export class LaunchPort {
  /** A path that proves to the launcher that it reaches this very port. */
  readonly proof = randomUUID();
  readonly #options: LaunchPortOptions;
  readonly #server: Server;
  readonly #clients = new Set<Duplex>();

  private constructor(options: LaunchPortOptions) {
    this.#options = options;
    this.#server = createServer(timeouts, (request, response) => this.#answer(request, response));
    this.#server.on('upgrade', this.#onUpgrade);
  }

  /** Listens; 0 takes a free port. Rejects with the system's error. */
  static async listen(port: number, options: LaunchPortOptions): Promise<LaunchPort> {
    const launched = new LaunchPort(options);
    launched.#server.listen(port, '127.0.0.1');
    await once(launched.#server, 'listening');
    return launched;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where the browser's WebSocket is. */
  get path(): string {
    return `/devtools/browser/${this.#options.browserId}`;
  }

  /** Whether a program is connected. */
  get isUsed(): boolean {
    return this.#clients.size > 0;
  }

  /** Takes nobody new; WebSockets end with the virtual browser. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === `/${this.proof}`) {
      response.writeHead(204).end();
      return;
    }
    try {
      this.#admit(request, (path) => REQUESTS.test(path));
      checkSite(request, request.headers.host ?? '', []);
      this.#options.inside.answer(request, response);
    } catch (error) {
      refuseRequest(response, error);
    }
  }

  #onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    try {
      this.#admit(request, (path) => path === this.path || PAGES.test(path));
      checkOrigin(request, []);
      mustBeWebSocket(request);
    } catch (error) {
      stream.on('error', () => stream.destroy());
      refuseUpgrade(stream, error);
      return;
    }
    this.#clients.add(stream);
    stream.once('close', () => {
      this.#clients.delete(stream);
      if (this.#clients.size === 0) this.#options.onUnused();
    });
    this.#options.inside.upgrade(request, stream, head);
  };

  /** Whoever reaches the port has the browser, as with a Chrome: so web pages must not, whatever cdpmux itself asks for. */
  #admit(request: IncomingMessage, isHere: (path: string) => boolean): void {
    checkHost(request, []);
    const { name, authorization } = this.#options;
    const { url = '/', headers } = request;
    const [path = ''] = url.split('?', 1);
    if (!isHere(path)) throw new CdpmuxError('NOT_FOUND', `No such target: ${path}`);
    delete headers['x-cdpmux-token'];
    delete headers.authorization;
    if (authorization !== undefined) headers.authorization = authorization;
    request.url = `/name/${name}${url}`;
  }
}

/** With the token of who launched this browser, any other kind of upgrade would launch a further one, with whatever it asks for. */
function mustBeWebSocket({ headers: { upgrade } }: IncomingMessage): void {
  if (upgrade?.toLowerCase() !== 'websocket')
    throw new CdpmuxError('NOT_FOUND', 'Here is a WebSocket, and nothing else to upgrade to.');
}
