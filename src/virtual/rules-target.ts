import type { Protocol } from 'devtools-protocol';
import { everywhere, scope, type CommandEntry, type Exclusive } from './catalogue-entry.js';
import { forwardMasked, guarded, inContext, isIdLike, objectParams, onResult, type Rule } from './rule.js';
import { createFilteredContext } from './filtered-context.js';
import { limited, reserving } from './limited.js';
import { createContext } from './new-context.js';
import { hasMore, makePage } from './page-making.js';
import { attachCommands } from './rules-attach.js';
import { notForStrangers, refuse } from './rules-refused.js';
import { adopting } from './rules-spare.js';
import { createsTarget } from './rules-url.js';
import { inWindowSize } from './window-size.js';
import type { ClientSession } from './client-session.js';

const notHere = (exclusive: Required<Exclusive>): CommandEntry =>
  everywhere(refuse('it reaches beyond one virtual browser.', exclusive));
const devTools = notHere(
  notForStrangers("DevTools are a page of Chrome's own, which may do what no other page may."),
);

/** A target as this client may see it; undefined for a foreign one. */
function ownInfo(
  session: ClientSession,
  info: Protocol.Target.TargetInfo,
): Protocol.Target.TargetInfo | undefined {
  const { virtual } = session.client;
  if (info.type === 'browser' || virtual.host.ownerOf(info) !== virtual) return undefined;
  return { ...info, attached: (virtual.host.target(info.targetId)?.sessions ?? 0) > 0 };
}

const createBrowserContext: Rule = (session, incoming) => {
  const { client } = session;
  // In a page's session Chrome does not allow it.
  if (!session.isBrowser) {
    client.forward(session, incoming);
    return;
  }
  const params = objectParams(incoming);
  const { rootId, egress } = client.virtual;
  const holder = params['disposeOnDetach'] === true ? session.id : rootId;
  if (egress) createFilteredContext(session, incoming.scan.id, params, { egress, holder });
  else createContext(session, incoming.scan.id, params, { holder });
};

const getBrowserContexts: Rule = (session, incoming) => {
  const { virtual } = session.client;
  const rewrite = onResult<Protocol.Target.GetBrowserContextsResponse>((result) => ({
    ...result,
    browserContextIds: result.browserContextIds.filter(
      (id) => id !== virtual.defaultContextId && virtual.ownsContext(id),
    ),
    ...(result.defaultBrowserContextId !== undefined && {
      defaultBrowserContextId: virtual.defaultContextId,
    }),
  }));
  session.client.forward(session, incoming, rewrite);
};

const disposeBrowserContext: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  const { client } = session;
  const { host, defaultContextId } = client.virtual;
  const id = params['browserContextId'];
  if (isIdLike(id) && (id === defaultContextId || !host.ownsContext(client.virtual, id))) {
    forwardMasked(session, incoming, params, 'browserContextId', id);
  } else forgetContext(session, incoming);
};

/** Of an exclusive Chrome even the default one is named: Chrome says that it stays. */
const forgetContext: Rule = (session, incoming) => {
  const { client } = session;
  const { browserContextId } = objectParams(incoming);
  const forget = (result: unknown) => {
    if (typeof browserContextId === 'string') client.virtual.host.removeContext(browserContextId);
    return result;
  };
  client.forward(session, incoming, onResult(forget));
};

const getTargets: Rule = (session, incoming) => {
  const params = objectParams(incoming);
  // Without one Chrome takes the filter of the session's discovery, which is not in that session here.
  const otherwise = session.discovery?.filter;
  const rewrite = onResult<Protocol.Target.GetTargetsResponse>((result) => {
    return { ...result, targetInfos: result.targetInfos.flatMap((info) => ownInfo(session, info) ?? []) };
  });
  if (params['filter'] !== undefined || otherwise === undefined)
    session.client.forward(session, incoming, rewrite);
  else session.client.forwardChanged(session, incoming, { ...params, filter: otherwise }, { rewrite });
};

const getTargetInfo: Rule = (session, incoming) => {
  const { client } = session;
  const { virtual } = client;
  const params = objectParams(incoming);
  const { targetId } = params;
  const rewrite = onResult<Protocol.Target.GetTargetInfoResponse>(({ targetInfo }) => ({
    targetInfo:
      targetInfo.type === 'browser' ? virtual.browserTarget : (ownInfo(session, targetInfo) ?? targetInfo),
  }));
  if (targetId === undefined || virtual.owns(targetId)) client.forward(session, incoming, rewrite);
  else if (targetId === virtual.id) {
    // The browser as this client knows it; asked of the root, so that the answer keeps its place in the order.
    client.forwardChanged(session, incoming, {}, { to: client.browserRootId, rewrite });
  } else if (isIdLike(targetId)) forwardMasked(session, incoming, params, 'targetId', targetId);
  else client.forward(session, incoming);
};

const makeInContext = inContext('every session', reserving('targets'));

const makeTarget: Rule = (session, incoming) => {
  const { virtual } = session.client;
  const params = objectParams(incoming);
  const { browserContextId = virtual.defaultContextId } = params;
  if (hasMore(virtual) && virtual.ownsContext(browserContextId)) makePage(session, incoming.scan.id, params);
  else makeInContext(session, incoming);
};

/** The Target domain: at the root and in sessions of targets alike, since any of them reaches every target. */
export const targetCommands: Record<string, CommandEntry> = {
  ...attachCommands,
  createBrowserContext: everywhere(
    scope("the new context is one's own", limited('contexts', createBrowserContext)),
  ),
  getBrowserContexts: everywhere(scope('lists own contexts only', getBrowserContexts)),
  disposeBrowserContext: everywhere(
    scope('browserContextId', disposeBrowserContext, {
      local: scope('browserContextId', forgetContext),
      stranger: scope('browserContextId', forgetContext),
    }),
  ),
  createTarget: everywhere(
    scope(
      "browserContextId; without one the virtual browser's default",
      createsTarget(inWindowSize((params) => params, limited('targets', adopting(makeTarget)))),
    ),
  ),
  closeTarget: everywhere(scope('targetId', guarded('targetId'))),
  activateTarget: everywhere(scope('targetId', guarded('targetId'))),
  getTargets: everywhere(scope('lists own targets only', getTargets)),
  getTargetInfo: everywhere(scope('targetId', getTargetInfo)),
  exposeDevToolsProtocol: notHere(notForStrangers("what a page's script sends escapes its checks.")),
  setRemoteLocations: notHere(notForStrangers("it would connect from Chrome's machine to others.")),
  openDevTools: devTools,
  getDevToolsTarget: devTools,
};
