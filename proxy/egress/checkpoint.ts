import { isIP } from 'node:net';
import { RequestError } from 'proxy-chain';
import { canonicalAddress } from './address.js';
import { authority, canonicalHost } from './host.js';
import type { EgressPolicy, Verdict } from './policy.js';
import type { Resolve } from './resolver.js';

/** What is asked for: a host in whatever form, and a port. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** What a checkpoint works with. */
export interface CheckpointOptions {
  readonly policy: EgressPolicy;
  readonly resolve: Resolve;
  /** Longest time that finding a host's addresses may take, ms. */
  readonly timeout: number;
  /** Where the proxies listen, and their ports: what is behind them is another virtual browser's. */
  readonly own: { readonly address: string; readonly ports: ReadonlySet<number> };
  readonly onDenied: (destination: string, why: string) => void;
}

/** Finds the addresses of a destination and says which of them may be connected to. */
export class Checkpoint {
  readonly #options: CheckpointOptions;

  constructor(options: CheckpointOptions) {
    this.#options = options;
  }

  /**
   * The addresses that may be connected to, and nothing else may; rejects with a `RequestError` where there are none.
   * With `elsewhere` somebody else resolves the name, and one that is unknown here is left to them.
   */
  async admit({ host: text, port }: Destination, elsewhere = false): Promise<string[]> {
    const host = canonicalHost(text);
    if (host === undefined) throw new RequestError(`cdpmux: ${text} is no host.\n`, 400);
    this.refuseUnless(this.#options.policy.judgeName(host), host, port);
    let addresses: readonly string[];
    try {
      addresses = isIP(host) === 0 ? await this.#lookUp(host) : [host];
    } catch (error) {
      if (elsewhere) return [];
      throw new RequestError(`cdpmux: ${(error as Error).message}\n`, 502);
    }
    return this.#permitted(host, port, addresses);
  }

  /** Refuses what the host's text alone forbids, before anything is looked up. */
  check({ host, port }: Destination): void {
    const { policy } = this.#options;
    this.refuseUnless(policy.judgeName(host), host, port);
    if (isIP(host) !== 0) this.#permitted(host, port, [host]);
  }

  refuseUnless(verdict: Verdict, host: string, port: number): void {
    if (verdict.allowed) return;
    this.#options.onDenied(authority(host, port), verdict.why);
    throw new RequestError(`cdpmux: ${verdict.why}.\n`, 403);
  }

  #permitted(host: string, port: number, addresses: readonly string[]): string[] {
    const verdicts = addresses.map((address) => {
      const canonical = canonicalAddress(address);
      return { canonical, verdict: this.#judge(host, canonical, port) };
    });
    const good = verdicts.filter(({ verdict }) => verdict.allowed).map(({ canonical }) => canonical);
    const [first] = verdicts;
    if (good.length === 0 && first) this.refuseUnless(first.verdict, host, port);
    return good;
  }

  #judge(host: string, address: string, port: number): Verdict {
    const { policy, own } = this.#options;
    // To the unspecified address the system connects as to itself.
    if (own.ports.has(port) && [own.address, '0.0.0.0', '::'].includes(address)) {
      return { allowed: false, why: `${authority(host, port)} is a port of cdpmux's own` };
    }
    return policy.judge(host, address);
  }

  async #lookUp(host: string): Promise<readonly string[]> {
    const { resolve, timeout } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const expire = () => reject(new Error(`the addresses of ${host} were not found within ${timeout} ms`));
      timer = setTimeout(expire, timeout);
    });
    try {
      const found = await Promise.race([resolve(host), late]);
      if (found.length === 0) throw new Error(`${host} has no address`);
      return found;
    } finally {
      clearTimeout(timer);
    }
  }
}
