import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { canonicalHost } from './host.js';

/** One line of `policy.egress.allow` or `deny`: addresses, or names. */
export type EgressEntry =
  | { readonly kind: 'addresses'; readonly network: ipaddr.IPv4 | ipaddr.IPv6; readonly bits: number }
  /** `under`: what ends with this name after a dot, and not the name itself; '' is every host. */
  | { readonly kind: 'name'; readonly name: string; readonly under: boolean };

/** Reads `10.0.0.0/8`, `::1`, `example.com`, `*.example.com` or `*`; undefined for anything else. */
export function parseEntry(text: string): EgressEntry | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  if (isIP(address) !== 0 && !address.includes('%'))
    return rest.length > 0 ? undefined : network(address, prefix);
  if (prefix !== undefined) return undefined;
  if (text === '*') return { kind: 'name', name: '', under: true };
  const under = text.startsWith('*.');
  const given = under ? text.slice(2) : text;
  const name = canonicalHost(given);
  // a number, or a name with a wildcard in the middle, would never match what its writer had in mind
  if (name === undefined || isIP(name) !== 0 || !/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/.test(name))
    return undefined;
  return { kind: 'name', name, under };
}

function network(address: string, prefix: string | undefined): EgressEntry | undefined {
  const parsed = ipaddr.parse(address);
  const most = parsed.kind() === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { kind: 'addresses', ...unmapped(parsed, most) };
  const bits = Number(prefix);
  return /^\d{1,3}$/.test(prefix) && bits <= most
    ? { kind: 'addresses', ...unmapped(parsed, bits) }
    : undefined;
}

/** Addresses are compared as IPv4 where they are IPv4-mapped, and so must the entry be. */
function unmapped(parsed: ipaddr.IPv4 | ipaddr.IPv6, bits: number) {
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() && bits >= 96
    ? { network: parsed.toIPv4Address(), bits: bits - 96 }
    : { network: parsed, bits };
}
