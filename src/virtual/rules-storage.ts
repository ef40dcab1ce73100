import { everywhere, free, levels, pass, scope, type CommandEntry, type Entry } from './catalogue-entry.js';
import { askInPage } from './ask-in-page.js';
import { forwardMasked, inContext, isIdLike, objectParams, type Rule } from './rule.js';
import { refuse } from './rules-refused.js';
import { exceptWhereStopped } from './rules-fatal.js';

const atRoot = inContext('browser sessions');

/**
 * Cookies of a context. Asked in a page's session without one, Chrome takes its own default context whatever context the
 * page is in: so it is asked at the root, of the virtual browser's default one. With one, Chrome refuses there.
 */
const cookies: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  if (session.isBrowser || params['browserContextId'] !== undefined) {
    atRoot(session, incoming);
    return;
  }
  const { client } = session;
  const browserContextId = client.virtual.defaultContextId;
  client.forwardChanged(session, incoming, { ...params, browserContextId }, { to: client.browserRootId });
};

/** A frame of another's gives way to one that never existed. */
const ofFrame: Rule = (session, incoming) => {
  const { client } = session;
  const params = objectParams(incoming);
  const { frameId } = params;
  if (!isIdLike(frameId) || client.virtual.owns(frameId) || client.virtual.frames.has(frameId)) {
    client.forward(session, incoming);
  } else forwardMasked(session, incoming, params, 'frameId', frameId);
};

/** At the root Chrome would take its own default context, which is nobody's. */
const inDefaultContext: CommandEntry = levels(
  scope("asked in a page of the virtual browser's default context", askInPage),
  pass,
);
const tracking: CommandEntry = levels(
  refuse("at the root it is about a context that is nobody's; send it in a page's session.", free),
  pass,
);
const cookieEntry: Entry = scope(
  "browserContextId; without one the virtual browser's default",
  cookies,
  free,
);

const commands: Record<string, CommandEntry> = {
  getCookies: everywhere(cookieEntry),
  setCookies: everywhere(cookieEntry),
  clearCookies: everywhere(cookieEntry),
  getStorageKeyForFrame: everywhere(scope('frameId', ofFrame, free)),
  getStorageKey: everywhere(scope('frameId', ofFrame, free)),
  clearDataForOrigin: inDefaultContext,
  clearDataForStorageKey: inDefaultContext,
  getUsageAndQuota: inDefaultContext,
  overrideQuotaForOrigin: inDefaultContext,
  getTrustTokens: inDefaultContext,
  clearTrustTokens: inDefaultContext,
  getPrivateVerificationTokens: inDefaultContext,
  getPrivateVerificationTokensIssuerConfigs: inDefaultContext,
  clearPrivateVerificationTokens: inDefaultContext,
  deletePrivateVerificationToken: inDefaultContext,
  runBounceTrackingMitigations: inDefaultContext,
  trackCacheStorageForOrigin: tracking,
  trackCacheStorageForStorageKey: tracking,
  trackIndexedDBForOrigin: tracking,
  trackIndexedDBForStorageKey: tracking,
  untrackCacheStorageForOrigin: tracking,
  untrackCacheStorageForStorageKey: tracking,
  untrackIndexedDBForOrigin: tracking,
  untrackIndexedDBForStorageKey: tracking,
  setPrivateVerificationTokensTracking: tracking,
  setStorageBucketTracking: tracking,
  deleteStorageBucket: tracking,
};

/** The Storage domain; in a page's session it is about the storage of the page's own context. */
export const storageCommands: Record<string, CommandEntry> = Object.fromEntries(
  Object.entries(commands).map(([name, entry]) => [name, exceptWhereStopped(entry)]),
);
