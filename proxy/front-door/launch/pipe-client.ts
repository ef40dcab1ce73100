import type { Client, Downstream } from '../../../src/index.js';
import { NulMessages } from '../../chrome-launcher/nul-messages.js';
import type { Pipes } from './fifos.js';

const NUL = Buffer.from([0]);
/** For a program to take what was answered already, ms. */
const FLUSH_DEADLINE = 2_000;

/** What a client behind pipes may send, and may leave unread, bytes. */
export interface PipeLimits {
  readonly message: number;
  readonly clientBuffer: number;
}

/** A client that speaks CDP over two pipes, each message with a byte 0 behind it, as to a Chrome with `--remote-debugging-pipe`. */
export class PipeClient implements Downstream {
  readonly #pipes: Pipes;
  readonly #limits: PipeLimits;
  readonly #onEnd: (code: number, reason: string) => void;
  readonly #messages = new NulMessages();
  #client: Client | undefined;
  #state: 'open' | 'closing' | 'closed' = 'open';
  #isCorked = false;

  /** `onEnd` is called once, when all that was sent has been taken, with a WebSocket close code. */
  constructor(pipes: Pipes, limits: PipeLimits, onEnd: (code: number, reason: string) => void) {
    this.#pipes = pipes;
    this.#limits = limits;
    this.#onEnd = onEnd;
    // what follows an error is a close
    for (const pipe of [pipes.commands, pipes.answers]) pipe.on('error', () => undefined);
    pipes.answers.once('close', () => this.close(1000, ''));
  }

  /** Takes messages from now on; throws what the client throws. */
  join(client: Client, onFault: (error: unknown) => void): void {
    this.#client = client;
    if (this.#state === 'closed') return client.onClose();
    this.#pipes.commands.on('data', (chunk: Buffer) => {
      try {
        this.#onCommands(chunk, client);
      } catch (error) {
        onFault(error);
        this.close(1011, 'internal error: see the log of cdpmux');
      }
    });
    this.#pipes.commands.once('end', () => this.close(1000, ''));
  }

  send(message: Buffer): void {
    if (this.#state !== 'open') return;
    const { answers } = this.#pipes;
    if (!this.#isCorked) {
      this.#isCorked = true;
      answers.cork();
      process.nextTick(flushLater, this);
    }
    answers.write(message);
    answers.write(NUL);
  }

  /** Writes what was sent in this turn. */
  flush(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    const { answers } = this.#pipes;
    answers.uncork();
    const { clientBuffer } = this.#limits;
    if (answers.writableLength > clientBuffer)
      this.close(1013, `too slow: over ${clientBuffer} bytes wait to be read (raise limits.clientBuffer)`);
  }

  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.flush();
    this.#state = 'closing';
    const { commands, answers } = this.#pipes;
    commands.destroy();
    const late = setTimeout(() => answers.destroy(), FLUSH_DEADLINE);
    const done = (): void => {
      if (this.#state === 'closed') return;
      this.#state = 'closed';
      clearTimeout(late);
      answers.destroy();
      this.#onEnd(code, reason);
      this.#client?.onClose();
    };
    answers.once('close', done);
    if (answers.destroyed) done();
    else answers.end(done);
  }

  pause(): void {
    this.#pipes.commands.pause();
  }

  resume(): void {
    this.#pipes.commands.resume();
  }

  terminate(): void {
    this.#pipes.answers.destroy();
    this.close(1002, 'a frame that no Chrome takes');
  }

  #onCommands(chunk: Buffer, client: Client): void {
    const largest = this.#limits.message;
    this.#messages.cut(chunk, (message) => {
      if (message.length > largest) this.#tooLarge();
      else client.onMessage(message, false);
      return this.#state === 'open';
    });
    if (this.#messages.waiting > largest) this.#tooLarge();
  }

  #tooLarge(): void {
    const largest = this.#limits.message;
    this.close(1009, `message too large: send at most ${largest} bytes at once, or raise limits.message`);
  }
}

function flushLater(client: PipeClient): void {
  client.flush();
}
