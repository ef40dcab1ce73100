const SLOTS = 512;
const LONGEST = 64;

/**
 * Decodes ASCII byte ranges and gives the same string object for the same bytes: method names and session ids come
 * by the thousand, and a string that is not new has its hash computed already when it is looked up in a Map.
 */
export class StringCache {
  readonly #slots: string[] = new Array<string>(SLOTS).fill('');

  /** The text of `bytes[start, end)`, which must be ASCII; `hash` is any hash of it, as `hashStep` builds one. */
  get(bytes: Buffer, start: number, end: number, hash: number): string {
    const length = end - start;
    if (length > LONGEST) return bytes.toString('latin1', start, end);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const held = this.#slots[slot]!;
    if (held.length === length) {
      let at = 0;
      while (at < length && held.charCodeAt(at) === bytes[start + at]) at++;
      if (at === length) return held;
    }
    const text = bytes.toString('latin1', start, end);
    this.#slots[slot] = text;
    return text;
  }
}

/** Adds a byte to a hash. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}
