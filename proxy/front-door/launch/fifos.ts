import { close, constants, fstat, open } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);

/** A program's ends of its pipes, as they reach cdpmux. */
export interface Pipes {
  readonly commands: Socket;
  readonly answers: Socket;
}

/** Opens two named pipes that the launcher made, and removes their names; undefined where they can't be had: in another container, say. */
export async function openFifos(commands: string, answers: string): Promise<Pipes | undefined> {
  const fds: number[] = [];
  try {
    for (const [path, flag] of [
      [commands, O_RDONLY],
      [answers, O_WRONLY],
    ] as const) {
      // whatever else is there must neither be waited for nor followed
      const fd = await openFile(path, flag | O_NONBLOCK | O_NOFOLLOW);
      fds.push(fd);
      const stats = await statFile(fd);
      if (!stats.isFIFO() || stats.uid !== process.getuid?.()) throw new Error(`${path} is no pipe of ours`);
    }
    await Promise.all([commands, answers].map((path) => unlink(path)));
    const [read, write] = fds as [number, number];
    return {
      commands: new Socket({ fd: read, readable: true, writable: false }),
      answers: new Socket({ fd: write, readable: false, writable: true }),
    };
  } catch {
    await Promise.all(fds.map((fd) => closeFile(fd)));
    return undefined;
  }
}
