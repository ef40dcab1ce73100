import type { Upstream } from '../cdp/upstream.js';
import { CdpmuxError } from '../errors.js';
import type { VirtualHost } from './virtual-host.js';

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

/** Takes note of what was in an exclusive Chrome before its virtual browser. */
export function learnAll(host: VirtualHost): Promise<void> {
  return new Promise((resolve, reject) => {
    // Not as a promise: what is gone by then would be learned after its end.
    host.upstream.call('Target.getTargets', { filter: allTargets }, '', (error, result) => {
      for (const info of result?.targetInfos ?? []) host.learn(info);
      if (error) reject(new CdpmuxError('PROTOCOL', `Target.getTargets: ${error.message}`));
      else resolve();
    });
  });
}
