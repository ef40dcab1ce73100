import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { listProcesses, proportionalMemory } from '../../src/chrome/proc.js';
import type { Operator } from '../chaos/operator.js';
import { processTree } from '../resident.js';
import type { SoakedCdpmux } from './service.js';

const MB = 1024 * 1024;
/** How long all may take to go after the last client, ms: kept virtual browsers and idle Chromes first. */
const SETTLE = 90_000;
/** For so long nothing may have changed, ms. */
const STILL = 2_000;

/** A cdpmux with nobody connected. */
export interface Rest {
  readonly values: Readonly<Record<string, number>>;
  /** What had not gone by then, in words. */
  readonly left: readonly string[];
}

/** Waits until nothing is left of clients, and the pool is as small as it gets; then measures. */
export async function rest(
  cdpmux: SoakedCdpmux,
  operator: Operator,
  directory: string,
  fewest: number,
  loseKb: number,
): Promise<Rest> {
  const began = performance.now();
  let left: string[];
  let seen = '';
  for (let since = performance.now(); ;) {
    left = await leftNow(operator, fewest);
    // to look through all processes takes what a busy machine has to give
    const now = left.length > 0 ? '' : [...(await processesIn(directory, cdpmux.pid))].join();
    if (now !== seen || left.length > 0) since = performance.now();
    seen = now;
    if (performance.now() - since > STILL || performance.now() - began > SETTLE) break;
    await delay(250);
  }
  const settle = (performance.now() - began) / 1000;
  // connections of the requests above
  await delay(100);
  const told = await cdpmux.look({ collect: true, loseKb });
  const pids = await processesIn(directory, cdpmux.pid);
  const sizes = await Promise.all([...pids].map((pid) => proportionalMemory(pid)));
  return {
    left,
    values: {
      heap: told.heapMb,
      code: told.codeMb,
      data: told.heapMb - told.codeMb,
      external: told.externalMb,
      rss: told.rssMb,
      ...(await writableMemory(cdpmux.pid)),
      fds: await openFiles(cdpmux.pid),
      ...told.resources,
      resources: Object.values(told.resources).reduce((sum, count) => sum + count, 0),
      processes: pids.size,
      pss: sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0) / MB,
      entries: (await readdir(directory)).length,
      settle,
    },
  };
}

/** Open file descriptors of a process. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Memory of a process that is backed by no file, MB: what is resident, and all that it may write to, touched or not. */
async function writableMemory(pid: number): Promise<{ anonymous: number; writable: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { anonymous: of('RssAnon'), writable: of('VmData') };
}

/**
 * Processes beneath a cdpmux, or begun by what was once: whoever was started with a temporary directory in that one, wherever it hangs
 * in the tree now.
 */
export async function processesIn(directory: string, cdpmux: number): Promise<ReadonlySet<number>> {
  const found = new Set(await processTree([cdpmux]));
  for (const { pid } of await listProcesses()) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(`TMPDIR=${directory}`)) found.add(pid);
  }
  found.delete(cdpmux);
  return found;
}

async function leftNow(operator: Operator, fewest: number): Promise<string[]> {
  const { browsers: _, ...counts } = await operator.counts();
  const browsers = await operator.browsers();
  const others = browsers.filter(({ state }) => state !== 'ready');
  return [
    ...Object.entries(counts)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${name} ${count}`),
    ...others.map(({ id, state }) => `browser ${id} ${state}`),
    ...(browsers.length - others.length === fewest
      ? []
      : [`${browsers.length - others.length} browsers ready`]),
  ];
}
