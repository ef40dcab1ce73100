import type ipaddr from 'ipaddr.js';
import { formsOf, kindOf, type AddressKind } from './address.js';
import { parseEntry, type EgressEntry } from './entry.js';

/** Whether an address may be reached under a name; where not, why, in words for who asked. */
export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly why: string };

/** The lists of the configuration. */
export interface EgressLists {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

type Answer = 'allow' | 'deny';
type Entry = EgressEntry & { readonly answer: Answer };

/** What an allowed name opens beyond public addresses. The rest, such as metadata, only an allowed CIDR does. */
const openedByName: ReadonlySet<AddressKind> = new Set(['private', 'loopback', 'own', 'reserved']);

const allowed: Verdict = Object.freeze({ allowed: true });

/**
 * Which hosts and addresses may be reached: public addresses, and what the lists say. Among names, and among CIDRs, the
 * most specific entry decides, `deny` where two are alike; what either kind denies stays denied.
 */
export class EgressPolicy {
  readonly #names: (Entry & { kind: 'name' })[] = [];
  readonly #networks: (Entry & { kind: 'addresses' })[] = [];
  readonly #own: () => ReadonlySet<string>;

  /** `own` gives the addresses of this machine's interfaces. */
  constructor({ allow, deny }: EgressLists, own: () => ReadonlySet<string>) {
    this.#own = own;
    for (const [answer, texts] of [['deny', deny] as const, ['allow', allow] as const]) {
      for (const text of texts) {
        const entry = parseEntry(text);
        if (!entry) throw new TypeError(`${text} is no host name and no CIDR`);
        if (entry.kind === 'name') this.#names.push({ ...entry, answer });
        else this.#networks.push({ ...entry, answer });
      }
    }
    // The most specific first; sort keeps `deny` before `allow` where they are alike.
    this.#names.sort((a, b) => specificity(b) - specificity(a));
    this.#networks.sort((a, b) => b.bits - a.bits);
  }

  /** What is said of a host before its addresses are known; it may be an address itself. */
  judgeName(host: string): Verdict {
    if (this.#named(host) === 'deny') return denied(`${host} is denied by policy.egress.deny`);
    return allowed;
  }

  /** Whether `address` may be reached as `host`, both canonical. */
  judge(host: string, address: string): Verdict {
    const named = this.#named(host);
    if (named === 'deny') return this.judgeName(host);
    for (const form of formsOf(address)) {
      const answer = this.#networks.find(({ network, bits }) => matches(form, network, bits))?.answer;
      if (answer === 'allow') continue;
      const shown = form.toString() === host ? host : `${host} (${form.toString()})`;
      if (answer === 'deny') return denied(`${shown} is denied by policy.egress.deny`);
      const kind = kindOf(form, this.#own());
      if (kind === 'public' || (named === 'allow' && openedByName.has(kind))) continue;
      return denied(`${shown} is ${words[kind]}, which policy.egress.allow does not open`);
    }
    return allowed;
  }

  #named(host: string): Answer | undefined {
    return this.#names.find(({ name, under }) => {
      if (!under) return host === name;
      return name === '' || host.endsWith(`.${name}`);
    })?.answer;
  }
}

const words: Readonly<Record<AddressKind, string>> = {
  public: 'a public address',
  private: 'a private address',
  loopback: 'a loopback address',
  own: 'an address of this machine',
  'link-local': 'a link-local address',
  metadata: "an address of the cloud's metadata service",
  multicast: 'a multicast address',
  unspecified: 'the unspecified address',
  reserved: 'a reserved address',
};

function denied(why: string): Verdict {
  return { allowed: false, why };
}

/** A name before the wildcard above it, the longer name before the shorter. */
function specificity({ name, under }: { readonly name: string; readonly under: boolean }): number {
  return name.length * 2 + (under ? 0 : 1);
}

function matches(form: ipaddr.IPv4 | ipaddr.IPv6, network: ipaddr.IPv4 | ipaddr.IPv6, bits: number): boolean {
  return form.kind() === network.kind() && form.match(network, bits);
}
