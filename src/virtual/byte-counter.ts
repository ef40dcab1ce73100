import { Transform } from 'node:stream';

/** Passes bytes through and tells how many; what `count` throws ends the stream. */
export function byteCounter(count: (bytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
