import type { Upstream } from '../cdp/upstream.js';

/** A session on the browser, for one client. */
export function attachRoot(upstream: Upstream): Promise<string> {
  const attaching = upstream.request('Target.attachToBrowserTarget', undefined, '');
  const rootId = attaching.then(({ sessionId }) => sessionId);
  // Whoever takes it hears of it.
  rootId.catch(() => undefined);
  return rootId;
}

/** Ends a session on the browser, and with it the contexts that vanish with it. */
export function detachRoot(upstream: Upstream, sessionId: string): void {
  upstream.call('Target.detachFromTarget', { sessionId }, '');
}
