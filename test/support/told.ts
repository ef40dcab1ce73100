import type { Message } from './cdp-client.js';

interface Params {
  readonly sessionId?: string;
  readonly name?: string;
  readonly frame?: { readonly url: string; readonly parentId?: string };
  readonly waitingForDebugger?: boolean;
  readonly targetInfo?: Info;
}

interface Info {
  readonly targetId: string;
  readonly type: string;
  readonly attached: boolean;
  readonly openerId?: string;
  readonly embedderData?: object;
}

/** What of a page's life has an order that Chrome keeps; when it paints, and when its network is idle, has none. */
const LIFE = ['init', 'commit', 'DOMContentLoaded', 'load'];

/**
 * What was said in each session that came after the first pages, in order: sessions are told apart by what they are on, ids by nothing.
 * Left out is what is a matter of time in a Chrome of one's own as well: titles and addresses as they become known, how far
 * a blank page had come when its client was there, replies among events, and what the network does.
 */
export function told(messages: readonly Message[]): Record<string, string[]> {
  const sessions = new Map<string | undefined, string>([[undefined, 'root']]);
  const lines: Record<string, string[]> = {};
  const attached = new Map<string, boolean>();
  const navigated = new Set<string | undefined>();
  for (const { method, params, sessionId } of messages) {
    if (method === undefined) continue;
    const { name, frame, targetInfo, waitingForDebugger, sessionId: child } = (params ?? {}) as Params;
    if (method === 'Target.attachedToTarget' && targetInfo) {
      const { type } = targetInfo;
      const before = [...sessions.values()].filter((one) => one.startsWith(type)).length;
      sessions.set(child, `${type} ${before + 1}`);
    }
    if (method === 'Page.frameStartedLoading') navigated.add(sessionId);
    if (method === 'Page.frameStoppedLoading' && !navigated.has(sessionId)) continue;
    if (method === 'Page.lifecycleEvent' && !LIFE.includes(name ?? '')) continue;
    if (method.startsWith('Network.')) continue;
    if (targetInfo) {
      const isNews = attached.get(targetInfo.targetId) !== targetInfo.attached;
      attached.set(targetInfo.targetId, targetInfo.attached);
      if (method === 'Target.targetInfoChanged' && !isNews) continue;
      // Its own, which is not announced by each Chrome at the same moment.
      if (targetInfo.type === 'browser') continue;
    }
    const { type, attached: isAttached, openerId, embedderData } = targetInfo ?? {};
    const info = targetInfo && { type, isAttached, waitingForDebugger, openerId, embedderData };
    const url = frame?.url.replace(/:\d+/, '');
    const line = [method, name, url, info && JSON.stringify(info)].filter((part) => part !== undefined);
    (lines[sessions.get(sessionId) ?? 'unknown'] ??= []).push(line.join(' '));
  }
  // What is there already is told of in the order of its ids.
  const root = lines['root'] ?? [];
  const there = root.findIndex((line) => !line.startsWith('Target.targetCreated'));
  root.splice(0, there, ...root.slice(0, there).sort());
  return lines;
}
