import type { Duplex } from 'node:stream';
import { CdpmuxError } from '../../../src/index.js';

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: cdpmux-launch\r\n\r\n';
/** For a command line to arrive whole, ms. */
const READ_DEADLINE = 5_000;
/** No command line is longer, bytes; nor does the launcher say more. */
export const LONGEST = 128 * 1024;
const LONGEST_WORD = 64;

/** What the launcher says once its browser is there: nobody waits for it any more, or the program hung up. */
export type LauncherWord = 'orphan' | 'hangup';

/** The connection to a launcher (`cdpmux-chrome.sh`): its command line comes in, lines of a verb and a rest go out. */
export class LaunchControl {
  /** Called with what it says after its command line. */
  onWord: (word: LauncherWord) => void = () => undefined;
  readonly #stream: Duplex;
  readonly #gone = new AbortController();
  #received: Buffer;
  #awaited: { readonly length: number; readonly done: () => void } | undefined;

  constructor(stream: Duplex, head: Buffer) {
    this.#stream = stream;
    this.#received = head;
    stream.on('data', this.#onData);
    for (const event of ['end', 'close', 'error']) stream.on(event, this.#onGone);
  }

  /** Aborted when the launcher goes. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Says that it is understood, and reads so many bytes of texts that end with a byte 0; rejects with a CdpmuxError. */
  async readTexts(length: number): Promise<string[]> {
    this.#stream.write(SWITCHED);
    let late: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      late = setTimeout(resolve, READ_DEADLINE);
      this.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#awaited = { length, done: resolve };
      this.#look();
    });
    clearTimeout(late);
    this.#awaited = undefined;
    if (this.signal.aborted || this.#received.length < length)
      throw new CdpmuxError('ABORTED', 'The launcher did not give its command line.');
    const texts = this.#received.toString('utf8', 0, length).split('\0');
    this.#received = this.#received.subarray(length);
    this.#look();
    return texts.slice(0, -1);
  }

  /** One line, of a verb that the launcher knows. */
  tell(verb: 'node' | 'port' | 'pipe' | 'say' | 'exit', rest = ''): void {
    if (this.#stream.writable) this.#stream.write(`${verb} ${rest.replace(/\s+/g, ' ')}\n`);
  }

  /** The last line was told. */
  close(): void {
    this.#stream.end();
    this.#stream.once('finish', () => this.#stream.destroy());
  }

  #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length > LONGEST + LONGEST_WORD) this.#stream.destroy();
    else this.#look();
  };

  #look(): void {
    if (this.#awaited) {
      if (this.#received.length >= this.#awaited.length) this.#awaited.done();
      return;
    }
    for (let end = this.#received.indexOf(10); end !== -1; end = this.#received.indexOf(10)) {
      const word = this.#received.toString('latin1', 0, end);
      this.#received = this.#received.subarray(end + 1);
      if (word === 'orphan' || word === 'hangup') this.onWord(word);
    }
  }

  #onGone = (): void => {
    this.#gone.abort();
    this.#stream.destroy();
  };
}
