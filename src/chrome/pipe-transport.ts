import type { Readable, Writable } from 'node:stream';
import type { Transport, TransportHandlers } from './transport.js';
import { adaptiveBatching, WriteBatch, type Batching, type Line } from './write-batch.js';

const ARENA = 64 * 1024;
/** A frame larger than this gets memory of its own, so that one large frame does not waste an arena. */
const LARGE = 16 * 1024;

/**
 * Chrome's `--remote-debugging-pipe`: frames end with a byte 0, on file descriptors 3 and 4. A frame that holds a
 * byte 0 must never come here: it would be two.
 */
export class PipeTransport implements Transport, Line {
  buffer = Buffer.allocUnsafeSlow(ARENA);
  readonly #input: Writable;
  readonly #output: Readable;
  received = 0;
  /** The arena's bytes from `#start` to `#end` are committed and not yet handed to the pipe. */
  #start = 0;
  #end = 0;
  #reserved = 0;
  readonly #batch: WriteBatch;
  #state: 'open' | 'closed' = 'open';
  /** Pieces of a frame whose end has not come yet. */
  #pieces: Buffer[] = [];
  #handlers: TransportHandlers | undefined;

  constructor(input: Writable, output: Readable, batching: Batching = adaptiveBatching()) {
    this.#input = input;
    this.#output = output;
    this.#batch = new WriteBatch(this, batching);
  }

  get backlog(): number {
    return this.#input.writableLength;
  }

  reserve(length: number): number {
    const needed = length + 1;
    if (this.#end + needed > this.buffer.length) {
      this.#batch.flush('size');
      this.buffer = Buffer.allocUnsafeSlow(needed > LARGE ? needed : ARENA);
      this.#start = 0;
      this.#end = 0;
    }
    this.#reserved = needed;
    return this.#end;
  }

  commit(): void {
    this.#end += this.#reserved;
    this.buffer[this.#end - 1] = 0;
    if (this.#state === 'open') this.#batch.add();
  }

  hurry(): void {
    this.#batch.hurry();
  }

  gather(): void {
    this.#batch.gather();
  }

  onceDrained(listener: () => void): void {
    if (this.#input.writableNeedDrain) this.#input.once('drain', listener);
    else process.nextTick(listener);
  }

  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    this.#output.on('data', this.#onData);
    this.#output.on('end', this.#onEnd);
    this.#output.on('close', this.#onEnd);
    this.#output.on('error', this.#onError);
    this.#input.on('error', this.#onError);
  }

  close(): void {
    this.#batch.flush('turn');
    this.#input.end();
    this.#output.destroy();
  }

  abort(reason: string): void {
    this.#finish(reason);
  }

  /** Whether an earlier write is still going out. */
  get busy(): boolean {
    return this.#input.writableLength > 0;
  }

  /** Only for the batch. */
  writeOut(): void {
    this.#input.write(this.buffer.subarray(this.#start, this.#end), this.#onWritten);
    this.#start = this.#end;
  }

  /** One for all writes. */
  readonly #onWritten = (): void => {
    if (this.#input.writableLength === 0) this.#batch.lineIdle();
  };

  #onData = (chunk: Buffer): void => {
    this.received += chunk.length;
    let start = 0;
    let end = chunk.indexOf(0);
    if (end !== -1 && this.#pieces.length > 0) {
      this.#pieces.push(chunk.subarray(0, end));
      const frame = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#handlers?.onFrame(frame);
      start = end + 1;
      end = chunk.indexOf(0, start);
    }
    while (end !== -1) {
      this.#handlers?.onFrame(chunk.subarray(start, end));
      start = end + 1;
      end = chunk.indexOf(0, start);
    }
    if (start < chunk.length) this.#pieces.push(start === 0 ? chunk : chunk.subarray(start));
  };

  #onEnd = (): void => {
    this.#finish('the pipe was closed');
  };

  #onError = (error: Error): void => {
    this.#finish(error.message);
  };

  #finish(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#output.off('data', this.#onData);
    this.#output.off('end', this.#onEnd);
    this.#output.off('close', this.#onEnd);
    this.#pieces = [];
    this.#batch.drop();
    this.#input.destroy();
    this.#output.destroy();
    this.#handlers?.onClose(reason);
  }
}
