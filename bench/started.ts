import type { ChildProcess } from 'node:child_process';

/** Processes of the benchmark's that have not ended. */
const started = new Set<ChildProcess>();

/**
 * Has a process end with this one, however this one ends: what is still there at its exit is killed. cdpmux and Chrome close what is theirs
 * when their pipes do.
 */
export function endsWithUs<T extends ChildProcess>(child: T): T {
  if (started.size === 0) process.once('exit', killAll);
  started.add(child);
  const forget = (): void => {
    started.delete(child);
    if (started.size === 0) process.off('exit', killAll);
  };
  child.once('exit', forget).once('error', forget);
  return child;
}

function killAll(): void {
  for (const child of started) child.kill('SIGKILL');
}
