import { randomUUID } from 'node:crypto';
import type { Protocol } from 'devtools-protocol';

/** What a virtual browser may leave unread, bytes; the oldest gives way. */
const MOST_BYTES = 256 * 1024 * 1024;
/** What `IO.read` gives at once where the client does not say, bytes. */
const CHUNK = 1024 * 1024;

interface Stream {
  readonly content: Buffer;
  readonly isBinary: boolean;
  position: number;
}

/** Streams that cdpmux made for the clients of a virtual browser, read with `IO.read` as Chrome's are. */
export class OwnStreams {
  /** By handle; added when a trace is complete, removed by `IO.close` and when there are too many. */
  readonly #streams = new Map<string, Stream>();

  /** Takes a content in and gives its handle. */
  add(content: Buffer, isBinary: boolean): string {
    const handle = `cdpmux-${randomUUID()}`;
    this.#streams.set(handle, { content, isBinary, position: 0 });
    let bytes = 0;
    for (const one of this.#streams.values()) bytes += one.content.length;
    for (const [oldest, one] of this.#streams) {
      if (bytes <= MOST_BYTES || oldest === handle) break;
      bytes -= one.content.length;
      this.#streams.delete(oldest);
    }
    return handle;
  }

  has(handle: unknown): handle is string {
    return typeof handle === 'string' && this.#streams.has(handle);
  }

  /** What `IO.read` answers; the handle must be one of these. */
  read({ handle, offset, size }: Protocol.IO.ReadRequest): Protocol.IO.ReadResponse {
    const stream = this.#streams.get(handle);
    if (!stream) throw new Error('no such stream');
    const { content, isBinary } = stream;
    const start = Math.min(content.length, Math.max(0, offset ?? stream.position));
    let end = Math.min(content.length, start + Math.max(1, size ?? CHUNK));
    // never half a character
    while (!isBinary && end < content.length && (content[end]! & 0xc0) === 0x80) end++;
    stream.position = end;
    return {
      base64Encoded: isBinary,
      data: content.toString(isBinary ? 'base64' : 'utf8', start, end),
      eof: start === content.length,
    };
  }

  close(handle: string): void {
    this.#streams.delete(handle);
  }
}
