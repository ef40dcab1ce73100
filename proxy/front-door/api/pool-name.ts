import { DEFAULT_POOL } from '../../config/pools.js';

/** The same with the name by which clients ask for the pool that has none. */
export function withPoolName<T extends object>(report: T): T {
  return 'pool' in report && report.pool === '' ? { ...report, pool: DEFAULT_POOL } : report;
}
