import { catalogue } from './catalogue.js';
import { entryFor, everywhere, type Audience, type CommandEntry } from './catalogue-entry.js';
import type { Rule } from './rule.js';
import { notFound } from './rules-refused.js';

/** Names that clients make up are not kept beyond this: there are some 700 real ones. */
const MOST_KNOWN = 4096;
const LONGEST_NAME = 100;

interface KnownRules {
  readonly root: Rule | undefined;
  readonly session: Rule | undefined;
}

/** The catalogue as it is for one audience, by method. */
export class Rules {
  readonly #audience: Audience;
  readonly #known = new Map<string, KnownRules>();

  constructor(audience: Audience) {
    this.#audience = audience;
  }

  /** What a command's rule is in a session on the browser, or on another target; undefined passes it on as it is. */
  of(method: string, isBrowser: boolean): Rule | undefined {
    const known = this.#known.get(method) ?? this.#remember(method);
    return isBrowser ? known.root : known.session;
  }

  #remember(method: string): KnownRules {
    const { root, session } = entryOf(method);
    const known = {
      root: entryFor(root, this.#audience).rule,
      session: entryFor(session, this.#audience).rule,
    };
    if (this.#known.size < MOST_KNOWN && method.length <= LONGEST_NAME) this.#known.set(method, known);
    return known;
  }
}

/** The rules of each audience. */
export const rulesFor: Readonly<Record<Audience, Rules>> = {
  shared: new Rules('shared'),
  local: new Rules('local'),
  stranger: new Rules('stranger'),
};

/** The catalogue's entry of a command, whether Chrome has it or not. */
export function entryOf(method: string): CommandEntry {
  const dot = method.indexOf('.');
  const domain = catalogue.get(method.slice(0, dot));
  if (domain === undefined) return everywhere(notFound);
  const name = method.slice(dot + 1);
  const entry = Object.hasOwn(domain.commands, name) ? domain.commands[name] : domain.others;
  return entry ?? everywhere(notFound);
}
