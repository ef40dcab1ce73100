import type { Protocol } from 'devtools-protocol';
import { sessionNotFound } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import { letGo } from './let-go.js';
import type { ClientSession } from './client-session.js';

/** What Chrome says in a client's session about targets, downloads and frames: kept in mind, and filtered. */
export function handleEvent(session: ClientSession, message: Buffer, scan: MessageScanner): void {
  const method = scan.method(message);
  const { unfiltered } = session.client.virtual;
  if (method === 'Tracing.dataCollected' && !unfiltered) {
    // Kept as it is; a session without a trace has lost it, and what comes late is nobody's.
    session.trace?.collect(message);
    return;
  }
  const handler = (unfiltered ? ofSessions : handlers)[method];
  if (handler === undefined) session.pass(message, scan);
  else if (handler(session, (JSON.parse(message.toString()) as { params: never }).params)) {
    session.pass(message, scan);
  }
}

/** Takes note of an event; true: the client gets it as it is. */
type EventHandler = (session: ClientSession, params: never) => boolean;

const ofSessions: Record<string, EventHandler> = {
  'Page.javascriptDialogOpening': (session) => onDialog(session, session),
  'Page.javascriptDialogClosed': (session) => onDialog(session, undefined),
  'Target.attachedToTarget': onAttached,
  'Target.detachedFromTarget': onDetached,
};

const handlers: Record<string, EventHandler> = {
  ...ofSessions,
  'Page.frameAttached': onFrameAttached,
  'Browser.downloadWillBegin': onDownloadWillBegin,
  'Browser.downloadProgress': onDownloadProgress,
  'Tracing.tracingComplete': onTracingComplete,
};

function onAttached(session: ClientSession, event: Protocol.Target.AttachedToTargetEvent): boolean {
  const { client } = session;
  const { virtual } = client;
  const { targetInfo } = event;
  if (targetInfo.type === 'browser') {
    client.adopt(session, event, session.id);
    session.emit('Target.attachedToTarget', { ...event, targetInfo: virtual.browserTarget });
    return false;
  }
  const isOwn = virtual.host.ownerOf(targetInfo) === virtual;
  // Below a target Chrome attaches only to what belongs to it, if it says no context.
  if (!isOwn && (targetInfo.browserContextId !== undefined || session.isBrowser)) {
    letGo(virtual.host.upstream, event.sessionId, session.id, event.waitingForDebugger);
    return false;
  }
  client.adopt(session, event, session.id);
  return true;
}

function onDetached(session: ClientSession, event: Protocol.Target.DetachedFromTargetEvent): boolean {
  const { host } = session.client.virtual;
  const child = host.session(event.sessionId);
  // A foreign one that was let go at once.
  if (child?.client !== session.client) {
    if (!child) host.upstream.failSession(event.sessionId, sessionNotFound);
    return false;
  }
  host.removeSession(child);
  if (!child.isBrowser) return true;
  session.emit('Target.detachedFromTarget', { ...event, targetId: child.targetId });
  return false;
}

function onFrameAttached(session: ClientSession, event: Protocol.Page.FrameAttachedEvent): boolean {
  session.client.virtual.frames.add(event.frameId);
  return true;
}

/** Chrome tells every browser-level session that asked of all contexts' downloads: frame and guid say whose it is. */
function onDownloadWillBegin(
  session: ClientSession,
  event: Protocol.Browser.DownloadWillBeginEvent,
): boolean {
  const { virtual } = session.client;
  if (!virtual.owns(event.frameId) && !virtual.frames.has(event.frameId)) return false;
  virtual.downloads.add(event.guid);
  return true;
}

/** Its page answers nobody while a dialog is open. */
function onDialog({ client, targetId }: ClientSession, dialog: ClientSession | undefined): boolean {
  const record = client.virtual.host.target(targetId);
  if (record) record.dialog = dialog;
  return true;
}

function onDownloadProgress(session: ClientSession, event: Protocol.Browser.DownloadProgressEvent): boolean {
  return session.client.virtual.downloads.has(event.guid);
}

function onTracingComplete(session: ClientSession, event: Protocol.Tracing.TracingCompleteEvent): boolean {
  const { trace } = session;
  session.trace = undefined;
  session.client.virtual.host.tracing.release(session);
  // What fails here fails for want of memory; the client then waits in vain, and nobody else.
  trace?.complete(event).catch(() => session.emit('Tracing.tracingComplete', { dataLossOccurred: true }));
  return false;
}
