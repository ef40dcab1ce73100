import type { Protocol } from 'devtools-protocol';
import { encodeEvent } from '../cdp/encode.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import { cutSession } from '../cdp/patch.js';
import type { EventSink, Method, Params, Reply } from '../cdp/upstream.js';
import type { AutoAttach } from './auto-attach.js';
import type { Discovery } from './discovery.js';
import { handleEvent } from './events.js';
import type { Trace } from './trace.js';
import type { VirtualClient } from './virtual-client.js';

/** How a session came to be. */
export interface SessionOrigin {
  readonly id: string;
  readonly client: VirtualClient;
  /** The target's type; `browser` for sessions that are roots. */
  readonly type: string;
  readonly targetId: string;
  /** The session in which the client got it; undefined for the client's own root. */
  readonly parent: ClientSession | undefined;
  /** The session that holds it in Chrome, and in which it is detached: the parent, or a shared root. */
  readonly holder: string;
  /** The client knows it as its root: messages carry no `sessionId`. */
  readonly hidden: boolean;
}

/** One CDP session of a client: its root, one on a target, or a further one on the browser. */
export class ClientSession implements EventSink {
  readonly id: string;
  readonly client: VirtualClient;
  readonly type: string;
  readonly targetId: string;
  readonly parent: ClientSession | undefined;
  readonly holder: string;
  readonly hidden: boolean;
  readonly children = new Set<ClientSession>();
  discovery: Discovery | undefined;
  autoAttach: AutoAttach | undefined;
  /** While it traces. */
  trace: Trace | undefined;
  /** Its target waits for this session's `Runtime.runIfWaitingForDebugger`. */
  waiting = false;

  constructor(origin: SessionOrigin) {
    this.id = origin.id;
    this.client = origin.client;
    this.type = origin.type;
    this.targetId = origin.targetId;
    this.parent = origin.parent;
    this.holder = origin.holder;
    this.hidden = origin.hidden;
    this.parent?.children.add(this);
  }

  /** The `sessionId` that the client sees in its messages. */
  get shownId(): string | undefined {
    return this.hidden ? undefined : this.id;
  }

  get isBrowser(): boolean {
    return this.type === 'browser';
  }

  onEvent(message: Buffer, scan: MessageScanner): void {
    if (isWatched(message, scan)) handleEvent(this, message, scan);
    else this.pass(message, scan);
  }

  onFault(): void {
    this.client.onFault();
  }

  /** Hands an event of Chrome's to the client as it is. */
  pass(message: Buffer, scan: MessageScanner): void {
    this.client.send(this.hidden ? cutSession(message, scan) : message);
  }

  /** Sends an event that Chrome did not send in this form. */
  emit(method: string, params: unknown): void {
    this.client.send(encodeEvent(method, params, this.shownId));
  }

  /** Sends a command of cdpmux's own in this session. */
  tell<M extends Method>(method: M, params: Params<M>, reply?: Reply<M>): void {
    this.client.virtual.host.upstream.call(method, params, this.id, reply, this);
  }

  emitTarget(
    method: 'Target.targetCreated' | 'Target.targetInfoChanged',
    targetInfo: Protocol.Target.TargetInfo,
  ) {
    this.emit(method, { targetInfo });
  }
}

/** Events that are looked at, as `isWatched` finds them. */
const T = 0x54;
const B = 0x42;
const P = 0x50;

/**
 * Whether cdpmux must look at an event before the client gets it: those of the Target and Browser domains,
 * `Page.frameAttached` and `Page.javascriptDialog…`. Two bytes rule out nearly all others (`Ta`, `Br`, `Page.frameA`, `Page.javasc`).
 */
export function isWatched(message: Buffer, scan: MessageScanner): boolean {
  const at = scan.methodStart;
  switch (message[at]) {
    case T:
      // Target and Tracing
      return message[at + 1] === 0x61 || message[at + 1] === 0x72;
    case B:
      return message[at + 1] === 0x72;
    case P:
      if (message[at + 10] === 0x63) return message[at + 5] === 0x6a;
      return message[at + 10] === 0x41 && scan.methodEnd - at === 'Page.frameAttached'.length;
    default:
      return false;
  }
}
