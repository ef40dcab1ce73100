import ipaddr from 'ipaddr.js';

/** What an address is to the one who must decide whether a stranger's page may reach it. */
export type AddressKind =
  | 'public'
  | 'private'
  | 'loopback'
  | 'own'
  | 'link-local'
  | 'metadata'
  | 'multicast'
  | 'unspecified'
  | 'reserved';

type Parsed = ipaddr.IPv4 | ipaddr.IPv6;

/** Public by its number, yet answered by the machine's own host: Azure's WireServer. */
const METADATA = new Set(['169.254.169.254', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254']);

/** Names of ipaddr.js. Whatever is not here is reserved. */
const kindOfRange: Readonly<Record<string, AddressKind>> = {
  unicast: 'public',
  private: 'private',
  uniqueLocal: 'private',
  carrierGradeNat: 'private',
  deprecatedSiteLocal: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
  broadcast: 'multicast',
  unspecified: 'unspecified',
  // an IPv4 address travels inside, which is looked at as well
  rfc6052: 'public',
  '6to4': 'public',
};

/** All IPv6 that is routed today; the rest is not given to anybody, or holds an IPv4 address in a way long gone. */
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];
/** NAT64 with the prefix that everybody uses; the other one (64:ff9b:1::/48) is for private networks. */
const NAT64: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('64:ff9b::'), 96];

/**
 * An address in all the forms in which it means something: itself (an IPv4-mapped one as IPv4, which is what the system
 * connects to), and the IPv4 address to which a NAT64 or 6to4 gateway would take it.
 */
export function formsOf(address: string): Parsed[] {
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return [parsed];
  const bytes = parsed.toByteArray();
  if (parsed.match(NAT64)) return [parsed, new ipaddr.IPv4(bytes.slice(12))];
  if (parsed.range() === '6to4') return [parsed, new ipaddr.IPv4(bytes.slice(2, 6))];
  return [parsed];
}

/** The kind of one form; `own` are the addresses of this machine's interfaces. */
export function kindOf(form: Parsed, own: ReadonlySet<string>): AddressKind {
  const text = form.toString();
  if (METADATA.has(text)) return 'metadata';
  const kind = kindOfRange[form.range()] ?? 'reserved';
  if (kind !== 'public') return kind;
  if (own.has(text)) return 'own';
  if (form instanceof ipaddr.IPv6 && !form.match(GLOBAL_UNICAST) && !form.match(NAT64)) return 'reserved';
  return 'public';
}

/** The same address always as the same text: shortest form, an IPv4-mapped one as IPv4, no zone. */
export function canonicalAddress(address: string): string {
  return ipaddr.process(address.replace(/%.*$/, '')).toString();
}
