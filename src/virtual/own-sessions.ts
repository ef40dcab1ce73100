import type { Protocol } from 'devtools-protocol';
import { sessionNotFound, targetCrashed, type CdpError } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Method, Upstream } from '../cdp/upstream.js';

/** The answer to what was asked of a target, or the error `sessionNotFound` when it has gone. */
export type Answer = (error: CdpError | undefined, result: unknown) => void;

/**
 * Sessions of cdpmux's own on the targets of one virtual browser, one for each thing that is asked. Chrome says nothing of
 * a command whose session ends, nor of one whose page crashed: so it is said here.
 */
export class OwnSessions implements EventSink {
  readonly #upstream: Upstream;
  readonly #rootId: string;
  /** The target of each session; added when it is attached, taken off with its answer and when it ends. */
  readonly #targets = new Map<string, string>();

  /** `rootId` is the virtual browser's own session, which holds them. */
  constructor(upstream: Upstream, rootId: string) {
    this.#upstream = upstream;
    this.#rootId = rootId;
    upstream.route(rootId, this);
  }

  /** Asks a target something in a session that ends with the answer. */
  ask(targetId: string, method: Method, params: unknown, answer: Answer): void {
    const upstream = this.#upstream;
    upstream.call('Target.attachToTarget', { targetId, flatten: true }, this.#rootId, (gone, attached) => {
      if (gone || !attached) {
        answer(sessionNotFound, undefined);
        return;
      }
      const { sessionId } = attached;
      this.#targets.set(sessionId, targetId);
      upstream.call(method, params as never, sessionId, (error, result) => {
        const isThere = this.#targets.delete(sessionId);
        answer(error, result);
        if (isThere) upstream.call('Target.detachFromTarget', { sessionId }, this.#rootId);
      });
    });
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    if (scan.method(message) !== 'Target.detachedFromTarget') return;
    const { params } = JSON.parse(message.toString()) as { params: Protocol.Target.DetachedFromTargetEvent };
    if (this.#targets.delete(params.sessionId)) this.#upstream.failSession(params.sessionId, sessionNotFound);
  }

  /** A page's renderer has died. */
  crashed(crashedId: string): void {
    for (const [sessionId, targetId] of this.#targets) {
      if (targetId === crashedId) this.#upstream.failSession(sessionId, targetCrashed);
    }
  }

  /** The virtual browser has ended, and all its sessions with it. */
  close(): void {
    const sessionIds = [...this.#targets.keys()];
    this.#targets.clear();
    for (const sessionId of sessionIds) this.#upstream.failSession(sessionId, sessionNotFound);
    this.#upstream.unroute(this.#rootId);
  }
}
