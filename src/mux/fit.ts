import { CdpmuxError } from '../errors.js';
import type { OpenRecord } from './open-list.js';
import type { Admission } from './types.js';

/** What a virtual browser is opened with and can't be changed afterwards; undefined or '' where its client did not ask. */
export interface Made {
  readonly proxyServer: string | undefined;
  readonly proxyBypassList: string | undefined;
  readonly userAgent: string | undefined;
  readonly windowSize: string | undefined;
  readonly flags: string;
}

/** What is remembered of the request that a virtual browser was opened for. */
export function madeFor({
  proxyServer,
  proxyBypassList,
  appearance: { userAgent, windowSize } = {},
  launch,
}: Pick<Admission, 'proxyServer' | 'proxyBypassList' | 'appearance' | 'launch'>): Made {
  return {
    proxyServer,
    proxyBypassList,
    userAgent,
    windowSize: windowSize && `${windowSize.width},${windowSize.height}`,
    flags: launch?.args.join(' ') ?? '',
  };
}

/**
 * Refuses with BAD_PARAMETER one who would join a virtual browser that is not what it asks for: without a word it would
 * get another Chrome, or another way out, than it counts on. What it does not ask for is as it is.
 */
export function mustFit({ virtual, pool, made }: OpenRecord, asked: Admission): void {
  const refuse = (parameter: string, value: string, is: string): never => {
    const message = `Parameter ${parameter} has the value ${value}, and the virtual browser ${virtual.id} is there already and ${is}; leave ${parameter} out, or connect to a new one.`;
    throw new CdpmuxError('BAD_PARAMETER', message, { details: { parameter, value } });
  };
  if (asked.mode === 'exclusive' && !virtual.host.exclusive) {
    refuse('mode', 'exclusive', 'shares its Chrome with others');
  }
  const { asksPool } = asked;
  if (asksPool !== undefined && asksPool !== pool) refuse('pool', shown(asksPool), `is in ${shown(pool)}`);
  for (const parameter of ['proxyServer', 'proxyBypassList'] as const) {
    const wish = asked[parameter];
    // Either may have a password in it.
    if (wish !== undefined && wish !== made[parameter]) refuse(parameter, '(hidden)', 'has another one');
  }
  const { flags, ...wishes } = madeFor(asked);
  for (const parameter of ['userAgent', 'windowSize'] as const) {
    const wish = wishes[parameter];
    if (wish !== undefined && wish !== made[parameter])
      refuse(parameter, JSON.stringify(wish), 'has another one');
  }
  if (flags !== '' && flags !== made.flags) refuse('launch', flags, 'has other flags');
}

function shown(pool: string): string {
  return pool === '' ? 'default' : pool;
}
