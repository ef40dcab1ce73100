import type { Rule } from './rule.js';

/**
 * What becomes of a method:
 * - `pass`: it concerns what the session it comes in belongs to, and goes on as it is;
 * - `scope`: what it names must be the virtual browser's own, and only that is seen in what comes back;
 * - `answer`: cdpmux knows the answer;
 * - `lock`: Chrome has one of it for everybody, and one virtual browser at a time may use it;
 * - `refuse`: it would reach beyond the virtual browser.
 */
export type RuleKind = 'pass' | 'scope' | 'answer' | 'lock' | 'refuse';

/** One method's rule at one level; `note` is what docs/protocol.md says of it. */
export interface Entry {
  readonly kind: RuleKind;
  readonly note: string;
  /** Undefined where the command goes on as it is. */
  readonly rule: Rule | undefined;
  /** What it is in an exclusive Chrome; undefined where it is the same. */
  readonly exclusive?: Exclusive;
}

/**
 * What an entry is in a Chrome that one client has for itself: for those who have the machine's trust, and for strangers,
 * from whom the machine is protected there, too. Where one is left out, it is as in a shared Chrome.
 */
export interface Exclusive {
  readonly local?: Entry;
  readonly stranger?: Entry;
}

/** For whom a rule is: everybody in a shared Chrome, or who has one for itself. */
export type Audience = 'shared' | 'local' | 'stranger';

/** What an entry is for an audience. */
export function entryFor(entry: Entry, audience: Audience): Entry {
  return (audience === 'shared' ? undefined : entry.exclusive?.[audience]) ?? entry;
}

/** A command's rules: at the root and in further sessions on the browser, and in sessions of targets. */
export interface CommandEntry {
  readonly root: Entry;
  readonly session: Entry;
}

/** A domain's rules. */
export interface DomainEntry {
  /** For commands without one of their own, those of a newer Chrome included; undefined where each must have one. */
  readonly others: CommandEntry | undefined;
  readonly commands: Readonly<Record<string, CommandEntry>>;
  readonly events: Entry;
  /** Events that differ from the domain's others. */
  readonly eventExceptions: Readonly<Record<string, Entry>>;
}

/** Goes on as it is. */
export const pass: Entry = { kind: 'pass', note: '', rule: undefined };

/** It would only reach the other virtual browsers of a shared Chrome: who has a Chrome for itself may. */
export const free: Required<Exclusive> = { local: pass, stranger: pass };

/** What protects the machine from strangers is the same in a Chrome of their own. */
export const freeForLocal: Exclusive = { local: pass };

/** Names something that must be the virtual browser's own: in an exclusive Chrome everything is. */
export function scope(note: string, rule: Rule, exclusive?: Exclusive): Entry {
  return { kind: 'scope', note, rule, ...(exclusive && { exclusive }) };
}

/** Answered by cdpmux. */
export function answer(note: string, rule: Rule, exclusive?: Exclusive): Entry {
  return { kind: 'answer', note, rule, ...(exclusive && { exclusive }) };
}

/** One virtual browser at a time. */
export function lock(note: string, rule: Rule, exclusive: Exclusive): Entry {
  return { kind: 'lock', note, rule, exclusive };
}

/** The same at both levels. */
export function everywhere(entry: Entry): CommandEntry {
  return { root: entry, session: entry };
}

/** Different at the root and in sessions of targets. */
export function levels(root: Entry, session: Entry): CommandEntry {
  return { root, session };
}

/** An event that is scoped or filtered; see `events.ts`. */
export function scoped(note: string): Entry {
  return { kind: 'scope', note, rule: undefined };
}

/** An event that cdpmux sends, and Chrome never. */
export function answered(note: string): Entry {
  return { kind: 'answer', note, rule: undefined };
}
