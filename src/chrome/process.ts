import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { CdpmuxError } from '../errors.js';
import { hasSmallShm } from './container.js';
import type { ChromeExecutable } from './executable-types.js';
import { chromeFlags } from './flags.js';
import { createProfile, usesProfile } from './profile.js';
import type { Profile } from './profile.js';
import { commandLine, kill, listProcesses } from './proc.js';

const STDERR_KEPT = 8 * 1024;
/** As Chrome's own log words it. */
const GPU_DIED = 'GPU process exited unexpectedly';
const GONE_WITHIN_MS = 5_000;

/** How to start a Chrome; every field but `signal` is needed, there are no defaults here. */
export interface LaunchOptions {
  readonly executable: ChromeExecutable;
  readonly extraFlags: readonly string[];
  readonly tmpDir: string;
  readonly noSandbox: boolean;
  readonly baseEnv: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/** How Chrome's main process ended. */
export interface ChromeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'cleaning'; readonly exit: ChromeExit }
  | { readonly kind: 'gone'; readonly exit: ChromeExit };

/**
 * One launched Chrome with its helpers and its profile, spoken to over the pipe. However it ends, by {@link close},
 * {@link destroy} or by itself, its whole process tree is ended and its profile removed.
 */
export class ChromeProcess {
  readonly pid: number;
  readonly executable: ChromeExecutable;
  readonly profilePath: string;
  /** Takes NUL-terminated messages. Errors on it are swallowed here: the end of Chrome is told by `exited`. */
  readonly input: Writable;
  /** Gives NUL-terminated messages. */
  readonly output: Readable;
  /** Resolves once Chrome's main process has ended; never rejects. Clean-up goes on after it. */
  readonly exited: Promise<ChromeExit>;
  /** Called once, synchronously, when Chrome's main process has ended. */
  onExit: ((exit: ChromeExit) => void) | undefined;

  readonly #profile: Profile;
  readonly #stderr: Readable;
  readonly #cleaned: Promise<void>;
  #stderrTail = Buffer.alloc(0);
  #gpuDeaths = 0;
  #state: State = { kind: 'running' };

  /** Starts Chrome and resolves when it runs; whether it speaks is for the caller to find out over the pipe. */
  static async launch(options: LaunchOptions): Promise<ChromeProcess> {
    throwIfAborted(options.signal);
    const profile = await createProfile(options.tmpDir);
    let chrome: ChromeProcess;
    try {
      chrome = await ChromeProcess.#spawn(options, profile);
    } catch (error) {
      await profile.remove();
      throw error;
    }
    if (options.signal?.aborted) {
      await chrome.destroy();
      throwIfAborted(options.signal);
    }
    return chrome;
  }

  static async #spawn(options: LaunchOptions, profile: Profile): Promise<ChromeProcess> {
    const { executable, extraFlags, noSandbox, baseEnv, signal } = options;
    const smallShm = await hasSmallShm();
    throwIfAborted(signal);
    const flags = chromeFlags({
      kind: executable.kind,
      noSandbox,
      smallShm,
      userDataDir: profile.path,
      extra: extraFlags,
    });
    const child = spawn(executable.path, flags, {
      // a session of its own: a terminal's Ctrl-C is for us to handle, and one signal reaches all helpers
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...baseEnv, ...executable.env, ...profile.env },
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => {
        const message = `Chrome at ${executable.path} could not be started: ${cause.message}`;
        reject(new CdpmuxError('LAUNCH_FAILED', message, { cause }));
      });
    });
    return new ChromeProcess(child, executable, profile);
  }

  /** Takes over a child that runs; {@link launch} is the way to get one. */
  constructor(child: ChildProcess, executable: ChromeExecutable, profile: Profile) {
    this.#profile = profile;
    this.#stderr = child.stderr as Readable;
    this.pid = child.pid as number;
    this.executable = executable;
    this.profilePath = profile.path;
    this.input = child.stdio[3] as Writable;
    this.output = child.stdio[4] as Readable;
    for (const stream of [this.input, this.output, this.#stderr]) stream.on('error', ignoreStreamError);
    this.#stderr.on('data', this.#stderrOnData);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
        this.#onExit({ code, signal });
      });
    });
    this.#cleaned = this.exited.then((exit) => this.#cleanUp(exit));
    // whoever calls close() or destroy() sees it; a Chrome that dies by itself has nobody to tell
    this.#cleaned.catch(() => undefined);
  }

  /** How often it said that its GPU process died; it starts another one, and after some gives up. */
  get gpuDeaths(): number {
    return this.#gpuDeaths;
  }

  /** What Chrome last wrote to its error output, at most 8 KiB. */
  stderrTail(): string {
    return this.#stderrTail.toString('utf8').trim();
  }

  /**
   * An error for a Chrome that was started but is no use: says what happened, how Chrome ended if it has, and its last
   * words, for which it waits a moment after an exit.
   */
  async launchError(what: string, options?: ErrorOptions): Promise<CdpmuxError> {
    const exit = this.#exit();
    if (exit !== undefined && !this.#stderr.closed) {
      await Promise.race([new Promise<void>((resolve) => this.#stderr.once('close', resolve)), delay(500)]);
    }
    const how = exit === undefined ? '' : ` (it ended with ${exit.signal ?? `code ${exit.code}`})`;
    const words = this.stderrTail();
    const said = words === '' ? '' : `\nIts last words:\n${words.split('\n').slice(-12).join('\n')}`;
    return new CdpmuxError(
      'LAUNCH_FAILED',
      `Chrome at ${this.executable.path}: ${what}${how}.${said}`,
      options,
    );
  }

  /**
   * Closes the pipe, upon which Chrome ends by itself in about 100 ms; kills it after `deadlineMs`. Resolves when no
   * process of it is left and its profile is removed.
   */
  async close(deadlineMs: number): Promise<void> {
    if (this.#state.kind === 'running') {
      this.#state = { kind: 'closing' };
      // unread output would keep the socket from closing, and Chrome from seeing it
      this.input.end();
      this.output.destroy();
    }
    const timer = setTimeout(() => this.#kill(), deadlineMs);
    try {
      await this.#cleaned;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Kills Chrome and its helpers now. Resolves when none is left and the profile is removed. */
  async destroy(): Promise<void> {
    this.#kill();
    await this.#cleaned;
  }

  #exit(): ChromeExit | undefined {
    return 'exit' in this.#state ? this.#state.exit : undefined;
  }

  #kill(): void {
    switch (this.#state.kind) {
      case 'running':
      case 'closing':
        this.#state = { kind: 'closing' };
        kill(-this.pid);
        return;
      case 'cleaning':
      case 'gone':
        // the group is dealt with there, and once it is gone its number may be another's
        return;
    }
  }

  readonly #stderrOnData = (chunk: Buffer): void => {
    if (chunk.includes(GPU_DIED)) this.#gpuDeaths++;
    this.#stderrTail = Buffer.concat([this.#stderrTail, chunk]).subarray(-STDERR_KEPT);
  };

  #onExit(exit: ChromeExit): void {
    this.#state = { kind: 'cleaning', exit };
    this.onExit?.(exit);
  }

  async #cleanUp(exit: ChromeExit): Promise<void> {
    this.input.destroy();
    const left = await this.#endHelpers();
    await this.#profile.remove();
    this.#stderr.destroy();
    this.output.destroy();
    this.#state = { kind: 'gone', exit };
    if (left.length > 0) {
      const pids = left.join(', ');
      throw new CdpmuxError(
        'TIMEOUT',
        `Processes of an ended Chrome did not go within 5 s: ${pids}. Kill them by hand.`,
      );
    }
  }

  /** Kills what the main process left behind, again and again since they may be starting others; gives who stayed. */
  async #endHelpers(): Promise<readonly number[]> {
    const deadline = performance.now() + GONE_WITHIN_MS;
    for (;;) {
      const pids = await this.#helpers();
      if (pids.length === 0 || performance.now() > deadline) return pids;
      for (const pid of pids) kill(pid);
      await delay(10);
    }
  }

  async #helpers(): Promise<readonly number[]> {
    const pids: number[] = [];
    for (const one of await listProcesses()) {
      if (one.group === this.pid || one.session === this.pid) pids.push(one.pid);
      // a crash handler leaves the session, but names the profile
      else if (one.parent === 1 && usesProfile(await commandLine(one.pid), this.profilePath))
        pids.push(one.pid);
    }
    return pids;
  }
}

function ignoreStreamError(): void {
  // EPIPE and ECONNRESET say that Chrome is gone, and `exited` says it too
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new CdpmuxError('ABORTED', 'The launch of a Chrome was called off.', { cause: signal.reason });
  }
}
