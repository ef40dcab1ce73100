import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server as HttpServer } from 'node:http';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { text } from 'node:stream/consumers';
import { Server as ProxyChain } from 'proxy-chain';

/** A site that notes who reaches it, at which of its addresses. */
export interface Watched {
  readonly port: number;
  /** `address path` of each request; `address` alone of each connection. */
  readonly seen: string[];
  close(): Promise<void>;
}

const plain = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

/** Opens one on every address of this machine, IPv4 and IPv6. */
export async function openWatched(
  answer: (request: IncomingMessage) => {
    headers?: Record<string, string>;
    status?: number;
    body?: string;
  } = () => ({}),
): Promise<Watched> {
  const seen: string[] = [];
  const server = createServer((incoming, response) => {
    const at = plain(incoming.socket.localAddress);
    seen.push(`${at} ${incoming.url}`);
    const {
      headers = {},
      status = 200,
      body = `reached ${at} as ${incoming.headers.host}`,
    } = answer(incoming);
    response.writeHead(status, { 'content-type': 'text/html', ...headers }).end(body);
  });
  server.on('connection', (socket) => seen.push(plain(socket.localAddress)));
  const port = await listen(server, '::');
  return { port, seen, close: () => closeAll(server) };
}

/** Starts to listen on a free port and gives it. */
export async function listen(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Ends a server with its connections. */
export async function closeAll(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  (server as Partial<HttpServer>).closeAllConnections?.();
  await closed;
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Asks a proxy for a URL, as Chrome does for plain HTTP. */
export async function get(proxy: string, url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port } = new URL(proxy);
  const asked = request({
    host: hostname,
    port,
    path: url,
    agent: false,
    headers: { host: new URL(url).host, ...headers },
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

/** A tunnel, or why there is none. */
export interface Tunnel extends Answer {
  readonly socket: Socket;
}

/** Asks a proxy for a tunnel, as Chrome does for TLS and WebSockets; `socket` is open where the status is 200. */
export async function openTunnel(
  proxy: string,
  authority: string,
  headers: Record<string, string> = {},
): Promise<Tunnel> {
  const { hostname, port } = new URL(proxy);
  const asked = request({ host: hostname, port, path: authority, method: 'CONNECT', agent: false, headers });
  asked.end();
  const [response, socket, head] = (await once(asked, 'connect')) as [IncomingMessage, Socket, Buffer];
  if (head.length > 0) socket.unshift(head);
  socket.on('error', () => undefined);
  const { statusCode: status, headers: answered } = response;
  return { status, headers: answered, socket, body: status === 200 ? '' : await text(socket) };
}

/** Says GET through an open tunnel and gives the answer's text. */
export async function getThrough({ socket }: Tunnel, host: string): Promise<string> {
  socket.write(`GET /through HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return text(socket);
}

/** A SOCKS5 proxy that notes what it is asked for and takes all to one place. */
export interface Socks {
  readonly port: number;
  readonly asked: string[];
  close(): Promise<void>;
}

/** Opens one on `host`; whatever it is asked for is at `to`. */
export async function openSocks(
  host: string,
  to: { readonly host: string; readonly port: number },
): Promise<Socks> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]));
      socket.once('data', (command: Buffer) => {
        const length = command[4] ?? 0;
        const isName = command[3] === 3;
        const name = isName ? command.toString('latin1', 5, 5 + length) : command.subarray(4, 8).join('.');
        asked.push(`${name}:${command.readUInt16BE(isName ? 5 + length : 8)}`);
        const target = connect(to, () => {
          socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
          socket.pipe(target).pipe(socket);
        });
        sockets.add(target.on('error', () => undefined));
      });
    });
  });
  const port = await listen(server, host);
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await closeAll(server);
  };
  return { port, asked, close };
}

/** DNS that answers what a test says. */
export class Names {
  /** The answers of a name, one after the other; the last one for ever. */
  readonly answers = new Map<string, string[][]>();
  /** What was looked up. */
  readonly lookups: string[] = [];

  readonly resolve = (host: string): Promise<string[]> => {
    this.lookups.push(host);
    const answers = this.answers.get(host);
    if (!answers) return Promise.reject(new Error(`${host} has no address`));
    return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? []);
  };

  set(host: string, ...answers: string[][]): this {
    this.answers.set(host, answers);
    return this;
  }

  clear(): void {
    this.answers.clear();
    this.lookups.length = 0;
  }
}

/** A proxy of a client's own. */
export interface Upstream {
  readonly url: string;
  readonly port: number;
  /** The `host:port` that it was asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Opens one on `host`; it finds whatever it is asked for at the address `at`. */
export async function openUpstream(host: string, at: string, credentials?: string): Promise<Upstream> {
  const asked: string[] = [];
  const lookup = (_host: string, { all }: { all?: boolean }, done: (...args: unknown[]) => void): void =>
    all ? done(null, [{ address: at, family: 4 }]) : done(null, at, 4);
  const server = new ProxyChain({
    port: 0,
    host,
    prepareRequestFunction: ({ hostname, port, username, password }) => {
      if (credentials !== undefined && `${username}:${password}` !== credentials) {
        return { requestAuthentication: true };
      }
      asked.push(`${hostname}:${port}`);
      return { dnsLookup: lookup as never };
    },
  });
  await server.listen();
  const { port } = server;
  return { url: `http://${host}:${port}`, port, asked, close: () => server.close(true) };
}
