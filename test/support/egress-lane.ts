import { createServer } from 'node:net';
import { createEgress, type EgressOptions } from '../../proxy/egress/egress-proxy.js';
import type { Egress, EgressGate } from '../../src/index.js';
import {
  closeAll,
  listen,
  Names,
  openTunnel,
  openUpstream,
  openWatched,
  type Tunnel,
  type Upstream,
  type Watched,
} from './egress.js';

/** The only address of this machine that may be reached by default; the site listens there too. */
export const open = '127.0.0.2';

/** What lanes are tried with: a site on every address, names, and a filter that opens one address. */
export class Lanes {
  readonly site: Watched;
  readonly names = new Names();
  /** What was logged of denials, and how many there were. */
  readonly logged: string[] = [];
  denied = 0;
  readonly #cleanUp: (() => unknown)[] = [];

  private constructor(site: Watched) {
    this.site = site;
    this.atEnd(() => site.close());
  }

  static async open(): Promise<Lanes> {
    return new Lanes(await openWatched());
  }

  /** Undoes everything, the last first. */
  async close(): Promise<void> {
    for (const step of this.#cleanUp.reverse()) await step();
  }

  atEnd(step: () => unknown): void {
    this.#cleanUp.push(step);
  }

  egress(options: Partial<EgressOptions> = {}, resolve = this.names.resolve): Egress {
    const egress = createEgress(
      {
        mode: 'filter',
        allow: [open],
        deny: [],
        host: '127.0.0.1',
        connectTimeout: 2_000,
        maxConnections: 100,
        ...options,
      },
      { log: (_level, message) => void this.logged.push(message), strangers: true, resolve },
    );
    if (!egress) throw new Error('it does not filter');
    return egress;
  }

  gate(egress = this.egress()): EgressGate {
    const tenant = { name: 'acme', trust: 'tenant' as const };
    const gate = egress.open({ virtualBrowserId: 'v', tenant, onDenied: () => this.denied++ });
    if (!gate) throw new Error('it does not filter this tenant');
    this.atEnd(() => gate.close());
    return gate;
  }

  /** The URL of a lane that goes on to a proxy, or nowhere else. */
  async lane(proxyServer?: string, proxyBypassList?: string, gate = this.gate()): Promise<string> {
    return (await gate.proxyFor({ proxyServer, proxyBypassList })).proxyServer;
  }

  tunnel = async (...args: Parameters<typeof openTunnel>): Promise<Tunnel> => {
    const tunnel = await openTunnel(...args);
    this.atEnd(() => tunnel.socket.destroy());
    return tunnel;
  };

  /** A proxy of the client's own, which finds everything at the site's loopback address. */
  async upstream(credentials?: string): Promise<Upstream> {
    const upstream = await openUpstream(open, '127.0.0.1', credentials);
    this.atEnd(() => upstream.close());
    return upstream;
  }

  /** The port of a server that takes connections and says nothing. */
  async silent(host = open): Promise<number> {
    const server = createServer((socket) => this.atEnd(() => socket.destroy()));
    this.atEnd(() => closeAll(server));
    return listen(server, host);
  }
}
