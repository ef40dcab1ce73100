import type { Protocol } from 'devtools-protocol';
import type { ClientSession } from './client-session.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** A target that exists in Chrome, and whose it is. */
export interface TargetRecord {
  readonly owner: VirtualBrowser;
  /** As Chrome last described it; `attached` counts everybody's sessions there and is never shown. */
  info: Protocol.Target.TargetInfo;
  /** When it was made, or last went to another URL, by `performance.now`. */
  movedAt: number;
  /** A page beyond `limits.targets`, which a page opened by itself: closed once it runs. */
  readonly isExcess: boolean;
  /** Sessions that the owner's clients have on it. */
  sessions: number;
  /** The session in which its client was told of a JavaScript dialog that is open. */
  dialog?: ClientSession | undefined;
}

/** The target as its owner sees it: attached when one of its own clients is. */
export function shownInfo(record: TargetRecord): Protocol.Target.TargetInfo {
  return { ...record.info, attached: record.sessions > 0 };
}

/** Whether two descriptions differ in more than `attached`. */
export function differs(a: Protocol.Target.TargetInfo, b: Protocol.Target.TargetInfo): boolean {
  return JSON.stringify({ ...a, attached: false }) !== JSON.stringify({ ...b, attached: false });
}
