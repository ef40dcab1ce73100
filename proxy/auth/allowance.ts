import { CdpmuxError, type Priority } from '../../src/index.js';
import type { Mode } from '../config.js';
import { DEFAULT_POOL } from '../config/pools.js';
import { PRIORITIES } from '../config/tokens.js';
import type { Guest } from './access.js';

/** The part of a guest that says what it may ask for. */
export type Allowance = Pick<Guest, 'tenant' | 'priority' | 'maxPriority' | 'modes' | 'pools'>;

/** Refuses a mode that the token may not use, with FORBIDDEN. */
export function mustAllowMode({ tenant, modes }: Allowance, mode: Mode): void {
  if (modes.includes(mode)) return;
  throw forbidden(tenant.name, 'mode', mode, modes.join(' or '), 'modes');
}

/** The priority asked for, or the token's own; refuses one above the token's highest, with FORBIDDEN. */
export function allowedPriority(allowance: Allowance, asked: Priority | undefined): Priority {
  const { tenant, priority, maxPriority } = allowance;
  if (asked === undefined) return priority;
  if (PRIORITIES.indexOf(asked) <= PRIORITIES.indexOf(maxPriority)) return asked;
  throw forbidden(tenant.name, 'priority', asked, `${maxPriority} or lower`, 'maxPriority');
}

/** The pool asked for, or the first that the token may use; refuses another, with FORBIDDEN. Undefined is the one without a name. */
export function allowedPool({ tenant, pools }: Allowance, asked: string | undefined): string | undefined {
  const pool = asked ?? pools?.[0] ?? DEFAULT_POOL;
  if (pools && !pools.includes(pool)) throw forbidden(tenant.name, 'pool', pool, pools.join(' or '), 'pools');
  return pool === DEFAULT_POOL ? undefined : pool;
}

function forbidden(
  name: string,
  parameter: string,
  value: string,
  range: string,
  setting: string,
): CdpmuxError {
  const message = `The token ${name} may not have ${parameter} ${value}, but ${range}; whoever runs cdpmux can change ${setting} of this token in auth.tokens.`;
  return new CdpmuxError('FORBIDDEN', message, { details: { parameter, value, range } });
}
