import { CdpCode } from '../cdp/errors.js';
import { normalise } from '../cdp/normalise.js';

/** Reading an unusual frame closely takes 15 to 100 ns a byte, in which nobody else is served. */
const LARGEST = 8 * 1024 * 1024;

const tooLarge = Buffer.from(
  JSON.stringify({
    error: {
      code: CdpCode.invalidRequest,
      message:
        'Messages over 8 MiB must be plain JSON: no key twice, no escapes in top-level keys, no control characters',
    },
  }),
);

/** Reads a frame closely that the scanner is not sure of: the same command plainly written, or the reply that it gets. */
export function readUnusual(frame: Buffer): ReturnType<typeof normalise> {
  return frame.length > LARGEST ? { reply: tooLarge } : normalise(frame);
}
