import type { IncomingHttpHeaders } from 'node:http';
import {
  CdpmuxError,
  type Admission,
  type Appearance,
  type Priority,
  type WindowSize,
} from '../../src/index.js';
import { allowedPool, allowedPriority, mustAllowMode, type Allowance } from '../auth/allowance.js';
import type { Mode } from '../config.js';
import { DEFAULT_POOL, isPoolName } from '../config/pools.js';
import { readLaunch } from './launch-parameter.js';

/** What an upgrade's query (or its `x-cdpmux-…` headers) asks for. */
export type UpgradeParameters = Pick<
  Admission,
  | 'initialPage'
  | 'proxyServer'
  | 'proxyBypassList'
  | 'appearance'
  | 'queueTimeout'
  | 'timeout'
  | 'keepAlive'
  | 'priority'
  | 'affinity'
  | 'pool'
  | 'asksPool'
  | 'labels'
  | 'mode'
  | 'launch'
>;

/** Reads a parameter's text, or throws with what it may be. */
type Reader<T> = (name: string, text: string) => T;

const LONGEST_WAIT = 24 * 60 * 60 * 1000;
const MOST_LABELS = 16;
const LONGEST_LABEL = 256;
const LONGEST_AFFINITY = 256;

const boolean: Reader<boolean> = (name, text) => {
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw bad(name, text, 'true or false');
};

const duration: Reader<number> = (name, text) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= LONGEST_WAIT) return value;
  throw bad(name, text, `a number of milliseconds from 0 to ${LONGEST_WAIT}`);
};

/** A life that this cdpmux allows. */
const atMost = (lifetime: number): Reader<number> => {
  return (name, text) => {
    const value = duration(name, text);
    if (value <= lifetime) return value;
    throw bad(name, text, `at most ${lifetime} ms, which limits.lifetime allows; 0 for just that`);
  };
};

const priority: Reader<Priority> = (name, text) => {
  if (text === 'low' || text === 'normal' || text === 'high' || text === 'critical') return text;
  throw bad(name, text, 'low, normal, high or critical');
};

const mode: Reader<Mode> = (name, text) => {
  if (text === 'shared' || text === 'exclusive') return text;
  throw bad(name, text, 'shared or exclusive');
};

const text: Reader<string> = (name, value) => {
  if (value !== '' && value.length <= 4096) return value;
  throw bad(name, value, 'a text of 1 to 4096 characters');
};

const affinity: Reader<string> = (name, value) => {
  if (value !== '' && value.length <= LONGEST_AFFINITY) return value;
  throw bad(name, value, `a text of 1 to ${LONGEST_AFFINITY} characters`);
};

const pool: Reader<string> = (name, value) => {
  if (isPoolName(value)) return value;
  throw bad(name, value, `the name of a pool: 1 to 32 lower-case letters, digits and dashes`);
};

const userAgent: Reader<string> = (name, value) => {
  // what Chrome takes for a header's value
  if (/^(?! )[^\p{Cc}]{1,2048}(?<! )$/u.test(value)) return value;
  throw bad(name, value, 'a text of 1 to 2048 characters in one line, with no space around it');
};

const windowSize: Reader<WindowSize> = (name, value) => {
  const [, width, height] = /^([1-9]\d{0,3})[,x]([1-9]\d{0,3})$/.exec(value) ?? [];
  if (height !== undefined) return { width: Number(width), height: Number(height) };
  throw bad(name, value, 'two numbers from 1 to 9999, as in 1280,720');
};

/** A time of keeping that this cdpmux allows. */
const keptAtMost = (longest: number): Reader<number> => {
  return (name, value) => {
    const time = duration(name, value);
    if (time <= longest) return time;
    throw bad(name, value, `at most ${longest} ms, which limits.keepAlive allows`);
  };
};

/** How long virtual browsers may live, ms. */
export interface LongestTimes {
  /** Longest life that may be asked for; 0 for any. */
  readonly lifetime: number;
  /** Longest time without a client; 0 forbids it. */
  readonly keepAlive: number;
}

/**
 * Reads the parameters of DESIGN's table; throws BAD_PARAMETER naming parameter, value and range, or FORBIDDEN for what
 * the caller's token may not have. Unknown ones pass.
 */
export function readParameters(
  query: string,
  headers: IncomingHttpHeaders,
  allowance?: Allowance,
  { lifetime, keepAlive }: LongestTimes = { lifetime: 0, keepAlive: LONGEST_WAIT },
): UpgradeParameters {
  const given = collect(query, headers);
  const read = <T>(name: string, reader: Reader<T>): T | undefined => {
    const value = given.get(name.toLowerCase());
    return value === undefined ? undefined : reader(name, value);
  };
  const asks = read('mode', mode);
  if (allowance) mustAllowMode(allowance, asks ?? 'shared');
  const launch = read('launch', (name, value) => {
    if (asks !== 'exclusive' && value !== '{}') throw bad(name, value, 'nothing without mode=exclusive');
    return readLaunch(value, allowance?.tenant.trust ?? 'local');
  });
  const once = (name: string, flag: string | undefined): string | undefined => {
    const value = read(name, text);
    if (value === undefined || flag === undefined || value === flag) return value ?? flag;
    throw bad(name, value, `nothing but ${JSON.stringify(flag)}, which launch says`);
  };
  const proxyServer = once('proxyServer', launch?.proxyServer);
  const proxyBypassList = once('proxyBypassList', launch?.proxyBypassList);
  const { appearance, others } = readAppearance(read, launch?.args ?? []);
  const queueTimeout = read('queueTimeout', duration);
  const asked = read('priority', priority);
  const timeout = read('timeout', lifetime === 0 ? duration : atMost(lifetime));
  const kept = read('keepAlive', keptAtMost(keepAlive));
  const near = read('affinity', affinity);
  const wanted = read('pool', pool);
  const from = allowance ? allowedPool(allowance, wanted) : wanted === DEFAULT_POOL ? undefined : wanted;
  return {
    initialPage: read('initialPage', boolean) ?? true,
    priority: allowance ? allowedPriority(allowance, asked) : (asked ?? 'normal'),
    labels: readLabels(given),
    ...(asks !== undefined && { mode: asks }),
    ...(asks === 'exclusive' && launch && { launch: { args: others } }),
    ...(proxyServer !== undefined && { proxyServer }),
    ...(proxyBypassList !== undefined && { proxyBypassList }),
    ...(appearance && { appearance }),
    ...(queueTimeout !== undefined && { queueTimeout }),
    ...(timeout !== undefined && { timeout }),
    ...(kept !== undefined && { keepAlive: kept }),
    ...(near !== undefined && { affinity: near }),
    ...(from !== undefined && { pool: from }),
    ...(wanted !== undefined && { asksPool: from ?? '' }),
  };
}

/** How pages are to look, by parameters or by flags of a Chrome of the client's own; `others` are the flags that say nothing of it. */
function readAppearance(
  read: <T>(name: string, reader: Reader<T>) => T | undefined,
  flags: readonly string[],
): { readonly appearance: Appearance | undefined; readonly others: readonly string[] } {
  const taken = new Set<string>();
  const once = <T>(name: string, flag: string, reader: Reader<T>): T | undefined => {
    const asked = read(name, (_name, value) => value);
    const said = flags.findLast((one) => one.startsWith(flag));
    const own = said?.slice(flag.length);
    if (asked !== undefined && own !== undefined && asked !== own)
      throw bad(name, asked, `nothing but ${JSON.stringify(own)}, which launch says`);
    const value = asked ?? own;
    if (said !== undefined) taken.add(flag);
    return value === undefined ? undefined : reader(name, value);
  };
  const agent = once('userAgent', '--user-agent=', userAgent);
  const size = once('windowSize', '--window-size=', windowSize);
  const isAsked = agent !== undefined || size !== undefined;
  return {
    appearance: isAsked
      ? { ...(agent !== undefined && { userAgent: agent }), ...(size && { windowSize: size }) }
      : undefined,
    others: flags.filter((one) => ![...taken].some((flag) => one.startsWith(flag))),
  };
}

/** Header names come in lower case, so names are compared in it; the query wins over a header. */
function collect(query: string, headers: IncomingHttpHeaders): Map<string, string> {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-cdpmux-') && typeof value === 'string')
      given.set(name.slice('x-cdpmux-'.length), value);
  }
  for (const [name, value] of new URLSearchParams(query)) given.set(name.toLowerCase(), value);
  return given;
}

function readLabels(given: ReadonlyMap<string, string>): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [name, value] of given) {
    if (!name.startsWith('label.')) continue;
    if (!/^label\.[\w.-]{1,64}$/.test(name))
      throw bad(name, value, 'label.<k> with letters, digits, dots and dashes');
    if (value.length > LONGEST_LABEL) throw bad(name, value, `a text of at most ${LONGEST_LABEL} characters`);
    labels[name.slice('label.'.length)] = value;
  }
  if (Object.keys(labels).length > MOST_LABELS) throw bad('label', '', `at most ${MOST_LABELS} labels`);
  return labels;
}

function bad(parameter: string, value: string, range: string): CdpmuxError {
  const shown = value.slice(0, 100);
  const message = `Parameter ${parameter} has the value ${JSON.stringify(shown)}; it takes ${range}.`;
  return new CdpmuxError('BAD_PARAMETER', message, { details: { parameter, value: shown, range } });
}
