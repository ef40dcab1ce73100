import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the condition holds; fails with `what` after `within` ms. */
export async function until(what: string, condition: () => boolean, within = 5_000): Promise<void> {
  const deadline = performance.now() + within;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
    await delay(10);
  }
}

/** Command lines, by pid, of the processes (but zombies) of a session, or that name a path. */
export function survivors(session: number, path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pid of readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && name !== String(process.pid),
  )) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, , , ofSession] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (state !== 'Z' && (Number(ofSession) === session || line.includes(path))) found[pid] = line;
    } catch {
      // ended between the two
    }
  }
  return found;
}

/** Pids (but zombies) of other processes whose command line or environment names a path. */
export function processesNaming(path: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        if (stat[stat.lastIndexOf(')') + 2] === 'Z') return false;
        return ['cmdline', 'environ'].some((name) =>
          readFileSync(`/proc/${pid}/${name}`, 'utf8').includes(path),
        );
      } catch {
        // ended between the two
        return false;
      }
    });
}
