import { closeSync, openSync, readSync } from 'node:fs';

/** What a process holds in memory, bytes. */
export interface Resident {
  /** Its own pages: heaps, buffers, stacks. */
  readonly own: number;
  /** Pages that others may have as well: programs, files, shared memory. */
  readonly shared: number;
}

/** What of a process changes as it works. */
export interface ProcessTimes {
  /** Processor time in clock ticks. */
  readonly ticks: number;
  /** When it was started, in clock ticks since boot; with the pid it names one process for good. */
  readonly startTime: number;
}

/** Clock ticks in a second; the kernel shows all processes this many, whatever it counts with. */
export const TICKS_PER_SECOND = 100;

// One buffer for all: what is read here is read in one go and used up at once. A synchronous read of /proc costs
// 4 µs, a tenth of what an asynchronous one does.
const buffer = Buffer.alloc(4096);

/** What a file of `/proc` or `/sys` says, up to 4 KiB; undefined where there is none. */
export function readSmall(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
  } catch {
    // the process ended meanwhile
    return undefined;
  } finally {
    closeSync(file);
  }
}

let pageSize: number | undefined;

/** Bytes in a page of memory: what the kernel says of this process in both units tells it. */
export function bytesInPage(): number {
  if (pageSize !== undefined) return pageSize;
  const kb = Number(/^VmSize:\s+(\d+) kB$/m.exec(readSmall('/proc/self/status') ?? '')?.[1]);
  const pages = Number(readSmall('/proc/self/statm')?.split(' ', 1)[0]);
  const ratio = (kb * 1024) / pages;
  pageSize = ratio > 0 ? 2 ** Math.round(Math.log2(ratio)) : 4096;
  return pageSize;
}

/** What a process holds now; undefined when it has ended, and where there is no /proc. */
export function residentOf(pid: number): Resident | undefined {
  const fields = readSmall(`/proc/${pid}/statm`)?.split(' ', 3);
  if (fields === undefined || fields.length < 3) return undefined;
  const [all, shared] = [Number(fields[1]), Number(fields[2])];
  // A zombie has none.
  if (all === 0) return undefined;
  return { own: (all - shared) * bytesInPage(), shared: shared * bytesInPage() };
}

/** How long a process has worked, and since when it is there; undefined when it has ended, or is a zombie. */
export function timesOf(pid: number): ProcessTimes | undefined {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets, and may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20);
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { ticks: Number(fields[11]) + Number(fields[12]), startTime: Number(fields[19]) };
}

/** The processes that one thread of a process has started and that are still there. */
export function childrenOf(pid: number, thread = pid): number[] {
  const text = readSmall(`/proc/${pid}/task/${thread}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

/** What was given on its command line; '' when it has ended. */
export function argumentsOf(pid: number): string {
  return readSmall(`/proc/${pid}/cmdline`) ?? '';
}

/** Now on the clock of `startTime`, in clock ticks since boot. */
export function ticksSinceBoot(): number {
  return Number(readSmall('/proc/uptime')?.split(' ', 1)[0]) * TICKS_PER_SECOND;
}
