import type { Protocol } from 'devtools-protocol';
import { browserLost, sessionNotFound, targetCrashed, type CdpError } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Method, Reply, Upstream } from '../cdp/upstream.js';
import type { VirtualClient } from './virtual-client.js';

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

  /** Asks a target something for a client, in a session that ends with the answer. */
  ask(client: VirtualClient, targetId: string, method: Method, params: unknown, answer: Answer): void {
    const upstream = this.#upstream;
    const attach = { targetId, flatten: true };
    const settle = client.counting(answer);
    const onAttached: Reply<'Target.attachToTarget'> = (gone, attached) => {
      if (gone || !attached) {
        settle(gone === browserLost ? gone : sessionNotFound, undefined);
        return;
      }
      const { sessionId } = attached;
      this.#targets.set(sessionId, targetId);
      const onAnswer: Answer = (error, result) => {
        if (this.#targets.delete(sessionId)) {
          upstream.call('Target.detachFromTarget', { sessionId }, this.#rootId);
        }
        settle(error, result);
      };
      upstream.call(method, params as never, sessionId, onAnswer, client);
    };
    upstream.call('Target.attachToTarget', attach, this.#rootId, onAttached, client);
  }

  /** One more, of which nobody else hears that it has ended. */
  watch(sessionId: string, targetId: string): void {
    this.#targets.set(sessionId, targetId);
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
