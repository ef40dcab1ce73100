import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromeExecutable } from './chrome.js';
import { eventually } from './eventually.js';
import { processesNaming } from './processes.js';

/** A cdpmux as a user starts it: the built command line, in a process and with a temporary directory of its own. */
export interface CdpmuxProcess {
  readonly pid: number;
  /** Its temporary directory, below which Chrome's profile is. */
  readonly tmp: string;
  /** `http://127.0.0.1:<port>`, or with https. */
  readonly url: string;
  readonly wsUrl: string;
  out(): string;
  err(): string;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<unknown[]>;
  /** Ends it, waits for its Chromes and removes its directory. */
  close(): Promise<void>;
}

/** Starts one on a free port and waits until it says where it listens; of the environment it gets only PATH and `env`. */
export async function startProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CdpmuxProcess> {
  const tmp = await mkdtemp(join(tmpdir(), 'cdpmux-process-'));
  const child = spawn(
    process.execPath,
    ['dist/proxy/main.js', '--port', '0', '--chrome', chromeExecutable(), ...args],
    { env: { PATH: process.env['PATH'], TMPDIR: tmp, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    // with SIGTERM it would wait for clients that a failed test left
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(late);
    await eventually(() => processesNaming(tmp).length === 0, { within: 10_000, what: 'the end of Chrome' });
    await rm(tmp, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  };
  try {
    await eventually(() => child.exitCode !== null || out.includes('Try:'), { within: 20_000 });
    const [, wsUrl = ''] = /listens on (wss?:\/\/\S+)/.exec(out) ?? [];
    if (wsUrl === '') throw new Error(`cdpmux did not start: ${err}`);
    const url = wsUrl.replace(/^ws/, 'http').replace(/\/$/, '');
    const pid = child.pid ?? -1;
    return {
      pid,
      tmp,
      url,
      wsUrl,
      out: () => out,
      err: () => err,
      kill: (signal) => child.kill(signal),
      exited,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
