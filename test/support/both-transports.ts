import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import WebSocket from 'ws';
import { chromeExecutable, testKind } from './chrome.js';

/** A way to Chrome that shows every answer, also those without an id. */
export interface RawTransport {
  readonly name: 'pipe' | 'WebSocket';
  /** Sends the frames in one go and gives what Chrome answered to each, in order: mostly one text, or none. */
  ask(frames: readonly Buffer[]): Promise<string[][]>;
  /** Sends commands that take their time and have unique ids; gives their answers. */
  call(frames: ReadonlyMap<number, Buffer>): Promise<Map<number, string>>;
}

/** One Chrome with a pipe and a debugging port at once, spoken to without any code of cdpmux's. */
export interface BothTransports {
  readonly pipe: RawTransport;
  readonly webSocket: RawTransport;
  close(): Promise<void>;
}

const firstProbe = 2_000_000_000;
const probeId = /^\{"id":(20\d{8}),"result":/;

/** Starts it. */
export async function startBothTransports(): Promise<BothTransports> {
  const profile = await mkdtemp(join(tmpdir(), 'cdpmux-oracle-'));
  const child = spawn(
    chromeExecutable(),
    [
      ...[
        '--remote-debugging-pipe',
        '--remote-debugging-port=0',
        `--user-data-dir=${profile}`,
        '--disable-gpu',
      ],
      ...(testKind() === 'chrome' ? ['--headless=new'] : []),
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--no-first-run', '--no-startup-window'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: true },
  );
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // the group has already ended
    }
  };
  process.once('exit', kill);
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Chrome ended: ${said}`)));
    (child.stdio[2] as Readable).setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const match = /DevTools listening on (ws:\S+)/.exec(said);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
  });
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 0 });
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));

  const out = child.stdio[3] as Writable;
  out.on('error', () => undefined);
  const pipe = transport('pipe', (frame) => out.write(Buffer.concat([frame, Buffer.from([0])])));
  let rest: Buffer = Buffer.alloc(0);
  (child.stdio[4] as Readable).on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
      pipe.onMessage(rest.toString('utf8', 0, end));
      rest = rest.subarray(end + 1);
    }
  });
  const webSocket = transport('WebSocket', (frame) => socket.send(frame, { binary: false }));
  socket.on('message', (data: Buffer) => webSocket.onMessage(data.toString()));
  socket.once('close', () => webSocket.onClose());
  child.once('exit', () => pipe.onClose());

  return {
    pipe,
    webSocket,
    async close() {
      socket.terminate();
      kill();
      await gone;
      process.off('exit', kill);
      await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

type Fed = RawTransport & { onMessage(text: string): void; onClose(): void };

function transport(name: RawTransport['name'], send: (frame: Buffer) => void): Fed {
  let onMessage: (text: string) => void = () => undefined;
  let onClose: () => void = () => undefined;
  let probes = firstProbe;
  return {
    name,
    onMessage: (text) => onMessage(text),
    onClose: () => onClose(),
    ask: (frames) =>
      new Promise((resolve, reject) => {
        if (frames.length === 0) return resolve([]);
        const answers: string[][] = [[]];
        const first = probes;
        onClose = () => reject(new Error(`closed after ${frames[answers.length - 1]?.toString()}`));
        onMessage = (text) => {
          const id = Number(probeId.exec(text)?.[1]);
          if (id !== first + answers.length - 1) {
            answers.at(-1)?.push(text);
          } else if (answers.length === frames.length) {
            resolve(answers);
          } else answers.push([]);
        };
        for (const frame of frames) {
          send(frame);
          // Chrome answers it at once and in order, so what came before it belongs to the frame
          send(Buffer.from(`{"id":${probes++},"method":"Browser.getVersion"}`));
        }
      }),
    call: (frames) =>
      new Promise((resolve, reject) => {
        const answers = new Map<number, string>();
        onClose = () => reject(new Error('closed'));
        onMessage = (text) => {
          const id = Number(/^\{"id":(-?\d+),/.exec(text)?.[1]);
          if (!frames.has(id)) return;
          answers.set(id, text);
          if (answers.size === frames.size) resolve(answers);
        };
        for (const frame of frames.values()) send(frame);
      }),
  };
}
