import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { projectRoot } from './paths.js';
import { endsWithUs } from './started.js';

/** How long it may take to end, ms: killed, it would leave its Chrome's profile for the next start to sweep. */
const STOP_DEADLINE = 30_000;
/** How long it may take to listen, ms: a second, and many times as much where the machine has other things to do. */
const START_DEADLINE = 60_000;

/** A cdpmux in a process of its own, as in life. */
export interface RunningCdpmux {
  /** `ws://127.0.0.1:<port>/` */
  readonly wsUrl: string;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  readonly child: ChildProcess;
  close(): Promise<void>;
}

/**
 * Starts the built command line with room for everybody in one Chrome and nothing kept ready, unless `settings` say otherwise; `cpuProfDir` has it write a CPU
 * profile at its end, `tmpDir` is where it makes profiles, `config` a file in place of those settings. With `eye`, a module that is loaded before it, one can
 * speak to its process by IPC.
 */
export async function startCdpmux(
  executable: ChromeExecutable,
  {
    cpuProfDir,
    settings: more = [],
    tmpDir,
    root = projectRoot,
    config,
    eye,
  }: {
    readonly cpuProfDir?: string | undefined;
    readonly settings?: readonly string[];
    readonly tmpDir?: string;
    readonly config?: string;
    readonly eye?: string;
    /** The directory of another cdpmux that is built. */
    readonly root?: string;
  } = {},
): Promise<RunningCdpmux> {
  const main = join(root, 'dist/proxy/main.js');
  if (!existsSync(main)) throw new Error(`cdpmux is not built in ${root}: npm run build`);
  const defaults = [
    'browsers.virtualPerBrowser=1000',
    'browsers.min=1',
    'browsers.max=1',
    // an older one to be compared with may have no stock
    ...(existsSync(join(root, 'dist/src/mux/stock.js')) ? ['stock.enabled=false'] : []),
  ];
  const settings = [...(config === undefined ? defaults : []), ...more];
  const child = endsWithUs(
    spawn(
      process.execPath,
      [
        ...(cpuProfDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfDir}`]),
        ...(eye === undefined ? [] : ['--expose-gc', '--import', eye]),
        main,
        'serve',
        '--port',
        '0',
        '--chrome',
        executable.source === 'embedded' ? 'embedded' : executable.path,
        ...(config === undefined ? [] : ['--config', config]),
        ...settings.flatMap((one) => ['--set', one]),
      ],
      // a terminal's Ctrl-C is for this process: it closes what it started, in order
      {
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe', ...(eye === undefined ? [] : (['ipc'] as const))],
        env: { ...process.env, ...(tmpDir !== undefined && { TMPDIR: tmpDir }) },
      },
    ),
  );
  const gone = new Promise<void>((resolve) =>
    child.once('exit', () => resolve()).once('error', () => resolve()),
  );
  let isClosing = false;
  const close = async (): Promise<void> => {
    isClosing = true;
    // with SIGTERM it would wait for clients that are still there
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
    await gone;
    clearTimeout(late);
  };
  let said = '';
  try {
    const wsUrl = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`cdpmux gave no URL within ${START_DEADLINE} ms: ${said}`)),
        START_DEADLINE,
      );
      const onText = (text: string): void => {
        said = (said + text).slice(-20_000);
        // its log may name other URLs before
        const url = /listens on (ws:\/\/\S+\/)/.exec(said)?.[1];
        if (url !== undefined) resolve(url);
      };
      // they stay: a full pipe would block cdpmux
      child.stdout?.setEncoding('utf8').on('data', onText);
      child.stderr?.setEncoding('utf8').on('data', onText);
      child.once('error', reject);
      void gone.then(() => {
        clearTimeout(late);
        reject(new Error(`cdpmux ended (${child.exitCode ?? child.signalCode}): ${said}`));
      });
      child.stdout?.once('data', () => clearTimeout(late));
    });
    // whoever measures would only see that nobody is there any more
    void gone.then(() => {
      if (isClosing) return;
      console.error(`cdpmux ${child.pid} ended by itself (${child.exitCode ?? child.signalCode}): ${said}`);
    });
    return { wsUrl, url: `http://${new URL(wsUrl).host}`, pid: child.pid ?? -1, child, close };
  } catch (error) {
    await close();
    throw error;
  }
}
