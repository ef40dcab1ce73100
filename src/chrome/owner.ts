import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

import { findProcess } from './proc.js';

/**
 * Who made a temporary directory, as text for its name: `<pid>-<start time>-<host>`. The start time keeps a reused
 * pid from passing for the owner, the host a container from judging the pids of another one that shares the directory.
 */
export async function ownerTag(): Promise<string> {
  const self = await findProcess('self');
  return `${process.pid}-${self?.startTime ?? 0}-${host()}`;
}

/** Whether the process that wrote this tag is alive. A tag of another host, or none of ours, counts as alive. */
export async function isOwnerAlive(tag: string): Promise<boolean> {
  const match = /^(\d+)-(\d+)-([0-9a-f]{8})$/.exec(tag);
  if (match === null || match[3] !== host()) return true;
  const pid = Number(match[1]);
  const startTime = Number(match[2]);
  // without /proc there is no start time to compare
  if (startTime === 0) return isSignalable(pid);
  return (await findProcess(pid))?.startTime === startTime;
}

function isSignalable(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function host(): string {
  return createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
}
