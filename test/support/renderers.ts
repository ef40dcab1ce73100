import { readFileSync } from 'node:fs';
import { processTree } from '../../bench/resident.js';
import type { CdpClient } from './cdp-client.js';
import { evaluate, type Page } from './page.js';

/** Processor time that a process has used, in clock ticks; undefined when it has ended, if only as a zombie. */
export function ticksOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : Number(fields[11]) + Number(fields[12]);
  } catch {
    return undefined;
  }
}

/** Pids of the renderers of a Chrome. */
export const renderersOf = (browserPid: number): Promise<number[]> => processesOf(browserPid, 'renderer');

/** Pids of the processes that a Chrome's renderers are forked off. */
export const zygotesOf = (browserPid: number): Promise<number[]> => processesOf(browserPid, 'zygote');

async function processesOf(browserPid: number, type: string): Promise<number[]> {
  return [...(await processTree([browserPid]))].filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`--type=${type}`);
    } catch {
      return false;
    }
  });
}

/** The process of a page: the one that works while the page does. */
export async function rendererOf(browserPid: number, client: CdpClient, page: Page): Promise<number> {
  const before = new Map((await renderersOf(browserPid)).map((pid) => [pid, ticksOf(pid) ?? 0]));
  await evaluate(client, page, 'for(const end=performance.now()+400;performance.now()<end;);');
  const worked = (await renderersOf(browserPid)).map((pid) => ({
    pid,
    ticks: (ticksOf(pid) ?? 0) - (before.get(pid) ?? 0),
  }));
  return worked.sort((a, b) => b.ticks - a.ticks)[0]!.pid;
}
