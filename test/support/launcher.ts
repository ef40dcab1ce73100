import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { eventually } from './eventually.js';

/** The executable that stands for a Chrome. */
export const LAUNCHER = join(process.cwd(), 'dist/proxy/chrome-launcher/cdpmux-chrome.sh');
/** What it hands over to. */
export const IN_NODE = join(process.cwd(), 'dist/proxy/chrome-launcher/main.js');

/** A started launcher, spoken to by hand. */
export interface Launched {
  readonly child: ChildProcess;
  /** What it has said on stderr. */
  readonly said: () => string;
  /** Which interpreter runs now. */
  readonly interpreter: () => string;
  /** With a port: its number and the path of the browser's WebSocket. */
  readonly address: () => { readonly port: number; readonly path: string };
  /** With pipes: sends a message. */
  readonly send: (message: object | string) => void;
  /** With pipes: the messages that came. */
  readonly messages: { id?: number; result?: unknown }[];
  /** Its exit code and signal. */
  readonly exited: Promise<unknown[]>;
}

/** Starts one and waits until its browser is there, or it has ended. */
export async function launchByHand(
  path: string,
  how: 'pipe' | 'port',
  env: NodeJS.ProcessEnv,
  flags: readonly string[] = [],
): Promise<Launched> {
  const transport = how === 'pipe' ? '--remote-debugging-pipe' : '--remote-debugging-port=0';
  const child = spawn(path, ['--headless', transport, ...flags], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', ...(how === 'pipe' ? (['pipe', 'pipe'] as const) : [])],
  });
  const exited = once(child, 'exit');
  let said = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => (said += text));
  const [commands, answers] = [child.stdio[3] as Duplex | undefined, child.stdio[4] as Duplex | undefined];
  const messages: Launched['messages'] = [];
  let rest = '';
  answers?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\0');
    rest = parts.pop() ?? '';
    messages.push(...parts.map((part) => JSON.parse(part) as object));
  });
  for (const pipe of [commands, answers]) pipe?.on('error', () => undefined);
  const send = (message: object | string): void =>
    void commands?.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\0`);
  if (how === 'pipe') send({ id: 1, method: 'Browser.getVersion' });
  const isThere = (): boolean =>
    how === 'pipe' ? messages.some(({ id }) => id === 1) : /listening on ws:.*\n/.test(said);
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await eventually(() => isThere() || isOver(), { within: 60_000, what: 'the browser' });
  return {
    child,
    said: () => said,
    interpreter: () => readlinkSync(`/proc/${child.pid}/exe`).replace(/^.*\//, ''),
    address: () => {
      const [, port, at = ''] = /ws:\/\/127\.0\.0\.1:(\d+)(\S+)/.exec(said) ?? [];
      return { port: Number(port), path: at };
    },
    send,
    messages,
    exited,
  };
}
