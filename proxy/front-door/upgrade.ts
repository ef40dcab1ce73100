import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { CdpmuxError, type Admission, type Mux, type PerSecond, type Seat } from '../../src/index.js';
import { turnAway, type Access } from '../auth/access.js';
import { ClientSocket, explainingWebSocket } from './client-socket.js';
import type { Wish } from './launch/launch-desk.js';
import type { Log } from './log.js';
import { refuseUpgrade } from './refusal.js';
import { RefusedLog } from './refused-log.js';
import { decode, readPath } from './request-path.js';
import { readParameters } from './upgrade-parameters.js';
import { UpgradeRate } from './upgrade-rate.js';

/** Bytes that a client may send before it was let in; none of the known ones sends any. */
const EARLY_BYTES = 64 * 1024;

/** What the upgrade needs. */
export interface UpgradeOptions {
  readonly mux: Mux;
  readonly access: Access;
  readonly limits: {
    readonly message: number;
    readonly clientBuffer: number;
    readonly upgradesPerSecond: PerSecond;
    readonly lifetime: number;
    readonly keepAlive: number;
  };
  readonly log: Log;
}

/** Lets WebSocket clients in: checks, waits for a place, upgrades, and joins the socket to its virtual browser. */
export class UpgradeHandler {
  readonly #options: UpgradeOptions;
  readonly #server: WebSocketServer;
  readonly #rate: UpgradeRate;
  readonly #refused: RefusedLog;
  /** The seats of those who are being upgraded. */
  readonly #seats = new WeakMap<IncomingMessage, Seat>();

  constructor(options: UpgradeOptions) {
    this.#options = options;
    this.#rate = new UpgradeRate(options.limits.upgradesPerSecond);
    this.#refused = new RefusedLog(options.log);
    this.#server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: options.limits.message,
      WebSocket: explainingWebSocket(options.limits.message),
      // it would answer for one who never reads, without end
      autoPong: false,
    });
    this.#server.on('headers', (headers, request) => {
      const seat = this.#seats.get(request);
      if (seat) headers.push(`x-cdpmux-virtual-browser: ${seat.virtualBrowserId}`);
    });
  }

  /** Handles one upgrade; never rejects. */
  async handle(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const arrival = new Arrival(stream, head);
    let seat: Seat | undefined;
    try {
      seat = await this.seat(request, arrival.signal);
      const rest = arrival.done();
      if (rest) this.#upgrade(request, stream, rest, seat);
      else {
        seat.release();
        // It may have closed only its own half.
        stream.destroy();
      }
    } catch (error) {
      if (!(error instanceof CdpmuxError)) {
        this.#options.log('error', 'upgrade failed', { error: String(error) });
      } else if (!arrival.signal.aborted) this.#refused.add(error, request);
      refuseUpgrade(stream, error);
    }
  }

  /** Gives a place to who sent the request, or what it wishes beside it; rejects with a CdpmuxError. */
  async seat(request: IncomingMessage, signal: AbortSignal, wish?: Wish): Promise<Seat> {
    const { mux, access } = this.#options;
    const admission = this.#read(request, signal, wish);
    const seat = await mux.admit(admission);
    if (access.knows(admission.tenant)) return seat;
    seat.release();
    turnAway(mux, admission.tenant);
  }

  #read(request: IncomingMessage, signal: AbortSignal, wish?: Wish): Admission {
    const guest = this.#options.access.identifyUpgrade(request);
    const { path, name, query } = readPath(guest.url);
    const { traceparent, 'user-agent': userAgent } = request.headers;
    this.#rate.check(guest.tenant, request.socket.remoteAddress);
    return {
      tenant: guest.tenant,
      ...(guest.quota && { quota: guest.quota }),
      ...(guest.weight !== undefined && { weight: guest.weight }),
      path: wish?.path ?? addressOf(path, name),
      ...readParameters(
        wish ? `${query}&${wish.parameters}` : query,
        request.headers,
        guest,
        this.#options.limits,
      ),
      urlPath: path,
      ...(userAgent !== undefined && { userAgent }),
      ...(typeof traceparent === 'string' && { traceparent }),
      signal,
    };
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer, seat: Seat): void {
    const gone = (): void => seat.release();
    stream.once('close', gone);
    this.#seats.set(request, seat);
    this.#server.handleUpgrade(request, stream, head, (socket) => {
      stream.off('close', gone);
      this.#join(socket, stream, seat);
    });
  }

  #join(socket: WebSocket, stream: Duplex, seat: Seat): void {
    const { log, limits } = this.#options;
    const downstream = new ClientSocket(socket, stream, limits.clientBuffer);
    const client = seat.attach(downstream);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      try {
        client.onMessage(data, isBinary);
      } catch (error) {
        log('error', 'a message could not be handled', { error: String((error as Error).stack) });
        downstream.close(1011, 'internal error: see the log of cdpmux');
      }
    });
    socket.on('ping', (data: Buffer) => {
      downstream.pong(data);
      client.onPing();
    });
    socket.on('close', () => client.onClose());
    socket.on('error', (error) => log('info', 'client socket', { error: error.message }));
    // Stopped while it waited for its place; `ws` does not start a stream that was stopped.
    stream.resume();
  }
}

/** What a WebSocket's path asks for; throws NOT_FOUND for a path that is none of Chrome's. */
function addressOf(path: string, name: string | undefined): Admission['path'] {
  const named = name !== undefined && { name };
  if (path === '/' || path === '/devtools/browser' || path === '/devtools/browser/')
    return { kind: 'browser', ...named };
  const [, kind, id] = /^\/devtools\/(browser|page)\/([^/]+)$/.exec(path) ?? [];
  if (id === undefined) {
    throw new CdpmuxError(
      'NOT_FOUND',
      `No WebSocket at ${path}; use /, /devtools/browser/<id> or /devtools/page/<id>.`,
    );
  }
  if (kind === 'page') return { kind: 'page', targetId: decode(id), ...named };
  return { kind: 'browser', id: decode(id), ...named };
}

/** A connection between its upgrade request and its place: notices when the client goes away. */
class Arrival {
  readonly #stream: Duplex;
  readonly #gone = new AbortController();
  readonly #early: Buffer[];
  #bytes = 0;

  constructor(stream: Duplex, head: Buffer) {
    this.#stream = stream;
    this.#early = [head];
    stream.on('data', this.#onData);
    stream.on('end', this.#onGone);
    stream.on('close', this.#onGone);
    stream.on('error', this.#onGone);
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Stops watching; gives what came early, or undefined when the client has gone. */
  done(): Buffer | undefined {
    const stream = this.#stream;
    stream.pause();
    stream.off('data', this.#onData);
    stream.off('end', this.#onGone);
    stream.off('close', this.#onGone);
    stream.off('error', this.#onGone);
    return this.#gone.signal.aborted ? undefined : Buffer.concat(this.#early);
  }

  #onData = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > EARLY_BYTES) this.#stream.destroy();
  };

  #onGone = (): void => {
    this.#gone.abort();
  };
}
