import type { Protocol } from 'devtools-protocol';
import { CdpCode } from '../cdp/errors.js';
import type { ClientSession } from './client-session.js';
import { inContext, isIdLike, objectParams, refuse, type Rule } from './rule.js';
import type { Incoming, ParsedReply } from './virtual-client.js';

/** A window id that Chrome never gives out: it counts up from small numbers, or takes hashes of 31 bits. */
const NEVER_WINDOW = 2_147_483_646;

const wholeChrome = refuse('it would act on everybody in it.');

/** `Browser.close` ends the virtual browser, never the Chrome. */
const close: Rule = (session, { scan }) => {
  const { client } = session;
  client.reply(session, scan.id, {});
  client.virtual.end({ code: 1000, reason: 'closed by Browser.close' });
};

/** Window ids are learned from what `Browser.getWindowForTarget` answers; others' do not exist. */
const ownWindow: Rule = (session, incoming) => {
  const { client } = session;
  const params = objectParams(incoming);
  const known = client.virtual.host.ownsWindow(client.virtual, params['windowId']);
  if (known || typeof params['windowId'] !== 'number') client.forward(session, incoming);
  else client.forwardChanged(session, incoming, { ...params, windowId: NEVER_WINDOW });
};

const getWindowForTarget: Rule = (session, incoming) => {
  const { client } = session;
  const { targetId } = objectParams(incoming);
  const learn = ({ error, result }: ParsedReply): ParsedReply => {
    if (error) return { error };
    const { host } = client.virtual;
    host.addWindow((result as Protocol.Browser.GetWindowForTargetResponse).windowId, client.virtual);
    return { result };
  };
  if (targetId === undefined) client.forward(session, incoming, learn);
  else if (client.virtual.owns(targetId)) askInside(session, incoming, targetId as string, learn);
  else if (isIdLike(targetId) || typeof targetId === 'string') refuseUnknownTarget(session, incoming.scan.id);
  else client.forward(session, incoming);
};

/**
 * The headless shell dies of this command for a target that is gone, and a page may go at any time: so it is asked
 * in a session on the page, which goes with the page.
 */
function askInside(
  session: ClientSession,
  { scan }: Incoming,
  targetId: string,
  learn: (reply: ParsedReply) => ParsedReply,
): void {
  const { client } = session;
  const { virtual } = client;
  const { upstream } = virtual.host;
  const { id } = scan;
  upstream.call('Target.attachToTarget', { targetId, flatten: true }, virtual.rootId, (gone, attached) => {
    if (gone || !attached) {
      refuseUnknownTarget(session, id);
      return;
    }
    const inside = attached.sessionId;
    upstream.call('Browser.getWindowForTarget', {}, inside, (error, result) => {
      if (error?.code === CdpCode.sessionNotFound) refuseUnknownTarget(session, id);
      else if (error) client.refuse(session, id, error);
      else client.reply(session, id, learn({ result }).result);
      upstream.call('Target.detachFromTarget', { sessionId: inside }, virtual.rootId);
    });
  });
}

function refuseUnknownTarget(session: ClientSession, id: number): void {
  const { client } = session;
  const message = client.virtual.host.isShell
    ? 'No web contents for the given target id'
    : 'No target with given id';
  client.refuse(session, id, { code: CdpCode.server, message });
}

/** At the root Chrome would pause the requests of all contexts, and show them. */
const fetchEnable: Rule = (session, incoming) => {
  if (session.isBrowser) wholeChrome(session, incoming);
  else session.client.forward(session, incoming);
};

export const browserRules: Record<string, Rule> = {
  'Browser.close': close,
  'Browser.crash': wholeChrome,
  'Browser.crashGpuProcess': wholeChrome,
  'Browser.setDownloadBehavior': inContext('every session'),
  'Browser.cancelDownload': inContext('every session'),
  'Browser.grantPermissions': inContext('every session'),
  'Browser.resetPermissions': inContext('every session'),
  'Browser.setPermission': inContext('every session'),
  'Browser.getWindowForTarget': getWindowForTarget,
  'Browser.getWindowBounds': ownWindow,
  'Browser.setWindowBounds': ownWindow,
  'Browser.setContentsSize': ownWindow,
  'Fetch.enable': fetchEnable,
};
