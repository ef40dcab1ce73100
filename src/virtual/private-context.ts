import type { Params, Upstream } from '../cdp/upstream.js';
import type { EgressGate, ProxyWish } from './egress.js';

/** How a context goes out: by the proxy that was asked for, through the gate where there is one. */
export interface WayOut extends ProxyWish {
  readonly egress?: EgressGate | undefined;
}

/** Makes the context that a virtual browser of a shared Chrome has as its default one. */
export async function privateContext(upstream: Upstream, sessionId: string, out: WayOut): Promise<string> {
  const { proxyServer, proxyBypassList } = (await out.egress?.proxyFor(out)) ?? out;
  const params: Params<'Target.createBrowserContext'> = {
    disposeOnDetach: true,
    ...(proxyServer !== undefined && { proxyServer }),
    ...(proxyBypassList !== undefined && { proxyBypassList }),
  };
  return (await upstream.request('Target.createBrowserContext', params, sessionId)).browserContextId;
}
