import { execFile } from 'node:child_process';
import { access, chmod, lstat, mkdtemp, readFile, readlink, realpath } from 'node:fs/promises';
import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { CdpmuxError } from '../errors.js';
import type { ChromeExecutable } from './executable-types.js';
import { isOwnerAlive, ownerTag } from './owner.js';

const PACKAGE = '@sparticuz/chromium';
/** What has to be there for an unpacked one to be used: a cleaner of temporary directories may have taken a part. */
const PARTS = ['chromium', 'libGLESv2.so', 'al2023/lib/libnss3.so', 'fonts/fonts', 'fonts/fonts.conf'];
const LOCK_WAIT_MS = 60_000;

// Run by a Node of its own: the package reads TMPDIR, and writes to the environment, of whatever process imports it,
// and a child that has written an executable and ended can't keep it busy (ETXTBSY) for the one that starts it.
const UNPACK = `
const found = require(process.argv[1]);
(found.default ?? found).executablePath().catch((error) => {
  console.error(error.message);
  process.exit(1);
});`;

/** Where the embedded Chrome's package is installed, or undefined: it is an optional dependency. */
function locatePackage(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(PACKAGE);
  } catch {
    return undefined;
  }
}

/** Why the embedded Chrome can't be used here, or undefined when it can. */
export function whyNoEmbedded(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `it is for Linux on x64, this is ${process.platform} on ${process.arch}`;
  }
  return locatePackage() === undefined ? `the optional package ${PACKAGE} is not installed` : undefined;
}

/**
 * The headless shell of the npm package `@sparticuz/chromium`. The first call unpacks it (200 MB, 2 to 4 s) into
 * `<tmpDir>/cdpmux-chromium-<version>-<uid>`, where it stays for the next start; any number of processes may call it at once.
 */
export async function embeddedChrome(tmpDir: string, env: NodeJS.ProcessEnv): Promise<ChromeExecutable> {
  const reason = whyNoEmbedded();
  const entry = locatePackage();
  if (reason !== undefined || entry === undefined) {
    throw new CdpmuxError(
      'NO_CHROME',
      `The embedded Chrome can't be used: ${reason ?? 'it is not installed'}.`,
    );
  }
  const { version } = JSON.parse(
    await readFile(join(dirname(entry), '..', '..', 'package.json'), 'utf8'),
  ) as { version: string };
  const home = join(await realpath(tmpDir), `cdpmux-chromium-${version}-${process.getuid?.() ?? 0}`);
  if (!(await isUnpacked(home))) await unpackOnce(entry, home);
  const libraries = join(home, 'al2023', 'lib');
  return {
    path: join(home, 'chromium'),
    kind: 'shell',
    source: 'embedded',
    env: {
      LD_LIBRARY_PATH: env.LD_LIBRARY_PATH ? `${libraries}:${env.LD_LIBRARY_PATH}` : libraries,
      FONTCONFIG_PATH: env.FONTCONFIG_PATH ?? join(home, 'fonts'),
    },
  };
}

/** Whether it is there, whole, and nobody else could have put it there or can change it. */
async function isUnpacked(home: string): Promise<boolean> {
  let found;
  try {
    found = await lstat(home);
  } catch {
    return false;
  }
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) {
    const message = `${home} is not a directory of this user alone, so no Chrome is run from it. Remove it, or set another TMPDIR.`;
    throw new CdpmuxError('NO_CHROME', message);
  }
  try {
    for (const part of PARTS) await access(join(home, part));
    return true;
  } catch {
    return false;
  }
}

/**
 * One unpacks, the others wait. The lock only saves work: every unpacking has a directory of its own and the rename is
 * atomic, so that one that is wrongly taken over does no harm.
 */
async function unpackOnce(entry: string, home: string): Promise<void> {
  const lock = `${home}.lock`;
  const deadline = performance.now() + LOCK_WAIT_MS;
  while (!(await takeLock(lock)) && performance.now() < deadline) {
    await delay(50);
    if (await isUnpacked(home)) return;
  }
  try {
    if (!(await isUnpacked(home))) await unpack(entry, home);
  } finally {
    await rm(lock, { force: true });
  }
}

/** A symbolic link to the owner's tag: made in one step together with what it says. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    await symlink(await ownerTag(), lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unpackError(error);
  }
  const owner = await readlink(lock).catch(() => '');
  if (owner !== '' && !(await isOwnerAlive(owner))) await rm(lock, { force: true });
  return false;
}

async function unpack(entry: string, home: string): Promise<void> {
  let staging: string | undefined;
  try {
    staging = await mkdtemp(join(dirname(home), `cdpmux-unpack-${await ownerTag()}-`));
    // this variable makes the package bring the libraries that a bare system lacks
    const env = { TMPDIR: staging, HOME: staging, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' };
    await promisify(execFile)(process.execPath, ['-e', UNPACK, entry], { env });
    await chmod(join(staging, 'chromium'), 0o700);
    await writeFile(join(staging, 'fonts', 'fonts.conf'), fontConfiguration(home));
    if (await isUnpacked(home)) return await rm(staging, { recursive: true, force: true });
    // what is there is broken; a Chrome that runs from it keeps the files that it has open
    const old = `${staging}_old`;
    await rename(home, old).then(
      () => rm(old, { recursive: true, force: true }),
      () => undefined,
    );
    await rename(staging, home);
  } catch (error) {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
    // a concurrent rename got in between: then there is one now
    if (!(await isUnpacked(home))) throw unpackError(error);
  }
}

function unpackError(cause: unknown): CdpmuxError {
  const why = (cause as { stderr?: string }).stderr?.trim() || (cause as Error).message;
  const message = `The embedded Chrome could not be unpacked: ${why}. It needs 210 MB in the temporary directory (TMPDIR).`;
  return new CdpmuxError('NO_CHROME', message, { cause });
}

/** The package's own looks for its fonts in /tmp/fonts, and has none of the system's. */
function fontConfiguration(home: string): string {
  const path = home.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${path}/fonts/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <dir>/usr/local/share/fonts</dir>
  <cachedir>${path}/fonts-cache</cachedir>
</fontconfig>
`;
}
