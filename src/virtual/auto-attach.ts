import type { Protocol } from 'devtools-protocol';
import type { ClientSession } from './client-session.js';
import type { SharedRoot } from './shared-root.js';
import { admits, type TargetFilter } from './target-filter.js';

/** `Target.setAutoAttach` of one browser-level session, served from a root that many clients share. */
export class AutoAttach {
  readonly root: SharedRoot;
  filter: TargetFilter;
  wait: boolean;
  /** By target id; added when Chrome attaches, taken off when the session ends. */
  readonly sessions = new Map<string, ClientSession>();

  constructor(root: SharedRoot, filter: TargetFilter, wait: boolean) {
    this.root = root;
    this.filter = filter;
    this.wait = wait;
  }

  /** Whether the client wants a session on this target, and has none yet. */
  takes(info: Protocol.Target.TargetInfo): boolean {
    return admits(this.filter, info.type) && !this.sessions.has(info.targetId);
  }

  /** Detaches everything; a page that waits would wait for ever. */
  releaseAll(): void {
    for (const session of this.sessions.values()) this.root.release(session.id, session.waiting);
  }
}
