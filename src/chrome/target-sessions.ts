import type { Protocol } from 'devtools-protocol';
import { sessionNotFound } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Method, Params, Reply, Result, Upstream } from '../cdp/upstream.js';

/** A session of cdpmux's own on a target; `ready` once its page has answered in it. */
type State =
  { readonly kind: 'attaching' } | { readonly kind: 'open'; readonly sessionId: string; ready: boolean };

/**
 * Sessions of cdpmux's own on targets, kept as long as those are there: a page that is stuck in a loop answers
 * `Performance.getMetrics` only in a session that was there, with the domain enabled, before the loop.
 */
export class TargetSessions implements EventSink {
  readonly #upstream: Upstream;
  /** The browser-level session that holds them. */
  #root: { readonly kind: 'none' | 'opening' | 'closed' } | { readonly kind: 'open'; readonly id: string } = {
    kind: 'none',
  };
  /** Added by `follow`, taken off with their targets. */
  readonly #sessions = new Map<string, State>();
  /** Targets by session, for Chrome's events. */
  readonly #targets = new Map<string, string>();
  /** What waits for an answer, `<session> <method>`: one of a kind at a time, since a stuck page answers none. */
  readonly #asked = new Set<string>();

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Attaches to targets that are new, and forgets those that are gone; false where that can't be done yet. */
  follow(targetIds: ReadonlySet<string>): boolean {
    for (const targetId of this.#sessions.keys()) if (!targetIds.has(targetId)) this.#forget(targetId);
    if (this.#root.kind === 'none' && targetIds.size > 0) this.#open();
    if (this.#root.kind !== 'open') return targetIds.size === 0;
    for (const targetId of targetIds) {
      if (!this.#sessions.has(targetId)) this.#attach(targetId, this.#root.id);
    }
    return true;
  }

  /** The answer of a target within so many ms; undefined when it gave none, an error, or was not asked because it owes one. */
  ask<M extends Method>(
    targetId: string,
    method: M,
    params: Params<M>,
    within: number,
  ): Promise<Result<M> | undefined> {
    const state = this.#sessions.get(targetId);
    if (state?.kind !== 'open' || !state.ready) return Promise.resolve(undefined);
    const key = `${state.sessionId} ${method}`;
    if (this.#asked.has(key)) return Promise.resolve(undefined);
    this.#asked.add(key);
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), within);
      const settle: Reply<M> = (_error, result) => {
        this.#asked.delete(key);
        clearTimeout(late);
        resolve(result);
      };
      this.#upstream.call(method, params, state.sessionId, settle);
    });
  }

  /** Detaches from all. */
  close(): void {
    const root = this.#root;
    this.#root = { kind: 'closed' };
    for (const targetId of [...this.#sessions.keys()]) this.#forget(targetId);
    if (root.kind !== 'open') return;
    this.#upstream.unroute(root.id);
    this.#upstream.call('Target.detachFromTarget', { sessionId: root.id }, '');
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    if (scan.method(message) !== 'Target.detachedFromTarget') return;
    const { params } = JSON.parse(message.toString()) as { params: Protocol.Target.DetachedFromTargetEvent };
    const targetId = this.#targets.get(params.sessionId);
    if (targetId !== undefined) this.#forget(targetId);
  }

  #open(): void {
    this.#root = { kind: 'opening' };
    this.#upstream.call('Target.attachToBrowserTarget', undefined, '', (error, attached) => {
      if (this.#root.kind === 'closed') {
        if (attached) this.#upstream.call('Target.detachFromTarget', { sessionId: attached.sessionId }, '');
      } else if (error || !attached) this.#root = { kind: 'none' };
      else {
        this.#root = { kind: 'open', id: attached.sessionId };
        this.#upstream.route(attached.sessionId, this);
      }
    });
  }

  #attach(targetId: string, rootId: string): void {
    const attaching: State = { kind: 'attaching' };
    this.#sessions.set(targetId, attaching);
    this.#upstream.call('Target.attachToTarget', { targetId, flatten: true }, rootId, (error, attached) => {
      // It went meanwhile, or all is closed, and the session with the root.
      if (this.#sessions.get(targetId) !== attaching) return;
      if (error || !attached) {
        this.#sessions.delete(targetId);
        return;
      }
      const { sessionId } = attached;
      const open = { kind: 'open' as const, sessionId, ready: false };
      this.#sessions.set(targetId, open);
      this.#targets.set(sessionId, targetId);
      this.#upstream.call('Performance.enable', {}, sessionId, (refused) => (open.ready = !refused));
    });
  }

  #forget(targetId: string): void {
    const state = this.#sessions.get(targetId);
    this.#sessions.delete(targetId);
    if (state?.kind !== 'open') return;
    this.#targets.delete(state.sessionId);
    // Chrome says nothing of a command whose session ends.
    this.#upstream.failSession(state.sessionId, sessionNotFound);
    if (this.#root.kind !== 'open') return;
    this.#upstream.call('Target.detachFromTarget', { sessionId: state.sessionId }, this.#root.id);
  }
}
