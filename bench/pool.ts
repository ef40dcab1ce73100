import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import type { Closers } from './closers.js';
import type { Figure } from './figures.js';
import { admission } from './pool/admission.js';
import { affinity } from './pool/affinity.js';
import { coldStart } from './pool/cold-start.js';
import { queueTimeouts } from './pool/queue.js';
import { recovery } from './pool/recovery.js';
import { reuse } from './pool/reuse.js';

/** What the pool suite is given. */
export interface PoolOptions {
  readonly executable: ChromeExecutable;
  readonly clients: number;
  readonly rounds: number;
  readonly closers: Closers;
}

/** What a pool of Chromes does for its clients: admission, recovery, cold start, reuse, affinity and waiting. */
export async function pool({ executable, clients, rounds, closers }: PoolOptions): Promise<Figure[]> {
  return [
    ...(await admission({ executable, rounds: 10 * rounds, closers })),
    ...(await recovery({ executable, rounds: Math.ceil(rounds / 5), closers })),
    ...(await coldStart({ executable, clients, closers })),
    ...(await reuse({ executable, clients: 10 * clients, parallel: clients, closers })),
    ...(await affinity({ executable, rounds, closers })),
    ...(await queueTimeouts({ executable, rounds: Math.ceil(rounds / 5), closers })),
  ];
}
