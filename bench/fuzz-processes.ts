import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { newReport, type FuzzOptions, type FuzzReport } from './fuzz-run.js';

/** Two processes never send the same batch. */
const APART = 1_000_000;

/**
 * The same run in so many processes at a time, each with a cdpmux, a Chrome and clients of its own, and its part of the
 * frames: what one Chrome takes is bound by its main thread.
 */
export async function runInProcesses(options: FuzzOptions, count: number): Promise<FuzzReport> {
  const { closers, onProgress, ...rest } = options;
  const parts: FuzzReport[] = [];
  const runs = Array.from({ length: count }, async (_, number) => {
    parts[number] = newReport();
    const seed = options.seed + number * APART;
    const own = JSON.stringify({ ...rest, seed, frames: Math.ceil(options.frames / count) });
    const child = fork(fileURLToPath(new URL('./fuzz-process.js', import.meta.url)), [own], {
      serialization: 'advanced',
    });
    const exited = once(child, 'exit');
    const stop = closers.add(async () => {
      child.kill('SIGTERM');
      await exited;
    });
    child.on('message', (report: FuzzReport) => {
      parts[number] = report;
      onProgress?.(sum(parts));
    });
    const [code, signal] = (await exited) as [number | null, string | null];
    await stop();
    if (code !== 0) parts[number].problems.push(`the process of seed ${seed} ended: ${code ?? signal}`);
  });
  await Promise.all(runs);
  return sum(parts);
}

/** The counts of all, the largest growth of a heap, the problems of all. */
function sum(parts: readonly FuzzReport[]): FuzzReport {
  const all = newReport();
  for (const part of parts) {
    for (const key of ['frames', 'answers', 'batches', 'connections', 'renewals', 'bystander'] as const)
      all[key] += part[key];
    for (const key of ['heapMb', 'seconds'] as const) all[key] = Math.max(all[key], part[key]);
    for (const key of ['endings', 'excused'] as const)
      for (const [what, times] of part[key]) all[key].set(what, (all[key].get(what) ?? 0) + times);
    all.problems.push(...part.problems);
  }
  return all;
}
