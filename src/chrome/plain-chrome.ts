import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { CdpmuxError } from '../errors.js';
import { needsNoSandbox } from './container.js';
import { findChrome } from './executable.js';
import type { BrowserKind, ChromeExecutable } from './executable-types.js';
import { ChromeProcess } from './process.js';

/** How long a Chrome may take to listen, ms. */
const DEADLINE = 30_000;
/** How often its file is looked for, ms. */
const LOOK = 20;

/** A Chrome with a debugging port and nothing in front of it, to compare with. */
export interface PlainChrome {
  readonly executable: ChromeExecutable;
  /** `ws://127.0.0.1:<port>/devtools/browser/<id>` */
  readonly wsUrl: string;
  /** Ends it; its processes and profile are gone afterwards. */
  close(): Promise<void>;
}

/** Starts the Chrome that cdpmux would start, with its flags; rejects with NO_CHROME or LAUNCH_FAILED. */
export async function startPlainChrome(
  env: NodeJS.ProcessEnv,
  { chrome, kind }: { readonly chrome?: string | undefined; readonly kind: BrowserKind },
): Promise<PlainChrome> {
  const executable = await findChrome({ chrome, kind, env, tmpDir: tmpdir() });
  const process = await ChromeProcess.launch({
    executable,
    extraFlags: ['--remote-debugging-port=0'],
    tmpDir: tmpdir(),
    noSandbox: await needsNoSandbox(),
    baseEnv: env,
  });
  const close = (): Promise<void> => process.destroy();
  let hasExited = false;
  void process.exited.then(() => (hasExited = true));
  const end = performance.now() + DEADLINE;
  while (performance.now() < end && !hasExited) {
    const text = await readFile(join(process.profilePath, 'DevToolsActivePort'), 'utf8').catch(() => '');
    const [port, path] = text.split('\n');
    if (port && path) return { executable, wsUrl: `ws://127.0.0.1:${port}${path}`, close };
    await delay(LOOK);
  }
  const said = process.stderrTail().trim();
  await close();
  throw new CdpmuxError('LAUNCH_FAILED', `${executable.path} opened no debugging port.\n${said}`);
}
