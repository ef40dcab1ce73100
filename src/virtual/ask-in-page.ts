import { CdpCode } from '../cdp/errors.js';
import type { Method } from '../cdp/upstream.js';
import { objectParams, type Rule } from './rule.js';

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
  const { own } = client.virtual;
  own.ask(client, page.info.targetId, method as Method, objectParams(incoming), (error, result) => {
    if (error) client.refuse(session, id, error);
    else client.reply(session, id, result);
  });
};
