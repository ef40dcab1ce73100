import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A relay of bytes in front of a remote Chrome, whose connections can be cut one by one. */
export class UpstreamRelay {
  /** The Chrome's WebSocket URL, by way of the relay. */
  readonly wsUrl: string;
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;
  /** Sockets on cdpmux's side; taken off when they close. */
  readonly #clients = new Set<Socket>();

  private constructor(server: Server, chrome: URL) {
    this.#server = server;
    this.#host = chrome.hostname;
    this.#port = Number(chrome.port);
    const url = new URL(chrome);
    url.port = String((server.address() as AddressInfo).port);
    this.wsUrl = url.href;
    server.on('connection', (client) => this.#join(client));
  }

  static async open(chromeUrl: string): Promise<UpstreamRelay> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new UpstreamRelay(server, new URL(chromeUrl));
  }

  get connections(): number {
    return this.#clients.size;
  }

  /** Cuts the connection at that part of them, without a word to either side; false when there is none. */
  cut(part: number): boolean {
    const client = [...this.#clients][Math.floor(part * this.#clients.size)];
    client?.resetAndDestroy();
    return client !== undefined;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  #join(client: Socket): void {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    const chrome = connect({ host: this.#host, port: this.#port, noDelay: true });
    for (const [from, to] of [
      [client, chrome],
      [chrome, client],
    ] as const) {
      from.pipe(to);
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    }
  }
}
