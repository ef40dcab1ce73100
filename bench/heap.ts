import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MB = 1024 * 1024;

/** Collects all garbage of this process. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // a finalizer may free what only the next collection takes
  for (let i = 0; i < 4; i++) {
    collect();
    await turn();
  }
}

/** JS heap of this process after a garbage collection, MB. */
export async function heapAfterCollection(): Promise<number> {
  await collectGarbage();
  return process.memoryUsage().heapUsed / MB;
}
