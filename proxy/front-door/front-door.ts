import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Mux, PerSecond } from '../../src/index.js';
import { CdpmuxError } from '../../src/index.js';
import type { Access } from '../auth/access.js';
import type { Tls } from '../config.js';
import { OperatorApi, type OperatorOptions } from './api/operator-api.js';
import { ChromeEndpoints } from './chrome-endpoints.js';
import { FileEndpoints } from './file-endpoints.js';
import { LaunchDesk } from './launch/launch-desk.js';
import type { Log } from './log.js';
import { publicAddress } from './public-address.js';
import { refuseRequest } from './refusal.js';
import { readPath } from './request-path.js';
import { send } from './send.js';
import { UpgradeHandler } from './upgrade.js';

const text = 'text/plain; charset=UTF-8';
const json = 'application/json; charset=UTF-8';

/** Where no token is needed, and clients are strangers to each other. */
const notForStrangers =
  'With policy.trust=tenant and no tokens, figures of all are not told here; scrape /metrics at admin.port, or configure auth.tokens.';

/** Enough for any client, an upload's content included; one that sends its headers byte by byte gets no more. */
const timeouts = { headersTimeout: 10_000, requestTimeout: 300_000, connectionsCheckingInterval: 5_000 };
/** The same for what comes before the first request, ms. */
const handshakeTimeout = 10_000;

/** Where and how to listen. */
export interface FrontDoorOptions extends OperatorOptions {
  readonly mux: Mux;
  /** Decides who may come in. */
  readonly access: Access;
  /** Encrypts what clients send and get. */
  readonly tls?: Tls;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether a proxy in front sets `x-forwarded-host` and `x-forwarded-proto`. */
  readonly trustForwarded: boolean;
  readonly limits: {
    /** Largest message of a client, bytes. */
    readonly message: number;
    /** Bytes that may wait for a client that does not read. */
    readonly clientBuffer: number;
    /** WebSocket upgrades per second of each tenant or address; 0 for no limit. */
    readonly upgradesPerSecond: PerSecond;
    /** Longest life of a virtual browser, ms, which a client may shorten; 0 for no limit. */
    readonly lifetime: number;
    readonly keepAlive: number;
  };
  /** A second address that answers only `/healthz`, `/readyz` and `/metrics`. */
  readonly admin?: { readonly host: string; readonly port: number };
  readonly log: Log;
}

/** The HTTP and WebSocket server that clients come to. */
export class FrontDoor {
  #options: FrontDoorOptions;
  readonly #server: Server | TlsServer;
  readonly #admin: Server | undefined;
  #upgrades: UpgradeHandler;
  readonly #launches: LaunchDesk;
  readonly #chrome: ChromeEndpoints;
  readonly #operator: OperatorApi;
  readonly #files: FileEndpoints;
  /** All connections, upgraded ones too, which the server itself forgets; taken off when they close. */
  readonly #sockets = new Set<Socket>();

  private constructor(options: FrontDoorOptions) {
    this.#options = options;
    this.#upgrades = new UpgradeHandler(options);
    this.#chrome = new ChromeEndpoints({ ...options, limits: () => this.#options.limits });
    this.#operator = new OperatorApi(options);
    this.#launches = new LaunchDesk({
      ...options,
      limits: () => this.#options.limits,
      seat: (request, signal, wish) => this.#upgrades.seat(request, signal, wish),
      inside: {
        answer: (request, response) => void this.#answer(request, response),
        upgrade: (request, stream, head) => this.#onUpgrade(request, stream, head),
      },
    });
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response);
    this.#server = options.tls
      ? createTlsServer({ ...timeouts, handshakeTimeout, ...options.tls }, onRequest)
      : createServer(timeouts, onRequest);
    this.#files = new FileEndpoints(options.mux);
    this.#server.on('connection', this.#onConnection);
    this.#server.on('upgrade', this.#onUpgrade);
    if (options.admin) {
      this.#admin = createServer(timeouts, (request, response) => void this.#answerAdmin(request, response));
      this.#admin.on('connection', this.#onConnection);
    }
  }

  /** Starts to listen; rejects with the system's error (`EADDRINUSE`, …). */
  static async listen(options: FrontDoorOptions): Promise<FrontDoor> {
    const door = new FrontDoor(options);
    try {
      await listen(door.#server, options.host, options.port);
      if (options.admin && door.#admin) await listen(door.#admin, options.admin.host, options.admin.port);
    } catch (error) {
      await door.close(0);
      throw error;
    }
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get adminPort(): number | undefined {
    return (this.#admin?.address() as AddressInfo | undefined)?.port;
  }

  get webSocketUrl(): string {
    return `${this.#options.tls ? 'wss' : 'ws'}://${authority(this.#options.host, this.port)}/`;
  }

  /** Takes another certificate for connections from now on; only where there was one from the start. */
  setTls(tls: Tls): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tls);
  }

  /** Other limits for clients that come from now on. */
  setLimits(limits: FrontDoorOptions['limits']): void {
    this.#options = { ...this.#options, limits };
    this.#upgrades = new UpgradeHandler(this.#options);
  }

  /** Takes nobody new; drops after `deadline` ms whoever has not gone by then. */
  async close(deadline: number): Promise<void> {
    this.#operator.close();
    const servers = [this.#server, ...(this.#admin ? [this.#admin] : [])].filter(
      ({ listening }) => listening,
    );
    const closed = Promise.all(servers.map((server) => once(server, 'close')));
    for (const server of servers) server.close();
    const late = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, deadline);
    await closed;
    clearTimeout(late);
  }

  #onConnection = (socket: Socket): void => {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  #onUpgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const protocol = request.headers.upgrade?.toLowerCase();
    if (protocol === 'cdpmux-launch') {
      void this.#launches.handle(request, stream, head);
      return;
    }
    if (protocol === 'websocket') {
      void this.#upgrades.handle(request, stream, head);
      return;
    }
    // Java's HttpClient, which Selenium uses, offers h2c with every first request; who can't do it just answers.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(stream as Socket);
    stream.on('error', () => stream.destroy());
    response.once('finish', () => stream.end());
    void this.#answer(request, response);
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { access, trustForwarded } = this.#options;
      const guest = access.identifyRequest(request, publicAddress(request, trustForwarded).host);
      const where = readPath(guest.url);
      if (where.path === '/metrics' && !guest.admin) throw new CdpmuxError('FORBIDDEN', notForStrangers);
      if (await this.#answerOps(where.path, response)) return;
      this.#options.mux.countRequest(guest.tenant);
      if (where.path === '/json' || where.path.startsWith('/json/')) {
        await this.#chrome.handle(request, response, where, guest);
      } else if (await this.#files.handle(request, response, where.path, guest.tenant)) return;
      else if (where.path === '/') send(response, 200, text, this.#welcome(request, where.name));
      else if (!(await this.#operator.handle(request, response, where, guest)))
        send(response, 404, text, `Nothing is at ${where.path}.\n`);
    } catch (error) {
      this.#onFault(request, response, error);
    }
  }

  async #answerAdmin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (await this.#answerOps(readPath(request.url ?? '/').path, response)) return;
      send(response, 404, text, 'Here are only /healthz, /readyz and /metrics.\n');
    } catch (error) {
      this.#onFault(request, response, error);
    }
  }

  #onFault(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (!(error instanceof CdpmuxError)) {
      this.#options.log('error', 'request failed', { url: readable(request.url), error: String(error) });
    }
    refuseRequest(response, error);
  }

  /** What kubelet and Prometheus ask for; true when it was that. */
  async #answerOps(path: string, response: ServerResponse): Promise<boolean> {
    const { mux } = this.#options;
    if (path === '/healthz') send(response, 200, text, 'ok\n');
    else if (path === '/readyz') {
      const { ready, reasons } = mux.readiness();
      send(response, ready ? 200 : 503, json, `${JSON.stringify({ ready, reasons })}\n`);
    } else if (path === '/metrics') {
      const { contentType, body } = await mux.metricsText();
      send(response, 200, contentType, body);
    } else return false;
    return true;
  }

  #welcome(request: IncomingMessage, name: string | undefined): string {
    const { access, trustForwarded } = this.#options;
    const { scheme, host } = publicAddress(request, trustForwarded);
    const token = access.required ? '?token=<token>' : '';
    const url = `${scheme}://${host}${name === undefined ? '' : `/name/${name}`}/${token}`;
    return `cdpmux: connect CDP clients to ${url}, for example puppeteer.connect({ browserWSEndpoint: '${url}' }).\n`;
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function authority(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** A URL for the log: the query may hold a token. */
function readable(url: string | undefined): string {
  return (url ?? '').replace(/\?.*$/, '');
}
