import type { Tenant } from './tenant.js';

/** The proxy that a client asked for, in Chrome's own words. */
export interface ProxyWish {
  readonly proxyServer?: string | undefined;
  readonly proxyBypassList?: string | undefined;
}

/** The proxy that a BrowserContext is made with, so that all it sends is looked at. */
export interface ContextProxy {
  readonly proxyServer: string;
  readonly proxyBypassList: string;
  /** The context is gone, or was not made after all. */
  readonly release: () => void;
}

/** The way out of one virtual browser. */
export interface EgressGate {
  /**
   * A proxy for one more BrowserContext, which goes on to the one that was asked for; rejects with BAD_PARAMETER where
   * it can't be understood, with FORBIDDEN where it may not be used.
   */
  proxyFor(wish: ProxyWish): Promise<ContextProxy>;
  /** The virtual browser has ended: all its connections are closed. */
  close(): void;
}

/** One that was opened ahead of need: it is nobody's, and what is denied there nobody counts, until it is given. */
export interface ReadyGate extends EgressGate {
  /** From now on it is the way out of this one's virtual browser. */
  giveTo(owner: EgressOwner): void;
}

/** Whose gate is opened, and who counts what is denied there. */
export interface EgressOwner {
  readonly virtualBrowserId: string;
  readonly tenant: Tenant;
  readonly onDenied: () => void;
}

/** What may go out of virtual browsers. */
export interface Egress {
  /** What a Chrome must be started with, or its pages find a way around the proxy. */
  readonly chromeFlags: readonly string[];
  /** The gate of a virtual browser; undefined for one that goes out freely. */
  open(owner: EgressOwner): EgressGate | undefined;
  /** A gate for a virtual browser that is kept ready; without this none is kept ready for those who have a gate. */
  openAhead?(): ReadyGate;
}
