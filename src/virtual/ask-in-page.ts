import { CdpCode, type CdpError } from '../cdp/errors.js';
import type { Method } from '../cdp/upstream.js';
import type { ClientSession } from './client-session.js';
import { objectParams, type Rule } from './rule.js';

/**
 * Asks a target something in a session of cdpmux's own, which ends with the answer; `reply` gets it, or the error
 * `sessionNotFound` when the target has gone.
 */
export function askInside<M extends Method>(
  session: ClientSession,
  targetId: string,
  method: M,
  params: unknown,
  reply: (error: CdpError | undefined, result: unknown) => void,
): void {
  const { virtual } = session.client;
  const { upstream } = virtual.host;
  upstream.call('Target.attachToTarget', { targetId, flatten: true }, virtual.rootId, (gone, attached) => {
    if (gone || !attached) {
      reply({ code: CdpCode.sessionNotFound, message: 'The target has gone.' }, undefined);
      return;
    }
    const { sessionId } = attached;
    upstream.call(method, params as never, sessionId, (error, result) => {
      reply(error, result);
      upstream.call('Target.detachFromTarget', { sessionId }, virtual.rootId);
    });
  });
}

/** For what Chrome would do in a context that is nobody's: done in a page of the virtual browser's default context. */
export const askInPage: Rule = (session, incoming) => {
  const { client } = session;
  const { id, method } = incoming.scan;
  const { defaultContextId } = client.virtual;
  const page = client.virtual
    .targets()
    .find(({ info }) => info.type === 'page' && info.browserContextId === defaultContextId);
  if (!page) {
    const message = `'${method}' needs a page in the default context of this virtual browser: open one, or send it in a page's session.`;
    client.refuse(session, id, { code: CdpCode.server, message });
    return;
  }
  askInside(session, page.info.targetId, method as Method, objectParams(incoming), (error, result) => {
    if (error) client.refuse(session, id, error);
    else client.reply(session, id, result);
  });
};
