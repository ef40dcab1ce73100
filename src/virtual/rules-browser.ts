import type { Protocol } from 'devtools-protocol';
import { CdpCode } from '../cdp/errors.js';
import { answer, everywhere, free, pass, scope, type CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import { inContext, isIdLike, objectParams, type Rule, type Unchecked } from './rule.js';
import { downloadBehavior } from './rules-files.js';
import { notAvailable, notForStrangers, refuse } from './rules-refused.js';
import { sharedAnswer } from './rules-shared.js';
import { inWindowSize } from './window-size.js';
import type { Incoming, ParsedReply } from './client-command.js';

/** A window id that Chrome never gives out: it counts up from small numbers, or takes hashes of 31 bits. */
const NEVER_WINDOW = 2_147_483_646;

const wholeChrome = refuse('it would act on everybody in it.', free);

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
  const { windowId } = params;
  const isPassed = typeof windowId !== 'number' || client.virtual.windows.has(windowId);
  if (isPassed) client.forward(session, incoming);
  else client.forwardChanged(session, incoming, { ...params, windowId: NEVER_WINDOW });
};

const getWindowForTarget: Rule = (session, incoming) => {
  const { client } = session;
  const { targetId } = objectParams(incoming);
  const learn = ({ error, result }: ParsedReply): ParsedReply => {
    if (error) return { error };
    client.virtual.windows.add((result as Protocol.Browser.GetWindowForTargetResponse).windowId);
    return { result };
  };
  // the headless shell dies of it in a worker's session, which has no window
  if (targetId === undefined && /worker|worklet/.test(session.type)) {
    refuseUnknownTarget(session, incoming.scan.id);
  } else if (targetId === undefined) client.forward(session, incoming, learn);
  else if (client.virtual.owns(targetId)) askOnPage(session, incoming, targetId as string, learn);
  else if (isIdLike(targetId) || typeof targetId === 'string') refuseUnknownTarget(session, incoming.scan.id);
  else client.forward(session, incoming);
};

/**
 * The headless shell dies of this command for a target that is gone, and a page may go at any time: so it is asked
 * in a session on the page, which goes with the page.
 */
function askOnPage(
  session: ClientSession,
  { scan: { id } }: Incoming,
  targetId: string,
  learn: (reply: ParsedReply) => ParsedReply,
): void {
  const { client } = session;
  client.virtual.own.ask(client, targetId, 'Browser.getWindowForTarget', {}, (error, result) => {
    if (error?.code === CdpCode.sessionNotFound) refuseUnknownTarget(session, id);
    else if (error) client.refuse(session, id, error);
    else client.reply(session, id, learn({ result }).result);
  });
}

function refuseUnknownTarget(session: ClientSession, id: number): void {
  const { client } = session;
  const message = client.virtual.host.isShell
    ? 'No web contents for the given target id'
    : 'No target with given id';
  client.refuse(session, id, { code: CdpCode.server, message });
}

const inOwnContext = inContext('every session');

/** What Chrome calls the rights to its one clipboard, in `grantPermissions` and in `setPermission`. */
const clipboard: ReadonlySet<unknown> = new Set([
  'clipboardReadWrite',
  'clipboardSanitizedWrite',
  'clipboard-read',
  'clipboard-write',
]);
const sharedClipboard = notAvailable('the clipboard is one for all its virtual browsers.');

/** Refuses the clipboard, which Chrome has one of; other permissions are the context's own. */
const permissions: Rule = (session, incoming) => {
  const { permissions: many, permission, setting } = objectParams(incoming);
  const name =
    typeof permission === 'object' && permission !== null && 'name' in permission && permission.name;
  const asks = Array.isArray(many) ? many.some((one) => clipboard.has(one)) : clipboard.has(name);
  if (asks && (many !== undefined || setting === 'granted')) sharedClipboard(session, incoming);
  else inOwnContext(session, incoming);
};

const context = "browserContextId; without one the virtual browser's default";
const ofContext = scope(context, inOwnContext);
const permissionsOfContext = scope(`${context}; not the clipboard`, permissions, {
  local: ofContext,
  stranger: ofContext,
});
const ofWindow = scope('windowId', ownWindow, free);
const resized = (sizeOf: (params: Unchecked) => unknown): CommandEntry =>
  everywhere(scope('windowId; not larger than Chrome survives', inWindowSize(sizeOf, ownWindow), free));

/** The Browser domain: at the root and in sessions of targets alike. */
export const browserCommands: Record<string, CommandEntry> = {
  close: everywhere(answer('ends the virtual browser, not the Chrome', close)),
  crash: everywhere(wholeChrome),
  crashGpuProcess: everywhere(wholeChrome),
  getVersion: everywhere(sharedAnswer),
  getBrowserCommandLine: everywhere(
    refuse('it would act on everybody in it.', notForStrangers('it tells of paths of this machine.')),
  ),
  executeBrowserCommand: everywhere(
    refuse(
      'it would act on everybody in it.',
      notForStrangers("it opens pages of Chrome's own, which may do what no other page may."),
    ),
  ),
  getHistograms: everywhere(refuse('they count what everybody does in it.', free)),
  getHistogram: everywhere(refuse('it counts what everybody does in it.', free)),
  setDownloadBehavior: downloadBehavior,
  cancelDownload: everywhere(ofContext),
  grantPermissions: everywhere(permissionsOfContext),
  setPermission: everywhere(permissionsOfContext),
  resetPermissions: everywhere(ofContext),
  getWindowForTarget: everywhere(scope('targetId', getWindowForTarget)),
  getWindowBounds: everywhere(ofWindow),
  setWindowBounds: resized(({ bounds }) => bounds),
  setContentsSize: resized((params) => params),
  setDockTile: everywhere(wholeChrome),
  addMockCamera: everywhere(wholeChrome),
  addPrivacySandboxEnrollmentOverride: everywhere(wholeChrome),
  getGlobalPrivacyControl: everywhere(pass),
  setGlobalPrivacyControl: everywhere(wholeChrome),
};
