import { CdpCode } from '../cdp/errors.js';
import { answer, type Entry } from './catalogue-entry.js';
import type { Rule } from './rule.js';

/** Refuses a command that can't be confined to one virtual browser, with the reason. */
export function refuse(why: string): Entry {
  const rule: Rule = (session, { scan }) => {
    const message = `'${scan.method}' is not available in a shared Chrome: ${why}`;
    session.client.refuse(session, scan.id, { code: CdpCode.server, message });
  };
  return { kind: 'refuse', note: why, rule };
}

/** For what Chrome does not have here, and for what nobody knows: Chrome's own words. */
export const notFound: Entry = answer('does not exist here', (session, { scan }) => {
  session.client.refuse(session, scan.id, {
    code: CdpCode.methodNotFound,
    message: `'${scan.method}' wasn't found`,
  });
});
