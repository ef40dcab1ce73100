import type { Egress, ProxyWish } from '../virtual/egress.js';
import type { ReadyWay } from '../virtual/ready-context.js';
import type { VirtualBrowserOptions } from '../virtual/virtual-browser.js';

/** How virtual browsers go out: a context's proxy must be known when it is made, so what is kept ready is ready for one way. */
export interface Way {
  /** Two with the same are the same. */
  readonly key: string;
  /** Whose proxy it is; undefined where a client brings none. */
  readonly proxy: ProxyWish | undefined;
  /** What goes out is looked at. */
  readonly isFiltered: boolean;
}

/** That of clients who bring no proxy. */
export function commonWay(isFiltered: boolean): Way {
  return { key: isFiltered ? 'filtered' : 'free', proxy: undefined, isFiltered };
}

/** The way that a virtual browser is to go out by. */
export function wayOf({ tenant, proxyServer, proxyBypassList, egress }: VirtualBrowserOptions): Way {
  const isFiltered = egress !== undefined;
  if (proxyServer === undefined && proxyBypassList === undefined) return commonWay(isFiltered);
  // No tenant is to find out, by how quick it is, what proxies another one uses.
  const key = JSON.stringify([isFiltered, tenant.name, proxyServer ?? '', proxyBypassList ?? '']);
  return { key, proxy: { proxyServer, proxyBypassList }, isFiltered };
}

/** What one that is made ahead of need goes out by; undefined where it can't be had ahead of need. */
export function readyWay({ proxy, isFiltered }: Way, egress: Egress | undefined): ReadyWay | undefined {
  const gate = isFiltered ? egress?.openAhead?.() : undefined;
  return isFiltered && !gate ? undefined : { ...proxy, gate };
}
