import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { link, lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHARED_SECRET } from '../shared-secret.js';
import { LaunchError } from './launch-error.js';

/** For a cdpmux with its first Chrome, ms: the embedded one may have to be unpacked. */
const START_DEADLINE = 50_000;
/** Who holds the lock for longer was stopped or is no starter, ms. */
const LOCK_DEADLINE = START_DEADLINE + 5_000;
/** What a cdpmux says before it ends is kept up to so many characters. */
const LONGEST_COMPLAINT = 4_000;

/** What is needed to start one. */
export interface SharedStartOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly tmpDir: string;
  /** The user's number; undefined where users have none. */
  readonly userId: number | undefined;
  readonly nodePath: string;
  /** cdpmux's own entry point. */
  readonly mainPath: string;
  /** This very executable, which must not become the Chrome of the cdpmux that is started. */
  readonly isOwnPath: (path: string) => boolean;
}

/** The one cdpmux that programs of a user start and share: its address, and the lock of who starts it, are in a private directory. */
export class SharedStart {
  readonly #options: SharedStartOptions;
  readonly #address: string;
  readonly #lock: string;

  private constructor(options: SharedStartOptions, directory: string) {
    this.#options = options;
    this.#address = join(directory, 'address');
    this.#lock = join(directory, 'lock');
  }

  /** Makes the directory; rejects with a LaunchError where it belongs to another. */
  static async in(options: SharedStartOptions): Promise<SharedStart> {
    const directory = join(options.tmpDir, `cdpmux-shared-${options.userId ?? 'user'}`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(directory);
    const isPrivate = options.userId === undefined || (uid === options.userId && (mode & 0o022) === 0);
    if (isPrivate && (mode & 0o170_000) === 0o040_000) return new SharedStart(options, directory);
    throw new LaunchError(
      `${directory} is not a directory of yours that only you may write to, so whoever made it could give you a browser of theirs; remove it, or name a cdpmux with CDPMUX_URL.`,
    );
  }

  /** Where it listens, as far as anybody wrote it down. */
  async url(): Promise<string | undefined> {
    const text = await readFile(this.#address, 'utf8').catch(() => '');
    return text.trim() || undefined;
  }

  /** Starts one, unless another program is about to; `deadUrl` is an address at which nobody was. Rejects with a LaunchError. */
  async tryStart(deadUrl: string | undefined): Promise<boolean> {
    if (!(await this.#takeLock())) return false;
    try {
      const now = await this.url();
      if (now !== undefined && now !== deadUrl) return true;
      await this.#start();
      return true;
    } finally {
      // another may have broken it, where this process was stopped for long
      const holder = await readFile(this.#lock, 'utf8').catch(() => '');
      if (holder === String(process.pid)) await rm(this.#lock, { force: true });
    }
  }

  async #takeLock(): Promise<boolean> {
    try {
      await writeFile(this.#lock, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readFile(this.#lock, 'utf8').catch(() => '');
    // a number may be another process's by now, and who was killed while it took the lock wrote none
    const { mtimeMs = Date.now() } = await lstat(this.#lock).catch(() => ({ mtimeMs: undefined }));
    const isOld = Date.now() - mtimeMs > LOCK_DEADLINE;
    if (isOld || (holder !== '' && !isAlive(Number(holder)))) await this.#breakLock(holder);
    return false;
  }

  /** Another may have broken it and taken it meanwhile: what was moved away is looked at, and put back where it is alive. */
  async #breakLock(holder: string): Promise<void> {
    const aside = `${this.#lock}.${randomUUID()}`;
    try {
      await rename(this.#lock, aside);
      if ((await readFile(aside, 'utf8')) !== holder) await link(aside, this.#lock);
    } catch {
      // somebody else was first
    }
    await rm(aside, { force: true });
  }

  /** It writes its address itself, so that it is found even where who started it is killed. */
  async #start(): Promise<void> {
    const { nodePath, mainPath } = this.#options;
    const child = spawn(
      nodePath,
      [
        mainPath,
        'serve',
        '--host',
        '127.0.0.1',
        '--port',
        '0',
        '--set',
        `listen.addressFile=${this.#address}`,
        '--set',
        `auth.tokens=${JSON.stringify([{ name: 'shared', secretEnv: SHARED_SECRET, admin: true }])}`,
      ],
      { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: this.#environment() },
    );
    let complaint = '';
    const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE);
    try {
      await new Promise<void>((resolve, reject) => {
        // its first line comes when it listens and has written its address
        child.stdout.once('data', () => resolve());
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          complaint = (complaint + text).slice(-LONGEST_COMPLAINT);
        });
        child.once('error', (error) => reject(new LaunchError(`cdpmux can't be started: ${error.message}`)));
        child.once('close', () =>
          reject(new LaunchError(`cdpmux was started and ended at once: ${complaint.trim()}`)),
        );
      });
    } finally {
      clearTimeout(late);
      child.removeAllListeners('close');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
    }
  }

  #environment(): NodeJS.ProcessEnv {
    const { env, isOwnPath } = this.#options;
    const kept = Object.entries(env).filter(
      ([name, value]) =>
        // those are for this executable
        name !== 'CDPMUX_URL' &&
        name !== 'CDPMUX_TOKEN' &&
        // a cdpmux whose Chrome is cdpmux-chrome would start itself for ever
        !((name === 'CHROME_PATH' || name === 'CDPMUX_CHROME') && value !== undefined && isOwnPath(value)),
    );
    return {
      CDPMUX_SHUTDOWN_WHEN_IDLE: '10s',
      CDPMUX_LOG_LEVEL: 'warn',
      // who can read the address is its owner
      CDPMUX_POLICY_TRUST: 'local',
      ...Object.fromEntries(kept),
      [SHARED_SECRET]: randomBytes(32).toString('hex'),
    };
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
