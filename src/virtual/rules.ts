import { catalogue } from './catalogue.js';
import type { CommandEntry } from './catalogue-entry.js';
import type { ClientSession } from './client-session.js';
import type { Rule } from './rule.js';
import { notFound } from './rules-refused.js';

/** Names that clients make up are not kept beyond this: there are some 700 real ones. */
const MOST_KNOWN = 4096;
const LONGEST_NAME = 100;

const unknown: CommandEntry = { root: notFound, session: notFound };
const known = new Map<string, CommandEntry>();

/** What a command's rule is in that session; undefined passes it on as it is. */
export function ruleOf(method: string, session: ClientSession): Rule | undefined {
  const entry = known.get(method) ?? remember(method);
  return (session.isBrowser ? entry.root : entry.session).rule;
}

/** The catalogue's entry of a command, whether Chrome has it or not. */
export function entryOf(method: string): CommandEntry {
  const dot = method.indexOf('.');
  const domain = catalogue.get(method.slice(0, dot));
  if (domain === undefined) return unknown;
  const name = method.slice(dot + 1);
  return (Object.hasOwn(domain.commands, name) ? domain.commands[name] : domain.others) ?? unknown;
}

function remember(method: string): CommandEntry {
  const entry = entryOf(method);
  if (known.size < MOST_KNOWN && method.length <= LONGEST_NAME) known.set(method, entry);
  return entry;
}
