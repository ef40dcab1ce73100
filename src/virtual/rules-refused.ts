import { CdpCode } from '../cdp/errors.js';
import { answer, freeForLocal, pass, type Entry, type Exclusive } from './catalogue-entry.js';
import type { Rule } from './rule.js';

/**
 * Refuses a command that can't be confined to one virtual browser, with the reason; `exclusive` says what it is where
 * there is no other.
 */
export function refuse(why: string, exclusive: Required<Exclusive>): Entry {
  return { kind: 'refuse', note: why, rule: notAvailable(why), exclusive };
}

/** In an exclusive Chrome refused to strangers only, for another reason. */
export function notForStrangers(why: string): Required<Exclusive> {
  return { local: pass, stranger: { kind: 'refuse', note: why, rule: notAvailable(why) } };
}

/** Answers a command with the reason why it is not there. */
export function notAvailable(why: string): Rule {
  return (session, { scan }) => {
    const { client } = session;
    const where = client.virtual.host.exclusive
      ? 'to strangers, also not in a Chrome of their own'
      : 'in a shared Chrome';
    const message = `'${scan.method}' is not available ${where}: ${why}`;
    client.refuse(session, scan.id, { code: CdpCode.server, message });
  };
}

const unknownMethod: Rule = (session, { scan }) => {
  session.client.refuse(session, scan.id, {
    code: CdpCode.methodNotFound,
    message: `'${scan.method}' wasn't found`,
  });
};

/** For what Chrome does not have here, and for what nobody knows: Chrome's own words. */
export const notFound: Entry = answer('does not exist here', unknownMethod, freeForLocal);

/** The same where others are in the Chrome, and Chrome has it. */
export function notFoundUnless(exclusive: Exclusive): Entry {
  return { ...notFound, exclusive: { ...freeForLocal, ...exclusive } };
}
