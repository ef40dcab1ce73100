import { inflateSync } from 'node:zlib';

const SIGNATURE = '89504e470d0a1a0a';
/** Colour types of three and four bytes a pixel. */
const RGB = 2;
const RGBA = 6;

/** Size and first pixel of a PNG as Chrome writes it; throws when it is none. */
export function readPng(png: Buffer): { width: number; height: number; first: number[] } {
  if (png.toString('hex', 0, 8) !== SIGNATURE) throw new Error('the screenshot is no PNG');
  const data: Buffer[] = [];
  for (let at = 8; at + 8 <= png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(png.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const colourType = png[25];
  if (colourType !== RGB && colourType !== RGBA) throw new Error(`a PNG of colour type ${colourType}`);
  // with nothing to the left and above, every filter leaves the first pixel as it is; byte 0 names the filter
  const first = [...inflateSync(Buffer.concat(data)).subarray(1, 4)];
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20), first };
}
