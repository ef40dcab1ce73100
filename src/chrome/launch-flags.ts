import { CdpmuxError } from '../errors.js';
import { flagsForAnyone, flagsForLocal, ownFlags, refusedFlags, type FlagValue } from './launch-flag-list.js';

/** Who gives flags: one with this machine's trust, or a stranger. */
export type FlagTrust = 'local' | 'tenant';

/** Flags that a client gave for a Chrome of its own, checked. */
export interface LaunchFlags {
  readonly args: readonly string[];
  /** Given as flags, and wishes for the whole Chrome like the upgrade's parameters of these names. */
  readonly proxyServer?: string;
  readonly proxyBypassList?: string;
}

const MOST_FLAGS = 64;
const LONGEST_FLAG = 4096;
const SHOWN = 100;
const LISTED = 'docs/exclusive.md lists the flags that are taken';

/** Checks a client's flags against the allow list; throws BAD_PARAMETER that names the flag, and why it is not taken. */
export function readLaunchFlags(given: readonly string[], trust: FlagTrust): LaunchFlags {
  if (given.length > MOST_FLAGS) throw bad('', `has ${given.length} flags; it takes at most ${MOST_FLAGS}`);
  const flags = given.map((flag) => parse(flag));
  const valueOf = (name: string): string | undefined => flags.findLast((flag) => flag.name === name)?.value;
  const taken = flags.filter(({ name }) => !ownFlags.has(name) && !proxies.has(name));
  for (const { flag, name, value } of taken) check(flag, name, value, trust);
  const has = (name: string): boolean => taken.some((flag) => flag.name === name);
  if (trust === 'tenant' && has('use-fake-ui-for-media-stream') && !has('use-fake-device-for-media-stream')) {
    const flag = '--use-fake-ui-for-media-stream';
    throw bad(flag, `has the flag ${flag}, which goes with --use-fake-device-for-media-stream only`);
  }
  // On Linux Chrome takes the language of pages from this one alone.
  const language = has('accept-lang') ? undefined : valueOf('lang');
  const proxyServer = valueOf('proxy-server');
  const proxyBypassList = valueOf('proxy-bypass-list');
  return {
    args: [
      ...taken.map(({ flag }) => flag),
      ...(language === undefined ? [] : [`--accept-lang=${language}`]),
    ],
    ...(proxyServer !== undefined && { proxyServer }),
    ...(proxyBypassList !== undefined && { proxyBypassList }),
  };
}

/** Not flags of the list: where all that goes out is filtered, the filter takes them. */
const proxies: ReadonlySet<string> = new Set(['proxy-server', 'proxy-bypass-list']);

/** With these a Chrome finds ways around the proxy that it is given, or what it is told of hosts. */
const pastProxies: ReadonlySet<string> = new Set([
  'force-webrtc-ip-handling-policy',
  'host-resolver-rules',
  'host-rules',
  'no-proxy-server',
  'proxy-auto-detect',
  'proxy-pac-url',
  'webrtc-ip-handling-policy',
]);

/** Whether a Chrome with this flag would go past its proxy. */
export function goesPastProxies(flag: string): boolean {
  return pastProxies.has(parse(flag).name);
}

interface Flag {
  readonly flag: string;
  readonly name: string;
  readonly value: string | undefined;
}

function parse(flag: string): Flag {
  const [, name, value] = /^--([a-z0-9][a-z0-9-]*)(?:=([^\p{Cc}]*))?$/u.exec(flag) ?? [];
  if (name === undefined)
    throw bad(flag, `has ${shown(flag)}, which is no flag of the form --name or --name=value`);
  if (flag.length > LONGEST_FLAG) throw bad(flag, `has ${shown(flag)}, over ${LONGEST_FLAG} characters long`);
  if (proxies.has(name) && (value ?? '') === '') throw bad(flag, `has the flag --${name} without a value`);
  return { flag, name, value };
}

function check(flag: string, name: string, value: string | undefined, trust: FlagTrust): void {
  const local = flagsForLocal.get(name);
  const anyone = flagsForAnyone.get(name);
  const rule = trust === 'local' ? (local ?? anyone) : anyone;
  if (rule === undefined) {
    const why = local
      ? "is for clients with this machine's trust only (policy.trust)"
      : (refusedFlags.find(([pattern]) => pattern.test(name))?.[1] ?? 'is none of those that are taken');
    throw bad(flag, `has the flag --${name}, which ${refusalOf(why)}`);
  }
  const takes = complaint(rule, value);
  if (takes !== undefined) throw bad(flag, `has the flag ${shown(flag)}; --${name} takes ${takes}`);
}

/** What the flag takes instead; undefined for a value that it takes. */
function complaint(rule: FlagValue, value: string | undefined): string | undefined {
  if (rule === 'none') return value === undefined ? undefined : 'no value';
  if (value === undefined) return rule.isOptional ? undefined : rule.takes;
  return rule.test(value) ? undefined : rule.takes;
}

function refusalOf(why: string): string {
  return why.startsWith('is ') ? why : `is not taken: ${why}`;
}

function shown(flag: string): string {
  return JSON.stringify(flag.length > SHOWN ? `${flag.slice(0, SHOWN)}…` : flag);
}

function bad(flag: string, what: string): CdpmuxError {
  const message = `Parameter launch ${what}. ${LISTED}.`;
  return new CdpmuxError('BAD_PARAMETER', message, {
    details: { parameter: 'launch', value: flag.slice(0, SHOWN), range: LISTED },
  });
}
