import { CommandScanner } from '../cdp/command-scanner.js';
import { encodeError } from '../cdp/encode.js';
import { CdpCode } from '../cdp/errors.js';
import type { VirtualClient } from './virtual-client.js';

const scanner = new CommandScanner();

/**
 * Answers what a client waits for with why its socket is about to close: most clients show a command's error and no
 * close's reason. `held` are frames that were read and not looked at yet.
 */
export function failWaiting(
  client: VirtualClient,
  held: readonly (Buffer | (() => void))[],
  reason: string,
): void {
  const error = { code: CdpCode.server, message: reason };
  client.virtual.host.upstream.fail(client, error);
  for (const frame of held) {
    // One that has to be read closely is not worth it now: the close says the same.
    if (typeof frame !== 'function' && scanner.scan(frame))
      client.send(encodeError(scanner.id, error, scanner.sessionId || undefined));
  }
}
