import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Writes down the port as Chrome does, where launchers look for it. */
export async function writeActivePort(userDataDir: string, port: number, path: string): Promise<void> {
  await mkdir(userDataDir, { recursive: true });
  await writeFile(join(userDataDir, 'DevToolsActivePort'), `${port}\n${path}`);
}

/** Whether a Chrome has run with this profile: launchers put preferences into theirs beforehand. */
export async function hasProfile(userDataDir: string): Promise<boolean> {
  const names = await readdir(join(userDataDir, 'Default')).catch(() => []);
  return names.some((name) => ['Cookies', 'History', 'Network', 'Local Storage', 'Web Data'].includes(name));
}
