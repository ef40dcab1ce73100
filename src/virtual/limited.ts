import { limitError, type CommandLimit } from './limits.js';
import type { Countable } from './quota.js';
import type { Rule } from './rule.js';
import type { ClientSession } from './client-session.js';
import type { Incoming, Rewrite } from './client-command.js';

/** Runs a rule only while the virtual browser has less of a kind than it may have. */
export function limited(kind: Countable, rule: Rule): Rule {
  return (session, incoming) => {
    const { quota } = session.client.virtual;
    if (quota.isFull(kind)) refuseOver(session, incoming, kind, quota.limit(kind));
    else rule(session, incoming);
  };
}

/** A rewrite for a command that makes one more of a kind: it counts from when it is sent. */
export function reserving(kind: Countable, rewrite?: Rewrite): Rewrite {
  const settle: Rewrite = (reply, command) => {
    const { client } = command.session;
    client.virtual.quota.settle(kind, client);
    return rewrite ? rewrite(reply, command) : reply;
  };
  return Object.assign(settle, { reserves: kind });
}

/** Answers a command that a limit stops. */
export function refuseOver(
  session: ClientSession,
  { scan }: Incoming,
  limit: CommandLimit,
  value: number,
): void {
  session.client.refuse(session, scan.id, limitError(limit, value));
}
