import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
/** How long it may take to listen, and to end, ms. */
const START_DEADLINE = 60_000;
const STOP_DEADLINE = 10_000;

/** A cdpmux in a process of its own, as in life. */
export interface OwnCdpmux {
  readonly wsUrl: string;
  close(): Promise<void>;
}

/** Starts one on a free port with these flags; rejects with what it said where it does not come up. */
export async function startOwnCdpmux(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<OwnCdpmux> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  });
  const exited = once(child, 'exit').then(() => undefined);
  const close = async (): Promise<void> => {
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE);
    await exited;
    clearTimeout(late);
  };
  let said = '';
  const wsUrl = new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`cdpmux did not listen: ${said}`)), START_DEADLINE);
    const onText = (text: string): void => {
      said = `${said}${text}`.slice(-5_000);
      const url = /listens on (ws:\/\/\S+\/)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(late);
      resolve(url);
    };
    // they stay: a full pipe would block it
    child.stdout.setEncoding('utf8').on('data', onText);
    child.stderr.setEncoding('utf8').on('data', onText);
    void exited.then(() => {
      clearTimeout(late);
      reject(new Error(`cdpmux ended before it listened: ${said}`));
    });
  });
  try {
    return { wsUrl: await wsUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}
