import { webSocketUrl, type Address } from './address.js';
import { BrowserSocket } from './browser-socket.js';
import type { Refusal } from './handshake.js';
import { LaunchError } from './launch-error.js';

/** Who waits for a place longer than `queue.timeout` allows is told so before, ms. */
const OPEN_DEADLINE = 60_000;

/** Opens a new virtual browser; rejects with a LaunchError that has cdpmux's own reason. */
export async function openBrowser(address: Address, parameters: URLSearchParams): Promise<BrowserSocket> {
  const { url, headers } = address;
  const opening = BrowserSocket.open(webSocketUrl(address, '/', parameters), {
    headers,
    deadline: OPEN_DEADLINE,
  });
  const opened = await opening.catch((error: unknown) => {
    throw unreachable(url, error as Error);
  });
  if (opened instanceof BrowserSocket) return opened;
  throw refused(url, opened);
}

/** What is said where nobody is. */
export function unreachable({ protocol, host }: URL, cause: Error): LaunchError {
  return new LaunchError(
    `nothing that speaks cdpmux answers at ${protocol}//${host} (${cause.message}); start it with \`cdpmux\`, or correct CDPMUX_URL.`,
    { isNobodyThere: true, cause },
  );
}

function refused({ protocol, host }: URL, { status, body }: Refusal): LaunchError {
  const { code, message } = errorIn(body);
  const said = message ?? `HTTP ${status}; is it a cdpmux?`;
  return new LaunchError(`${protocol}//${host} gives no browser: ${said}`, {
    // one that is stopping, or something else altogether
    isNobodyThere: message === undefined || code === 'CLOSING',
  });
}

function errorIn(body: string): { code?: string; message?: string } {
  try {
    return (JSON.parse(body) as { error?: { code?: string; message?: string } }).error ?? {};
  } catch {
    return {};
  }
}
