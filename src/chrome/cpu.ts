import { readdirSync } from 'node:fs';
import { getPriority, loadavg, availableParallelism, setPriority } from 'node:os';
import { readSmall } from './resident.js';

/** Of all priorities the last: such a thread runs when nobody else wants to. */
const LAST = 19;

/** How long a thread has run, and how long it waited for a processor although it could have run, ms. */
export interface ThreadTimes {
  readonly ran: number;
  readonly waited: number;
}

/** The ids of a process's threads; none when it has ended. */
export function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

/** Of one thread; undefined when it has ended, and where the kernel does not tell. */
export function threadTimes(pid: number, thread: number): ThreadTimes | undefined {
  const [ran, waited] = (readSmall(`/proc/${pid}/task/${thread}/schedstat`) ?? '').split(' ').map(Number);
  return ran === undefined || waited === undefined ? undefined : { ran: ran / 1e6, waited: waited / 1e6 };
}

/** How often a thread has waited for something by itself; undefined when it has ended. */
export function pausesOf(pid: number, thread: number): number | undefined {
  const text = readSmall(`/proc/${pid}/task/${thread}/status`) ?? '';
  const count = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(text)?.[1];
  return count === undefined ? undefined : Number(count);
}

/** How long somebody on this machine has waited for a processor since it was started, ms; undefined where the kernel does not tell. */
export function processorPressure(): number | undefined {
  const total = /^some .*total=(\d+)/m.exec(readSmall('/proc/pressure/cpu') ?? '')?.[1];
  return total === undefined ? undefined : Number(total) / 1_000;
}

/** Whether more want to run than there are processors, by the last minute. */
export function isCrowded(): boolean {
  return (loadavg()[0] ?? 0) > availableParallelism();
}

/** Gives the threads of a process the last priority, and what they had before by thread; those that are new are added. */
export function slowDown(pid: number, before: Map<number, number>): void {
  for (const thread of threadsOf(pid)) {
    if (before.has(thread)) continue;
    try {
      const priority = getPriority(thread);
      setPriority(thread, LAST);
      before.set(thread, priority);
    } catch {
      // it has ended
    }
  }
}

/** Gives threads back what they had; false where that takes a right (CAP_SYS_NICE) that this process does not have. */
export function speedUp(pid: number, before: ReadonlyMap<number, number>): boolean {
  let isRefused = false;
  // What was started meanwhile took over the priority of who started it.
  for (const thread of threadsOf(pid)) {
    try {
      setPriority(thread, before.get(thread) ?? before.get(pid) ?? 0);
    } catch (error) {
      const { info } = error as { info?: { code?: string } };
      isRefused ||= info?.code === 'EACCES' || info?.code === 'EPERM';
    }
  }
  return !isRefused;
}
