const CLOSE = 8;

/** What a WebSocket server said, read off the bytes: the answer to the upgrade, and the close frame. */
export class ServerFrames {
  status: number | undefined;
  head = '';
  /** Of an answer that is no upgrade. */
  body = '';
  close: { readonly code: number; readonly reason: string } | undefined;
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes of a frame's payload that are still to come, and of no interest. */
  #skip = 0;

  read(chunk: Buffer): void {
    if (this.status === undefined) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.head = this.#rest.toString('latin1', 0, end);
      this.status = Number(this.head.split(' ', 2)[1]);
      chunk = this.#rest.subarray(end + 4);
      this.#rest = Buffer.alloc(0);
    }
    if (this.status === 101) this.#readFrames(chunk);
    else this.body += chunk.toString();
  }

  #readFrames(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    let bytes = chunk.subarray(skipped);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const [header, length] = sizeOf(bytes);
      const isClose = ((bytes[0] ?? 0) & 0x0f) === CLOSE;
      if (header === 0 || (isClose && bytes.length < header + length)) break;
      if (isClose) this.#onClose(bytes.subarray(header, header + length));
      const total = header + length;
      this.#skip = Math.max(0, total - bytes.length);
      bytes = bytes.subarray(Math.min(total, bytes.length));
    }
    this.#rest = Buffer.from(bytes);
  }

  #onClose(payload: Buffer): void {
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    this.close ??= { code, reason: payload.toString('utf8', 2) };
  }
}

/** Length of the header of the frame that begins here, 0 where it is not complete, and of its payload. */
function sizeOf(bytes: Buffer): [header: number, length: number] {
  const short = (bytes[1] ?? 0) & 0x7f;
  const header = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < header) return [0, 0];
  if (short < 126) return [header, short];
  return [header, short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))];
}
