import { Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';
import type { PrepareRequestFunctionOpts, PrepareRequestFunctionResult } from 'proxy-chain';
import { pinnedTo, trackingAgents } from './agents.js';
import type { Bypass } from './bypass-list.js';
import type { Checkpoint, Destination } from './checkpoint.js';
import { authority, canonicalHost } from './host.js';
import { LaneServer, type HttpHop } from './lane-server.js';
import type { UpstreamProxies, UpstreamProxy } from './upstream-proxy.js';

/** What a lane is opened with. */
export interface LaneOptions {
  /** Where it listens. */
  readonly host: string;
  readonly checkpoint: Checkpoint;
  /** Longest time to connect, ms. */
  readonly connectTimeout: number;
  /** The proxy that the client asked for, and what goes past it. */
  readonly upstream: UpstreamProxies | undefined;
  readonly bypass: Bypass;
  /** Takes a place for a connection; false when all are taken. */
  readonly enter: () => boolean;
  readonly leave: () => void;
  /** The answer to a connection for which there is no place. */
  readonly full: string;
}

/** Chrome closes what it does not use after five minutes at most; it had better be the first to do so, ms. */
const IDLE = 310_000;
/** What still waits to be sent when one end of a tunnel has gone gets as long, ms; some never close their end. */
const LINGER = 5_000;
/** For a request's head, which comes from this machine, ms. */
const HEAD_DEADLINE = 60_000;

/** A forward proxy for one virtual browser: a listening port that checks where each request goes. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #server: LaneServer;
  readonly #agents = trackingAgents((socket) => this.#track(socket));
  /** Connections that were opened for requests; taken off when they close. */
  readonly #opened = new Set<Socket>();
  #state: 'open' | 'closed' = 'open';

  private constructor(options: LaneOptions) {
    this.#options = options;
    this.#server = new LaneServer(options.host, {
      prepare: (request) => this.#prepare(request),
      hop: (request) => this.#hop(request),
    });
    const { server } = this.#server;
    server.requestTimeout = 0;
    server.headersTimeout = HEAD_DEADLINE;
    server.keepAliveTimeout = IDLE;
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
  }

  static async listen(options: LaneOptions): Promise<Lane> {
    const lane = new Lane(options);
    await lane.#server.listen();
    return lane;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Closes all connections at once. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const socket of this.#opened) socket.destroy();
    // Its promise waits for the port to be free again, which nobody needs to know.
    void this.#server.close(true);
  }

  #onConnection(socket: Socket): void {
    const { enter, leave, full } = this.#options;
    if (!enter()) {
      socket.on('error', () => undefined);
      socket.end(full, () => socket.destroy());
      return;
    }
    socket.once('close', leave);
    // What a tunnel connects to: proxy-chain opens it by itself, and joins it to the client's socket at once.
    socket.on('pipe', (target: unknown) => {
      if (!(target instanceof Socket)) return;
      this.#track(target);
      socket.once('close', () => {
        if (target.destroyed) return;
        const late = setTimeout(() => target.destroy(), LINGER);
        target.once('close', () => clearTimeout(late));
      });
    });
  }

  #track(socket: Socket): void {
    if (this.#opened.has(socket)) return;
    if (this.#state === 'closed') socket.destroy();
    this.#opened.add(socket);
    socket.once('close', () => this.#opened.delete(socket));
    if (!socket.connecting) return;
    const { connectTimeout } = this.#options;
    const late = setTimeout(() => {
      socket.destroy(Object.assign(new Error('could not connect in time'), { code: 'ETIMEDOUT' }));
    }, connectTimeout);
    socket.once('connect', () => clearTimeout(late)).once('close', () => clearTimeout(late));
  }

  async #prepare(request: PrepareRequestFunctionOpts): Promise<PrepareRequestFunctionResult> {
    const { checkpoint } = this.#options;
    const { hostname: host, port, isHttp, username, password } = request;
    const proxy = this.#proxyOf({ host, port }, isHttp);
    const addresses = await checkpoint.admit({ host, port }, proxy !== undefined);
    const agents = { httpAgent: this.#agents.http, httpsAgent: this.#agents.https };
    // The type is that of dns.lookup, which can be called in more ways than it is here.
    const pin = (to: readonly string[]) =>
      pinnedTo(to) as unknown as NonNullable<PrepareRequestFunctionResult['dnsLookup']>;
    if (!proxy) return { ...agents, dnsLookup: pin(addresses) };
    const [first = '', ...others] = await checkpoint.admit(proxy);
    return {
      ...agents,
      // A SOCKS proxy's name would be resolved again: it is given as an address. TLS needs the name.
      upstreamProxyUrl: proxyUrl(proxy, proxy.scheme === 'https' ? proxy.host : first, username, password),
      dnsLookup: pin([first, ...others]),
    };
  }

  async #hop(request: IncomingMessage): Promise<HttpHop | undefined> {
    const { checkpoint, connectTimeout } = this.#options;
    const destination = destinationOf(request.url ?? '');
    // What can't be read is refused by proxy-chain.
    const proxy = destination && this.#proxyOf(destination, false);
    if (!destination || !proxy || proxy.scheme.startsWith('socks')) return undefined;
    await checkpoint.admit(destination, true);
    const addresses = await checkpoint.admit(proxy);
    const secure = proxy.scheme === 'https';
    const credentials = request.headers['proxy-authorization'] ?? basicOf(proxy);
    const options = {
      host: proxy.host,
      port: proxy.port,
      path: request.url,
      headers: {
        host: request.url,
        ...(credentials !== undefined && { 'proxy-authorization': credentials }),
      },
      agent: secure ? this.#agents.https : this.#agents.http,
      lookup: pinnedTo(addresses),
      timeout: connectTimeout,
    };
    return { secure, options };
  }

  /** The client's proxy that a request takes; undefined where it goes there directly. */
  #proxyOf({ host: text, port }: Destination, isHttp: boolean): UpstreamProxy | undefined {
    const { upstream, bypass } = this.#options;
    const proxy = isHttp ? upstream?.http : upstream?.tunnel;
    const host = canonicalHost(text);
    return proxy && host !== undefined && bypass(host, port, isHttp ? 'http' : 'https') ? undefined : proxy;
  }
}

/** Host and port of a tunnel's request, read as proxy-chain reads them. */
function destinationOf(target: string): Destination | undefined {
  if (!URL.canParse(`connect://${target}`)) return undefined;
  const { hostname, port } = new URL(`connect://${target}`);
  return hostname === '' || port === '' ? undefined : { host: hostname, port: Number(port) };
}

function proxyUrl(proxy: UpstreamProxy, host: string, username: string, password: string): string {
  const user = username === '' ? proxy.username : username;
  const secret = username === '' ? proxy.password : password;
  const credentials =
    user === '' && secret === '' ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(secret)}@`;
  // With these names proxy-chain leaves the target's name to the proxy, as Chrome does, in place of asking DNS again.
  const scheme = { http: 'http', https: 'https', socks4: 'socks4a', socks5: 'socks5h' }[proxy.scheme];
  return `${scheme}://${credentials}${authority(host, proxy.port)}`;
}

function basicOf({ username, password }: UpstreamProxy): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
