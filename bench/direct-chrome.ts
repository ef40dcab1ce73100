import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hasSmallShm, needsNoSandbox } from '../src/chrome/container.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { chromeFlags } from '../src/chrome/flags.js';
import { ChromeProcess } from '../src/chrome/process.js';
import { createProfile } from '../src/chrome/profile.js';
import { endsWithUs } from './started.js';
import { until } from './until.js';

/** A Chrome with a debugging port and nothing in front of it, started with the flags that cdpmux uses. */
export interface DirectChrome {
  /** `ws://127.0.0.1:<port>/devtools/browser/<id>` */
  readonly wsUrl: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** How it is started. */
export interface DirectOptions {
  /** It has the about:blank page that a Chrome opens by itself. */
  readonly startupPage?: boolean;
}

/** Where a Chrome with a debugging port listens; waits for the file that says so. */
export function debuggingUrl(profile: string): Promise<string> {
  return until('a debugging port', 20_000, async () => {
    const text = await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '');
    const [port, path] = text.split('\n');
    return port && path ? `ws://127.0.0.1:${port}${path}` : undefined;
  });
}

/** Starts one. */
export async function startDirect(
  executable: ChromeExecutable,
  { startupPage = false }: DirectOptions = {},
): Promise<DirectChrome> {
  const profile = await createProfile(tmpdir());
  const scratch = join(profile.path, 'tmp');
  await mkdir(scratch);
  const flags = chromeFlags({
    kind: executable.kind,
    noSandbox: await needsNoSandbox(),
    smallShm: await hasSmallShm(),
    userDataDir: profile.path,
    // beside the pipe, which says nothing here, but ends Chrome even if this process is killed
    extra: ['--remote-debugging-port=0', ...(startupPage ? ['about:blank'] : [])],
  });
  const child = endsWithUs(
    spawn(
      executable.path,
      flags.filter((flag) => !startupPage || flag !== '--no-startup-window'),
      {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
        env: { ...process.env, ...executable.env, TMPDIR: scratch },
      },
    ),
  );
  try {
    await once(child, 'spawn');
  } catch (error) {
    await profile.remove();
    throw error;
  }
  const chrome = new ChromeProcess(child, executable, profile);
  try {
    const wsUrl = await debuggingUrl(profile.path);
    return { wsUrl, pid: chrome.pid, close: () => chrome.destroy() };
  } catch (error) {
    await chrome.destroy();
    throw error;
  }
}
