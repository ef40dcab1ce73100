import { readdir, readFile } from 'node:fs/promises';

/** One line of the process table, as much of it as telling a Chrome's processes apart takes. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since boot: with the pid it names one process for good, while a pid alone is used again. */
  readonly startTime: number;
}

async function readStat(
  pid: number | 'self',
): Promise<(ProcessInfo & { readonly dead: boolean }) | undefined> {
  let stat: string;
  try {
    stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The second field is the program's name in brackets, and may itself hold blanks and brackets.
  const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const field = (index: number): number => Number(rest[index]);
  return {
    pid: Number.parseInt(stat, 10),
    dead: rest[0] === 'Z' || rest[0] === 'X',
    parent: field(1),
    group: field(2),
    session: field(3),
    startTime: field(19),
  };
}

/** The process of that pid (`self`: this one), unless there is none, it is a zombie, or the system has no /proc. */
export async function findProcess(pid: number | 'self'): Promise<ProcessInfo | undefined> {
  const stat = await readStat(pid);
  return stat === undefined || stat.dead ? undefined : stat;
}

/** All processes that are not zombies (a container without an init never reaps those); none where there is no /proc. */
export async function listProcesses(): Promise<readonly ProcessInfo[]> {
  let names: string[];
  try {
    names = await readdir('/proc');
  } catch {
    return [];
  }
  const found = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((name) => findProcess(Number(name))),
  );
  return found.filter((one) => one !== undefined);
}

/** The command line of a process, its arguments divided by NULs or (where Chrome rewrote it) blanks; '' if unreadable. */
export async function commandLine(pid: number): Promise<string> {
  try {
    return await readFile(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Sends SIGKILL to a process, or with a negative number to a group; false when nothing of that number is left. */
export function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** What a process takes of memory, bytes, where pages that several share count for each in part; undefined where it can't be read. */
export async function proportionalMemory(pid: number): Promise<number | undefined> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const kb = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
  return kb === undefined ? undefined : Number(kb) * 1024;
}
