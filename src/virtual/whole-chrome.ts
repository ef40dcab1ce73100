import type { Upstream } from '../cdp/upstream.js';

/** Every target but the roots of cdpmux, which are targets of type `browser`. */
export const allTargets = [{ type: 'browser', exclude: true }, {}];

/** The id of Chrome's own default context, which no command needs and which every page there says. */
export async function defaultContextOf(upstream: Upstream, sessionId: string): Promise<string> {
  const { defaultBrowserContextId } = await upstream.request(
    'Target.getBrowserContexts',
    undefined,
    sessionId,
  );
  if (defaultBrowserContextId !== undefined) return defaultBrowserContextId;
  // Older ones say it of a page only.
  const { targetId } = await upstream.request('Target.createTarget', { url: 'about:blank' }, sessionId);
  const { targetInfo } = await upstream.request('Target.getTargetInfo', { targetId }, sessionId);
  await upstream.request('Target.closeTarget', { targetId }, sessionId);
  return targetInfo.browserContextId ?? '';
}
