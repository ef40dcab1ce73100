import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { CdpmuxError } from '../../src/index.js';

/** Names that always mean this machine (RFC 6761), so that no stranger's DNS can point them here. */
const LOCALHOST = /^([\w-]+\.)*localhost\.?$/;

/**
 * Refuses a Host that is no IP address, not localhost and not allowed: a web page could have its own name resolve to
 * this machine (DNS rebinding) and would come with that name. Chrome does the same.
 */
export function checkHost(request: IncomingMessage, allowedHosts: readonly string[]): void {
  const { host } = request.headers;
  if (host === undefined) return;
  const name = hostName(host);
  if (isIP(name) !== 0 || LOCALHOST.test(name)) return;
  if (allowedHosts.some((allowed) => allowed.toLowerCase() === name)) return;
  const message = `Host header is specified and is not an IP address or localhost: ${name}. Add it to listen.allowedHosts to allow it.`;
  throw new CdpmuxError('FORBIDDEN', message);
}

/** Refuses an upgrade that a web page asks for; programs send no Origin. Chrome does the same. */
export function checkOrigin(request: IncomingMessage): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  const message = `Rejected an incoming WebSocket connection from the ${origin} origin: web pages may not drive browsers.`;
  throw new CdpmuxError('FORBIDDEN', message);
}

function hostName(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith('[')) return lower.slice(1, lower.indexOf(']'));
  return lower.replace(/:\d*$/, '');
}
