import { CdpmuxError } from '../errors.js';
import { limitText } from './limits.js';
import type { Unchecked } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Opens a page in the default context and gives its target id (of its tab with `forTab`); rejects with LIMIT. */
export async function openPage(virtual: VirtualBrowser, url: string, forTab: boolean): Promise<string> {
  const { limits, quota, host, rootId, defaultContextId } = virtual;
  if (quota.isFull('targets')) throw new CdpmuxError('LIMIT', limitText('targets', limits.targets));
  virtual.front.settle();
  const params = { url, browserContextId: defaultContextId, ...(forTab && { forTab }) };
  const made = await host.upstream.request('Target.createTarget', pageParams(virtual, params), rootId);
  pageMade(virtual, params, made);
  return made.targetId;
}

/** What Chrome is asked with for a new page of a virtual browser: `params` itself where they are as they should be. */
export function pageParams<P extends Unchecked>(virtual: VirtualBrowser, params: P): P {
  const { host, looks } = virtual;
  if (host.isShell || host.exclusive) return params;
  const place = host.windows.placeIn(virtual, params);
  const isLater = looks?.blankFirst(params) !== undefined;
  if (!isLater && Object.keys(place).length === 0) return params;
  return { ...params, ...place, ...(isLater && { url: 'about:blank' }) };
}

/** The page is there. */
export function pageMade(
  virtual: VirtualBrowser,
  params: Unchecked,
  { targetId }: { targetId: string },
): void {
  const { host, looks } = virtual;
  if (params['forTab'] !== true) host.windows.learn({ targetId });
  const url = looks?.blankFirst(params);
  if (url !== undefined) looks?.goOn(targetId, url);
}
