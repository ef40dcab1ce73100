import { CommandScanner } from '../cdp/command-scanner.js';
import { encodeError } from '../cdp/encode.js';
import { CdpCode } from '../cdp/errors.js';
import { isStep } from './batch/batches.js';
import type { ClientSession } from './client-session.js';
import type { VirtualClient } from './virtual-client.js';

const scanner = new CommandScanner();

/** Commands that cdpmux answers itself, when Chrome has answered one of its own. */
const owed = new WeakMap<VirtualClient, Set<{ readonly session: ClientSession; readonly id: number }>>();

/** As `VirtualClient.counting`, for what leads to the answer of a client's command. */
export function owing<A extends unknown[]>(
  session: ClientSession,
  id: number,
  answer: (...args: A) => void,
): (...args: A) => void {
  const { client } = session;
  // a batch ends its own steps
  if (isStep(id)) return client.counting(answer);
  const command = { session, id };
  const all = owed.get(client) ?? new Set();
  owed.set(client, all.add(command));
  return client.counting((...args: A) => {
    all.delete(command);
    answer(...args);
  });
}

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
  for (const { session, id } of owed.get(client) ?? []) {
    // of a session that has ended nobody waits for anything
    if (client.virtual.host.session(session.id) === session) client.refuse(session, id, error);
  }
  for (const frame of held) {
    // One that has to be read closely is not worth it now: the close says the same.
    if (typeof frame !== 'function' && scanner.scan(frame))
      client.send(encodeError(scanner.id, error, scanner.sessionId || undefined));
  }
}
