import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { listProcesses } from '../src/chrome/proc.js';

/** The pids given, all their descendants, and whoever is in a process session that one of those leads. */
export async function processTree(roots: readonly number[]): Promise<ReadonlySet<number>> {
  const all = await listProcesses();
  const tree = new Set(roots);
  for (let size = -1; size !== tree.size;) {
    size = tree.size;
    for (const { pid, parent, session } of all) if (tree.has(parent) || tree.has(session)) tree.add(pid);
  }
  return tree;
}

/** Proportional set size of these processes and all beneath them, in MB: what they share is counted once. */
export async function proportionalSetSize(
  roots: readonly number[],
): Promise<{ mb: number; processes: number }> {
  return sizeOfProcesses(await processTree(roots));
}

/** The same of these processes without those beneath them. */
export async function sizeOfProcesses(pids: Iterable<number>): Promise<{ mb: number; processes: number }> {
  let kb = 0;
  let processes = 0;
  for (const pid of pids) {
    // one that has just ended has none
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const found = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    if (found === undefined) continue;
    kb += Number(found);
    processes += 1;
  }
  if (processes === 0) throw new Error('no process could be read: is this Linux, and are they ours?');
  return { mb: kb / 1024, processes };
}

/** The same once it has come to rest: within 1 % over 2 s, or after 15 s. */
export async function settledSize(roots: readonly number[]): Promise<{ mb: number; processes: number }> {
  const sizes: number[] = [];
  for (const end = performance.now() + 15_000; ;) {
    const now = await proportionalSetSize(roots);
    sizes.push(now.mb);
    const last = sizes.slice(-4);
    const spread = Math.max(...last) / Math.min(...last);
    if ((last.length === 4 && spread < 1.01) || performance.now() > end) return now;
    await delay(500);
  }
}
