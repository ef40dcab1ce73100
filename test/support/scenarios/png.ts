import { inflateSync } from 'node:zlib';

/** Size of a PNG and the colour of one of its pixels. */
export interface Png {
  readonly width: number;
  readonly height: number;
  readonly pixel: (x: number, y: number) => [number, number, number];
}

/** Reads an 8-bit RGB or RGBA PNG without interlacing, which is what Chrome's screenshots are. */
export function readPng(data: Uint8Array): Png {
  const file = Buffer.from(data);
  if (file.toString('latin1', 1, 4) !== 'PNG') throw new Error('not a PNG');
  const parts: Buffer[] = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(file.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const type = file[25];
  if (file[24] !== 8 || (type !== 2 && type !== 6)) throw new Error(`a PNG of type ${type}`);
  const step = type === 6 ? 4 : 3;
  const rows = unfilter(inflateSync(Buffer.concat(parts)), width * step, height, step);
  const at = (index: number): number => rows[index] ?? -1;
  return {
    width,
    height,
    pixel: (x, y) => {
      const start = (y * width + x) * step;
      return [at(start), at(start + 1), at(start + 2)];
    },
  };
}

function unfilter(raw: Buffer, stride: number, height: number, step: number): Buffer {
  const out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0;
    for (let x = 0; x < stride; x++) {
      const value = raw[y * (stride + 1) + 1 + x] ?? 0;
      const left = x >= step ? (out[y * stride + x - step] ?? 0) : 0;
      const up = y > 0 ? (out[(y - 1) * stride + x] ?? 0) : 0;
      const corner = y > 0 && x >= step ? (out[(y - 1) * stride + x - step] ?? 0) : 0;
      out[y * stride + x] = value + predict(filter, left, up, corner);
    }
  }
  return out;
}

function predict(filter: number, left: number, up: number, corner: number): number {
  if (filter === 0) return 0;
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
