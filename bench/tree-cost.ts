import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { cpuSeconds } from './process-cost.js';
import { processTree } from './resident.js';

/** How often CPU time is looked at, ms: what a process used after the last look before its end is not seen. */
const LOOK = 50;
/** Memory is looked at in each so manieth look: it takes some time of the processor. */
const MEMORY_EVERY = 8;

/** Some processes with all beneath them. */
export interface Tree {
  readonly roots: readonly number[];
  /** Not these, with what is beneath them. */
  readonly without?: readonly number[];
}

/** What a tree of processes took. */
export interface TreeCost {
  /** CPU time of all that were seen in it, s. */
  readonly cpu: number;
  /** The largest proportional set size of all together, MB. */
  readonly peak: number;
}

/**
 * Watches a tree while `work` goes on. Adding up what there is at the end would miss processes that have ended: whose parent ended first, or did not
 * wait for them, nobody's account has.
 */
export async function watchTree(tree: Tree, work: Promise<unknown>): Promise<TreeCost> {
  const before = await cpuOf(await pidsOf(tree));
  const seen = new Map<number, number>();
  let isOver = false;
  const over = work.finally(() => (isOver = true));
  let peak = 0;
  for (let nth = 0; !isOver; nth++) {
    const pids = await pidsOf(tree);
    for (const [pid, cpu] of await cpuOf(pids)) seen.set(pid, cpu);
    if (nth % MEMORY_EVERY === 0) peak = Math.max(peak, await sizeOf(pids));
    await Promise.race([over, delay(LOOK)]);
  }
  await over;
  for (const [pid, cpu] of await cpuOf(await pidsOf(tree))) seen.set(pid, cpu);
  let cpu = 0;
  for (const [pid, now] of seen) cpu += now - (before.get(pid) ?? 0);
  return { cpu, peak };
}

/** All processes of a tree that are there now. */
async function pidsOf({ roots, without = [] }: Tree): Promise<number[]> {
  const left = without.length === 0 ? new Set() : await processTree(without);
  return [...(await processTree(roots))].filter((pid) => !left.has(pid));
}

/** CPU seconds so far, by pid. */
async function cpuOf(pids: readonly number[]): Promise<Map<number, number>> {
  const each = pids.map(async (pid) => [pid, await cpuSeconds(pid).catch(() => NaN)] as const);
  return new Map((await Promise.all(each)).filter(([, cpu]) => !Number.isNaN(cpu)));
}

async function sizeOf(pids: readonly number[]): Promise<number> {
  const sizes = pids.map(async (pid) => {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0);
  });
  return (await Promise.all(sizes)).reduce((sum, kb) => sum + kb, 0) / 1024;
}
