import { mkdtemp, readdir, readlink, realpath, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { isOwnerAlive, ownerTag } from './owner.js';
import { commandLine, kill, listProcesses } from './proc.js';

/** A launched Chrome's directory: its user data, and its temporary files where the path is short enough. */
export interface Profile {
  readonly path: string;
  /** Variables that make Chrome put its temporary files there too. */
  readonly env: Readonly<Record<string, string>>;
  /** Deletes it with all that is in it; a second call does nothing. */
  remove(): Promise<void>;
}

// Full Chrome makes `org.chromium.Chromium.XXXXXX/SingletonSocket` in TMPDIR, and does not start if that is longer than
// the 107 bytes that a socket's address has room for.
const TMPDIR_LONGEST = 107 - '/org.chromium.Chromium.XXXXXX/SingletonSocket'.length;
const PREFIX = 'cdpmux-profile-';
const NAME = /^cdpmux-(?:profile|unpack|files)-(\d+-\d+-[0-9a-f]{8})-\w+$/;

/** Makes a fresh directory that only we can read, under a name that says whose it is. */
export async function createProfile(tmpDir: string): Promise<Profile> {
  // Chrome's own command line has to name it the way a later sweep will look for it
  const parent = await realpath(tmpDir);
  const path = await mkdtemp(join(parent, `${PREFIX}${await ownerTag()}-`));
  const env = Buffer.byteLength(path) <= TMPDIR_LONGEST ? { TMPDIR: path } : {};
  return { path, env, remove: () => removeProfile(path) };
}

/** What {@link sweepProfiles} removed. */
export interface Swept {
  readonly directories: number;
  readonly processes: number;
}

/**
 * Removes what cdpmuxes that were killed left in `tmpDir`: profiles, files and half unpacked Chromes, and Chromes that still
 * run on such a profile. Whatever belongs to a living owner, or to another host, stays.
 */
export async function sweepProfiles(tmpDir: string): Promise<Swept> {
  const parent = await realpath(tmpDir);
  let directories = 0;
  let processes = 0;
  for (const name of await readdir(parent)) {
    const tag = NAME.exec(name)?.[1];
    if (tag === undefined || (await isOwnerAlive(tag))) continue;
    const path = join(parent, name);
    processes += await endUsers(path);
    try {
      await removeProfile(path);
      directories += 1;
    } catch {
      // another user's: its owner's next start sweeps it
    }
  }
  return { directories, processes };
}

/** Kills every Chrome that runs on this profile with all its helpers, and waits until they are gone. */
async function endUsers(path: string): Promise<number> {
  const killed = new Set<number>();
  // One round may miss a helper that was just being started: it is an orphan then, but still of Chrome's session.
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await delay(10)) {
    const doomed = await usersOf(path, killed);
    if (doomed.length === 0) break;
    for (const pid of doomed) if (kill(pid)) killed.add(pid);
  }
  return killed.size;
}

/** The processes of Chromes on this profile, with all beneath them and those left of sessions that were theirs. */
async function usersOf(path: string, leaders: ReadonlySet<number>): Promise<number[]> {
  const all = await listProcesses();
  const lines = await Promise.all(all.map((one) => commandLine(one.pid)));
  const users = new Set(
    all
      .filter((one, index) => usesProfile(lines[index] ?? '', path) || leaders.has(one.session))
      .map(({ pid }) => pid),
  );
  for (let size = -1; size !== users.size;) {
    size = users.size;
    for (const one of all) if (users.has(one.parent)) users.add(one.pid);
  }
  users.delete(process.pid);
  return [...users];
}

/** Whether this command line is of a process of the Chrome whose profile that is (crash handlers name it too). */
export function usesProfile(line: string, path: string): boolean {
  for (const flag of ['--user-data-dir=', '--database=']) {
    const at = line.indexOf(flag + path);
    // what follows must end the name: a path that only begins the same is another's
    if (at >= 0 && ['', '\0', ' ', '/'].includes(line.charAt(at + flag.length + path.length))) return true;
  }
  return false;
}

async function removeProfile(path: string): Promise<void> {
  // the only trace of a temporary directory that a killed Chrome has left elsewhere
  const socket = await readlink(join(path, 'SingletonSocket')).catch(() => '');
  const scratch = dirname(socket);
  if (/^\.?(?:org\.chromium\.Chromium|com\.google\.Chrome)\.\w+$/.test(basename(scratch)))
    await removeTree(scratch);
  await removeTree(path);
}

function removeTree(path: string): Promise<void> {
  // a file that a dying process was just making shows up as ENOTEMPTY, and is gone with the next try
  return rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}
