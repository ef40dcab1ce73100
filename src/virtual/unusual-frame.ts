import type { CommandScanner } from '../cdp/command-scanner.js';
import { CdpCode } from '../cdp/errors.js';
import { normalise, type Normalised } from '../cdp/normalise.js';

/** Reading an unusual frame closely takes 15 to 100 ns a byte, in which nobody else is served. */
const LARGEST_UNUSUAL = 8 * 1024 * 1024;

const tooLargeUnusual = Buffer.from(
  JSON.stringify({
    error: {
      code: CdpCode.invalidRequest,
      message:
        'Messages over 8 MiB must be plain JSON: no key twice, no escapes in top-level keys, no control characters',
    },
  }),
);

/** Reads a frame that the scanner is not sure of: it has scanned the one that this gives, or there is the answer to it. */
export function readUnusual(frame: Buffer, scanner: CommandScanner): Normalised {
  if (frame.length > LARGEST_UNUSUAL) return { reply: tooLargeUnusual };
  const outcome = normalise(frame);
  if ('frame' in outcome && !scanner.scan(outcome.frame)) {
    throw new Error('a normalised frame was not understood');
  }
  return outcome;
}
