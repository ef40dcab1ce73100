import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** How many functions are listed. */
const LISTED = 40;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The functions in which most time went by, by themselves, of a CPU profile as V8 writes it: one line each. */
export function topFunctions(profile: CpuProfile): string[] {
  const nameOf = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const where = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`;
      return [id, `${functionName === '' ? '(anonymous)' : functionName}${where}`];
    }),
  );
  const times = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, at) => {
    const name = nameOf.get(id) ?? '?';
    if (name === '(idle)') return;
    const time = Math.max(0, profile.timeDeltas[at] ?? 0);
    total += time;
    times.set(name, (times.get(name) ?? 0) + time);
  });
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, LISTED)
    .map(([name, time]) => {
      const percent = ((time / total) * 100).toFixed(1).padStart(5);
      return `${percent} %  ${(time / 1_000).toFixed(0).padStart(7)} ms  ${name}`;
    });
}

/** Writes the top functions of each profile in a directory beside it, and gives the paths of both. */
export async function explainProfiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.cpuprofile'));
  const paths: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const profile = JSON.parse(await readFile(path, 'utf8')) as CpuProfile;
    await writeFile(`${path}.txt`, `${topFunctions(profile).join('\n')}\n`);
    paths.push(path, `${path}.txt`);
  }
  return paths;
}
