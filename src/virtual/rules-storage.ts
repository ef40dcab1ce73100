import { inContext, objectParams, type Rule } from './rule.js';

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

export const storageRules: Record<string, Rule> = {
  'Storage.getCookies': cookies,
  'Storage.setCookies': cookies,
  'Storage.clearCookies': cookies,
};
