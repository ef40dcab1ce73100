import type { Protocol } from 'devtools-protocol';
import { ClientSession } from './client-session.js';

/** Takes a session that Chrome attached into those of its parent's client; `holder` is the session that holds it in Chrome. */
export function adopt(
  parent: ClientSession,
  event: Protocol.Target.AttachedToTargetEvent,
  holder: string,
): ClientSession {
  const { sessionId, targetInfo } = event;
  const { client } = parent;
  const { host, id } = client.virtual;
  if (targetInfo.type !== 'browser') host.learn(targetInfo);
  const session = new ClientSession({
    id: sessionId,
    client,
    type: targetInfo.type,
    targetId: targetInfo.type === 'browser' ? id : targetInfo.targetId,
    parent,
    holder,
    hidden: false,
  });
  session.waiting = event.waitingForDebugger;
  host.addSession(session);
  if (client.ignoresCertificates && session.type === 'page') {
    session.tell('Security.setIgnoreCertificateErrors', { ignore: true });
  }
  return session;
}
