/** Cuts what comes through a pipe into messages, each of which ends with a byte 0. */
export class NulMessages {
  /** What came of a message whose end did not. */
  #parts: Buffer[] = [];
  #waiting = 0;

  /** Bytes of a message whose end has not come. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Hands each message that is whole to `take`, but empty ones; what `take` does not want to go on with (false) is left out. */
  cut(chunk: Buffer, take: (message: Buffer) => boolean): void {
    let from = 0;
    for (let end = chunk.indexOf(0); end !== -1; end = chunk.indexOf(0, from)) {
      const last = chunk.subarray(from, end);
      const message = this.#waiting === 0 ? last : Buffer.concat([...this.#parts, last]);
      this.#parts = [];
      this.#waiting = 0;
      from = end + 1;
      if (message.length > 0 && !take(message)) return;
    }
    if (from === chunk.length) return;
    this.#parts.push(chunk.subarray(from));
    this.#waiting += chunk.length - from;
  }
}
