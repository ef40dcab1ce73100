import type { Message } from '../support/cdp-client.js';
import type { Wire } from './wire.js';

/** A target with a session on it. */
export interface Opened {
  readonly targetId: string;
  readonly sessionId: string;
}

const attach = { autoAttach: true, waitForDebuggerOnStart: false, flatten: true, filter: [{}] };

/** A new page at a URL, loaded, with sessions on whatever belongs to it. */
export async function openPage(wire: Wire, url: string, browserContextId?: string): Promise<Opened> {
  const { targetId } = await wire.send<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
    ...(browserContextId !== undefined && { browserContextId }),
  });
  const { sessionId } = await attachTo(wire, targetId);
  await Promise.all([
    wire.send('Page.enable', {}, sessionId),
    wire.send('Target.setAutoAttach', attach, sessionId),
  ]);
  await navigate(wire, sessionId, url);
  return { targetId, sessionId };
}

/** Goes to a URL and waits until it is loaded. */
export async function navigate(wire: Wire, sessionId: string, url: string): Promise<void> {
  const before = wire.events.length;
  await wire.send('Page.navigate', { url }, sessionId);
  const isLoaded = (message: Message): boolean =>
    message.method === 'Page.loadEventFired' && message.sessionId === sessionId;
  await wire.until(() => wire.events.slice(before).some(isLoaded), `the load of ${url}`);
}

/** A session on a target. */
export async function attachTo(wire: Wire, targetId: string): Promise<Opened> {
  const params = { targetId, flatten: true };
  const { sessionId } = await wire.send<{ sessionId: string }>('Target.attachToTarget', params);
  return { targetId, sessionId };
}

/** The session that came by itself on a target of a type, in a page's session. */
export async function attachedIn(wire: Wire, parent: string, type: string): Promise<Opened> {
  const { params } = await wire.event(
    'Target.attachedToTarget',
    ({ sessionId, params }) =>
      sessionId === parent && (params?.['targetInfo'] as { type: string }).type === type,
  );
  const { sessionId, targetInfo } = params as unknown as {
    sessionId: string;
    targetInfo: { targetId: string };
  };
  return { sessionId, targetId: targetInfo.targetId };
}

/** A target of the wire's own of a type, whose URL has this in it; asked for until it is there. */
export async function targetOf(wire: Wire, type: string, url = ''): Promise<string> {
  const end = performance.now() + 10_000;
  for (;;) {
    const { targetInfos } = await wire.send<{
      targetInfos: { targetId: string; type: string; url: string }[];
    }>('Target.getTargets', { filter: [{}] });
    const found = targetInfos.find((info) => info.type === type && info.url.includes(url));
    if (found) return found.targetId;
    if (performance.now() > end) throw new Error(`no ${type} with ${url}`);
  }
}

/** Closes a page and waits until it is gone with its tab, which goes a moment later. */
export async function closePage(wire: Wire, targetId: string): Promise<void> {
  await wire.send('Target.closeTarget', { targetId });
  const deadline = performance.now() + 5_000;
  for (;;) {
    const { targetInfos } = await wire.send<{ targetInfos: { targetId: string; type: string }[] }>(
      'Target.getTargets',
      { filter: [{}] },
    );
    const count = (type: string): number => targetInfos.filter((one) => one.type === type).length;
    if (!targetInfos.some((one) => one.targetId === targetId) && count('tab') === count('page')) return;
    if (performance.now() > deadline) throw new Error('a closed page did not go within 5 s');
  }
}
