import { networkInterfaces } from 'node:os';
import { RequestError } from 'proxy-chain';
import {
  CdpmuxError,
  type ContextProxy,
  type Egress,
  type EgressGate,
  type EgressOwner,
  type ProxyWish,
  type ReadyGate,
  type Tenant,
} from '../../src/index.js';
import { canonicalAddress } from './address.js';
import { parseBypassList } from './bypass-list.js';
import { Checkpoint } from './checkpoint.js';
import { authority } from './host.js';
import { Lane } from './lane.js';
import { EgressPolicy } from './policy.js';
import { systemResolver, type Resolve } from './resolver.js';
import { parseProxyServer, type UpstreamProxies } from './upstream-proxy.js';

/** What may go out, as configured. */
export interface EgressOptions {
  /** `auto` filters what goes out for tenants of trust `tenant`. */
  readonly mode: 'auto' | 'off' | 'filter';
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Where the proxies listen, which Chrome must reach. */
  readonly host: string;
  /** Longest time to find a host's addresses, and to connect, ms. */
  readonly connectTimeout: number;
  /** Connections that one virtual browser may have open. */
  readonly maxConnections: number;
}

/** Where denials are told. */
export type EgressLog = (level: 'warn', message: string, fields: object) => void;

/** What the filter needs of its surroundings. */
export interface EgressSurroundings {
  readonly log: EgressLog;
  /** Whether tenants of trust `tenant` may come at all. */
  readonly strangers: boolean;
  readonly resolve?: Resolve;
}

/** WebRTC finds its way around a proxy by UDP; with these nothing leaves but through it. */
const CHROME_FLAGS = [
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
  '--webrtc-ip-handling-policy=disable_non_proxied_udp',
];

/** Addresses of this machine are looked at again after this, ms. */
const OWN_FRESH = 5_000;
/** Longest `proxyServer` and `proxyBypassList`, as in the upgrade's parameters. */
const LONGEST_WISH = 4096;
/** Destinations whose denial is logged, for each virtual browser; the rest is only counted. */
const MOST_LOGGED = 50;

/** The filter of what goes out; undefined where nobody is filtered. */
export function createEgress(options: EgressOptions, surroundings: EgressSurroundings): Egress | undefined {
  if (options.mode === 'off' || (options.mode === 'auto' && !surroundings.strangers)) return undefined;
  return new EgressProxy(options, surroundings);
}

class EgressProxy implements Egress {
  readonly chromeFlags = CHROME_FLAGS;
  readonly #options: EgressOptions;
  readonly #policy: EgressPolicy;
  readonly #resolve: Resolve;
  readonly #log: EgressLog;
  /** Ports of all lanes; added when one opens, taken off when it closes. */
  readonly #ports = new Set<number>();

  constructor(options: EgressOptions, { log, resolve = systemResolver() }: EgressSurroundings) {
    this.#options = options;
    this.#policy = new EgressPolicy(options, ownAddresses());
    this.#resolve = resolve;
    this.#log = log;
  }

  open(owner: EgressOwner): EgressGate | undefined {
    if (!this.#filters(owner.tenant)) return undefined;
    const gate = this.openAhead();
    gate.giveTo(owner);
    return gate;
  }

  openAhead(): ReadyGate {
    const { connectTimeout, host } = this.#options;
    const denials = new Denials(this.#log);
    const checkpoint = new Checkpoint({
      policy: this.#policy,
      resolve: this.#resolve,
      timeout: connectTimeout,
      own: { address: canonicalAddress(host), ports: this.#ports },
      onDenied: (destination, why) => denials.add(destination, why),
    });
    return new Gate(this.#options, checkpoint, this.#ports, denials);
  }

  #filters({ trust }: Tenant): boolean {
    return this.#options.mode === 'filter' || trust === 'tenant';
  }
}

/** What a gate denied: counted, and told of once for each destination. */
class Denials {
  /** Nobody before the gate is given to somebody: nothing goes out by it. */
  owner: EgressOwner | undefined;
  readonly #log: EgressLog;
  readonly #told = new Set<string>();

  constructor(log: EgressLog) {
    this.#log = log;
  }

  add(destination: string, why: string): void {
    const told = this.#told;
    this.owner?.onDenied();
    if (told.size >= MOST_LOGGED || told.has(destination)) return;
    told.add(destination);
    const { tenant, virtualBrowserId: virtualBrowser } = this.owner ?? {};
    const last = told.size === MOST_LOGGED ? '; further ones of this virtual browser are only counted' : '';
    this.#log('warn', `egress denied: ${why}${last}`, { tenant: tenant?.name, virtualBrowser, destination });
  }
}

/** The lanes of one virtual browser: one for all contexts that asked for the same proxy. */
class Gate implements ReadyGate {
  readonly #options: EgressOptions;
  readonly #checkpoint: Checkpoint;
  readonly #ports: Set<number>;
  readonly #denials: Denials;
  /** By what was asked for; taken off when the last context that uses it has gone. */
  readonly #lanes = new Map<string, { readonly lane: Promise<Lane>; users: number }>();
  #connections = 0;
  #state: 'open' | 'closed' = 'open';

  constructor(options: EgressOptions, checkpoint: Checkpoint, ports: Set<number>, denials: Denials) {
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#ports = ports;
    this.#denials = denials;
  }

  giveTo(owner: EgressOwner): void {
    this.#denials.owner = owner;
  }

  async proxyFor({ proxyServer, proxyBypassList = '' }: ProxyWish): Promise<ContextProxy> {
    if (this.#state === 'closed') throw new CdpmuxError('ENDED', 'The virtual browser has ended.');
    const upstream = this.#read(proxyServer, proxyBypassList);
    // Without a proxy of its own there is nothing to go past.
    const key = upstream ? JSON.stringify([proxyServer, proxyBypassList]) : '';
    const used = this.#lanes.get(key) ?? { lane: this.#listen(upstream, proxyBypassList), users: 0 };
    this.#lanes.set(key, used);
    used.users++;
    const release = once(() => {
      if (--used.users > 0) return;
      if (this.#lanes.get(key) === used) this.#lanes.delete(key);
      this.#drop(used.lane);
    });
    try {
      const { port } = await used.lane;
      const server = `http://${authority(this.#options.host, port)}`;
      // Chrome goes past a proxy to this machine by itself, unless told not to.
      return { proxyServer: server, proxyBypassList: '<-loopback>', release };
    } catch (error) {
      release();
      throw error;
    }
  }

  close(): void {
    this.#state = 'closed';
    for (const { lane } of this.#lanes.values()) this.#drop(lane);
    this.#lanes.clear();
  }

  /** What was asked for, understood and permitted as far as its text says. */
  #read(proxyServer: string | undefined, bypassList: string): UpstreamProxies | undefined {
    for (const [name, value = ''] of [
      ['proxyServer', proxyServer] as const,
      ['proxyBypassList', bypassList] as const,
    ]) {
      if (value.length > LONGEST_WISH)
        throw unusable(name, value, `it is longer than ${LONGEST_WISH} characters`);
    }
    if (proxyServer === undefined || proxyServer === '') return undefined;
    let upstream: UpstreamProxies;
    try {
      upstream = parseProxyServer(proxyServer);
    } catch (error) {
      throw unusable('proxyServer', proxyServer, (error as Error).message);
    }
    for (const proxy of [upstream.http, upstream.tunnel]) {
      try {
        if (proxy) this.#checkpoint.check(proxy);
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        throw new CdpmuxError('FORBIDDEN', `proxyServer may not be used: ${error.message.trim()}`);
      }
    }
    return upstream.http || upstream.tunnel ? upstream : undefined;
  }

  async #listen(upstream: UpstreamProxies | undefined, bypassList: string): Promise<Lane> {
    const { host, connectTimeout, maxConnections } = this.#options;
    const body = `cdpmux: this virtual browser has ${maxConnections} connections open, as many as policy.egress.maxConnections allows.\n`;
    const lane = await Lane.listen({
      host,
      checkpoint: this.#checkpoint,
      connectTimeout,
      upstream,
      bypass: parseBypassList(bypassList),
      enter: () => {
        if (this.#connections >= maxConnections) return false;
        this.#connections++;
        return true;
      },
      leave: () => void this.#connections--,
      full: `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    });
    this.#ports.add(lane.port);
    return lane;
  }

  #drop(lane: Promise<Lane>): void {
    const drop = (open: Lane): void => {
      this.#ports.delete(open.port);
      open.close();
    };
    // One that did not open has nothing to close.
    lane.then(drop, () => undefined);
  }
}

function unusable(parameter: string, value: string, why: string): CdpmuxError {
  // It may hold a password.
  const shown = value.replace(/[^/@]*@/g, '…@').slice(0, 100);
  const message = `Parameter ${parameter} has the value ${JSON.stringify(shown)}, which can't be used: ${why}.`;
  return new CdpmuxError('BAD_PARAMETER', message, { details: { parameter, value: shown, range: why } });
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** The addresses of this machine's interfaces, asked for now and then: they change while it runs. */
function ownAddresses(): () => ReadonlySet<string> {
  let known: ReadonlySet<string> = new Set();
  let readAt = -OWN_FRESH;
  return () => {
    if (performance.now() - readAt > OWN_FRESH) {
      const addresses = Object.values(networkInterfaces()).flatMap(
        (of) => of?.map(({ address }) => address) ?? [],
      );
      known = new Set(addresses.map(canonicalAddress));
      readAt = performance.now();
    }
    return known;
  };
}
