import type { Upstream } from '../cdp/upstream.js';

/**
 * Ends a session on a target and leaves the target running. Detaching does not resume a target that waits for its
 * debugger, and before a worker has answered the order to run it would even undo that: so it comes after the answer.
 */
export function letGo(upstream: Upstream, sessionId: string, holder: string, waiting: boolean): void {
  const detach = (): void => upstream.call('Target.detachFromTarget', { sessionId }, holder);
  if (waiting) upstream.call('Runtime.runIfWaitingForDebugger', undefined, sessionId, detach);
  else detach();
}
