import { setTimeout as delay } from 'node:timers/promises';
import type { Mux } from '../src/index.js';
import type { Log } from './front-door/log.js';

/** How often it is looked whether the last client has gone, ms. */
const LOOK_INTERVAL = 50;

/** How long who is there may stay. */
export interface DrainTimes {
  /** New clients are let in for so long, ms, though readiness says no. */
  readonly grace: number;
  /** Longest wait for clients to go, ms. */
  readonly timeout: number;
}

/**
 * Gets a cdpmux empty before it stops: load balancers send clients elsewhere, then nobody new is let in, then it waits for who
 * is there. Done when the last client has gone, when the time is over, or when the signal is aborted.
 */
export async function drain(
  mux: Mux,
  { grace, timeout }: DrainTimes,
  { signal, log }: { readonly signal: AbortSignal; readonly log: Log },
): Promise<void> {
  mux.retire();
  const { clients } = mux.stats();
  log('info', 'draining', { clients, grace, timeout });
  await pause(grace, signal);
  mux.drainAll(timeout);
  const end = performance.now() + timeout;
  while (mux.busy && performance.now() < end && !signal.aborted) await pause(LOOK_INTERVAL, signal);
  const left = mux.stats().clients;
  log(left === 0 ? 'info' : 'warn', 'drained', { left });
}

/** Ends early when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => undefined);
}
