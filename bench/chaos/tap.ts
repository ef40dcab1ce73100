import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import type { Wire } from './messages.js';
import { ServerFrames } from './server-frames.js';

const LONGEST_HEAD = 64 * 1024;

/** One client's connection through the tap. */
interface Tapped {
  readonly frames: ServerFrames;
  readonly client: Socket;
  readonly server: Socket;
  /** The server's close frame came first. */
  closedByServer: boolean;
  cut: boolean;
}

/** Stands between the clients of this process and cdpmux: passes bytes on, reads along, and cuts when told. */
export class Tap {
  readonly wsUrl: string;
  readonly #server: Server;
  readonly #target: URL;
  /** By unit; taken off by `taken`. */
  readonly #tapped = new Map<number, Tapped>();
  /** By unit, what to call when its connection has ended; taken off by `taken`. */
  readonly #onEnd = new Map<number, () => void>();

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    this.wsUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on('connection', (client) => this.#onConnection(client));
  }

  static async open(wsUrl: string): Promise<Tap> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Tap(server, new URL(wsUrl));
  }

  /** Where a unit's client connects: to a new virtual browser, unless a path says where else. */
  urlOf(unit: number, path = '', query = ''): string {
    return `${this.wsUrl}${path}?label.unit=${unit}${query}`;
  }

  /** Resolves when the connection of a unit has ended, by whomever; asked for before it is opened. */
  ended(unit: number): Promise<void> {
    return new Promise((resolve) => this.#onEnd.set(unit, resolve));
  }

  /** Cuts the connection of a unit at that part of those that are let in; gives which. */
  cut(part: number): number | undefined {
    const open = [...this.#tapped].filter(([, { frames, cut, client }]) => {
      return frames.status === 101 && frames.close === undefined && !cut && !client.destroyed;
    });
    const found = open[Math.floor(part * open.length)];
    if (!found) return undefined;
    const [unit, tapped] = found;
    tapped.cut = true;
    // the two ways in which a connection is lost: a reset, and an end without a word
    if (part < 0.5) tapped.server.resetAndDestroy();
    else tapped.server.destroy();
    tapped.client.destroy();
    return unit;
  }

  /** How a unit's connection went; forgets it. */
  taken(unit: number): Wire {
    const tapped = this.#tapped.get(unit);
    this.#tapped.delete(unit);
    this.#onEnd.delete(unit);
    if (!tapped) return { cut: false };
    const { status, head, body, close } = tapped.frames;
    const retryAfter = /^retry-after: (\d+)/im.exec(head)?.[1];
    tapped.client.destroy();
    tapped.server.destroy();
    return {
      cut: tapped.cut,
      ...(status !== undefined && { status }),
      ...(status !== undefined && status !== 101 && { refusal: codeIn(body) }),
      ...(retryAfter !== undefined && { retryAfter: Number(retryAfter) }),
      ...(close && tapped.closedByServer && { close }),
    };
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { client, server } of this.#tapped.values()) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  #onConnection(client: Socket): void {
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const unit = /label\.unit=(\d+)/.exec(head.toString('latin1', 0, head.indexOf('\r\n')))?.[1];
      if (unit === undefined) {
        if (head.length > LONGEST_HEAD) client.destroy();
        return;
      }
      client.off('data', onData);
      this.#join(Number(unit), client, head);
    };
    client.on('data', onData);
    client.on('error', () => client.destroy());
  }

  #join(unit: number, client: Socket, head: Buffer): void {
    const { hostname, port } = this.#target;
    const server = connect({ host: hostname, port: Number(port), noDelay: true });
    const frames = new ServerFrames();
    const tapped: Tapped = { frames, client, server, closedByServer: false, cut: false };
    this.#tapped.set(unit, tapped);
    server.write(head);
    let clientSaidClose = false;
    client.on('data', (chunk: Buffer) => {
      // a client's close is a frame of its own at the end of what it writes
      if ((chunk[0] ?? 0) === 0x88) clientSaidClose = true;
      if (!server.write(chunk)) client.pause();
    });
    server.on('data', (chunk: Buffer) => {
      const before = frames.close;
      frames.read(chunk);
      if (!before && frames.close && !clientSaidClose) tapped.closedByServer = true;
      if (!client.write(chunk)) server.pause();
    });
    client.on('drain', () => server.resume());
    server.on('drain', () => client.resume());
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    client.on('close', () => {
      server.destroy();
      this.#onEnd.get(unit)?.();
    });
    server.on('close', () => client.destroySoon());
    server.on('error', () => server.destroy());
  }
}

function codeIn(body: string): string {
  try {
    return (JSON.parse(body) as { error: { code: string } }).error.code;
  } catch {
    return '';
  }
}
