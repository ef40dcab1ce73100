import { closeSync, openSync, readSync } from 'node:fs';

/** So many files are kept open by this process at most; further ones are opened each time. */
const MOST_OPEN = 500;
/** The kernel gives long lists in pieces of a page, or somewhat less. */
const PIECE = 3_500;
const ZERO = 48;
const NINE = 57;

// One for all: what is read is used up at once.
const buffer = Buffer.allocUnsafeSlow(16 * 1024);
let open = 0;

/**
 * A file of `/proc` that is numbers, and is read again and again: kept open, and read without a string, it takes a third of the
 * time. The file of a process that has ended gives nothing, also when its number is another's by now.
 */
export class ProcFile {
  readonly #path: string;
  #file: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Writes its first whole numbers, `most` at most, into `into`; how many they are, 0 when the process has ended. */
  read(into: number[], most = Infinity): number {
    let file = this.#file;
    try {
      file ??= openSync(this.#path, 'r');
      const count = parse(into, readAll(file), most);
      if (this.#file === undefined && open < MOST_OPEN) {
        this.#file = file;
        open++;
      }
      return count;
    } catch {
      this.close();
      return 0;
    } finally {
      if (file !== undefined && file !== this.#file) closeQuietly(file);
    }
  }

  /** Gives the file back; it may be read again. */
  close(): void {
    if (this.#file === undefined) return;
    closeQuietly(this.#file);
    this.#file = undefined;
    open--;
  }
}

function readAll(file: number): number {
  let length = readSync(file, buffer, 0, buffer.length, 0);
  for (let piece = length; piece > PIECE && length < buffer.length; length += piece) {
    piece = readSync(file, buffer, length, buffer.length - length, length);
  }
  return length;
}

function parse(into: number[], length: number, most: number): number {
  let count = 0;
  let value = -1;
  for (let at = 0; at < length && count < most; at++) {
    const byte = buffer[at]!;
    if (byte >= ZERO && byte <= NINE) value = Math.max(value, 0) * 10 + byte - ZERO;
    else if (value >= 0) {
      into[count++] = value;
      value = -1;
    }
  }
  if (value >= 0 && count < most) into[count++] = value;
  return count;
}

function closeQuietly(file: number): void {
  try {
    closeSync(file);
  } catch {
    // what can't be closed is not there
  }
}
