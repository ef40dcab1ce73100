import type { Entry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import type { Rule } from './rule.js';
import { onResult } from './rule.js';

const NO_PARAMS = '{}'.length;

/**
 * Answers from what Chrome once said. An answer of Chrome's comes after those to all that was asked before, so one from
 * memory is given only to a client that waits for none.
 */
const fromMemory: Rule = (session, incoming) => {
  const { client, type } = session;
  const { method, id, paramsStart, paramsEnd } = incoming.scan;
  const { answers } = client.virtual.host;
  // Chrome judges parameters that it does not know of.
  if (paramsStart !== -1 && paramsEnd - paramsStart !== NO_PARAMS) {
    client.forward(session, incoming);
    return;
  }
  const known = client.isIdle ? answers.get(method, type) : undefined;
  client.link.countShared(known !== undefined);
  if (known) client.reply(session, id, asWorn(session, method, known));
  else {
    const keep = onResult<object>((result) => {
      answers.keep(method, type, result);
      return asWorn(session, method, result);
    });
    client.forward(session, incoming, keep);
  }
};

/** With the user agent that this client's virtual browser has. */
function asWorn(session: ClientSession, method: string, result: object): object {
  const userAgent = session.client.virtual.looks?.userAgent;
  return userAgent === undefined || method !== 'Browser.getVersion' ? result : { ...result, userAgent };
}

/** For a command whose answer is the same in all sessions on such targets, as long as Chrome runs. */
export const sharedAnswer: Entry = {
  kind: 'pass',
  note: 'answered from memory once Chrome has answered it',
  rule: fromMemory,
};
