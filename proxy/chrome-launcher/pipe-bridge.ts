import { Socket } from 'node:net';
import type { BrowserSocket } from './browser-socket.js';
import { LaunchError } from './launch-error.js';
import { NulMessages } from './nul-messages.js';

const NUL = Buffer.from([0]);
/** Chrome itself takes no more in one message, bytes. */
const LONGEST_MESSAGE = 100 * 1024 * 1024;
/** Bytes that may wait for cdpmux before the program is not read any more. */
const BACKLOG = 4 * 1024 * 1024;

/** The program's ends of the pipes: fd 3 has its commands, fd 4 takes the answers. Throws a LaunchError where they are not there. */
export function openPipes(): { readonly commands: Socket; readonly answers: Socket } {
  try {
    return {
      commands: new Socket({ fd: 3, readable: true, writable: false }),
      answers: new Socket({ fd: 4, readable: false, writable: true }),
    };
  } catch (cause) {
    throw new LaunchError(
      '--remote-debugging-pipe needs pipes at the file descriptors 3 and 4, and they are not there; start it from a program that opens them, or use --remote-debugging-port.',
      { cause },
    );
  }
}

/** Carries messages between pipes and a WebSocket, byte for byte; each side waits for the other. */
export class PipeBridge {
  readonly #socket: BrowserSocket;
  readonly #commands: Socket;
  readonly #answers: Socket;
  readonly #messages = new NulMessages();

  /** `onError` is told what makes going on impossible. */
  constructor(
    socket: BrowserSocket,
    { commands, answers }: ReturnType<typeof openPipes>,
    onError: (error: LaunchError) => void,
  ) {
    this.#socket = socket;
    this.#commands = commands;
    this.#answers = answers;
    commands.on('data', (chunk: Buffer) => {
      if (!this.#onCommands(chunk))
        onError(new LaunchError(`a command is longer than ${LONGEST_MESSAGE} bytes, which no Chrome takes.`));
    });
    socket.onText = this.#onAnswer;
    socket.onDrain = this.#onDrain;
    answers.on('drain', () => socket.resume());
  }

  /** False for a message that is too long. */
  #onCommands(chunk: Buffer): boolean {
    this.#socket.cork();
    this.#messages.cut(chunk, (message) => {
      this.#socket.send(message);
      return true;
    });
    this.#socket.uncork();
    if (this.#socket.backlog > BACKLOG) this.#commands.pause();
    return this.#messages.waiting <= LONGEST_MESSAGE;
  }

  #onDrain = (): void => {
    this.#commands.resume();
  };

  #onAnswer = (part: Buffer, isLast: boolean): void => {
    this.#answers.cork();
    let isTaken = this.#answers.write(part);
    if (isLast) isTaken = this.#answers.write(NUL);
    this.#answers.uncork();
    if (!isTaken) this.#socket.pause();
  };
}
