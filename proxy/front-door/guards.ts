import { isIP } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { CdpmuxError } from '../../src/index.js';

/** Who is let in although a browser sends it. */
export interface Guarded {
  /** Values of the Host header beside IP addresses and localhost; looked at where no token is needed. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages, or `*`. */
  readonly allowedOrigins: readonly string[];
}

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

/**
 * Refuses an upgrade that a web page asks for; programs send no Origin. Chrome does the same, and its
 * `--remote-allow-origins` is `listen.allowedOrigins` here: compared letter by letter but for capitals, or `*`.
 */
export function checkOrigin(request: IncomingMessage, allowedOrigins: readonly string[]): void {
  const { origin } = request.headers;
  if (origin === undefined || isAllowed(origin, allowedOrigins)) return;
  const message = `Rejected an incoming WebSocket connection from the ${origin} origin: web pages may not drive browsers. Add it to listen.allowedOrigins to allow it.`;
  throw new CdpmuxError('FORBIDDEN', message);
}

/**
 * Refuses a request that another site's page makes over HTTP. It can't read the answer, but to ask is enough to open
 * virtual browsers or to close pages. Browsers say of each request where it comes from; programs don't.
 */
export function checkSite(
  request: IncomingMessage,
  publicHost: string,
  allowedOrigins: readonly string[],
): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const isOwn =
    origin !== undefined && URL.canParse(origin) && new URL(origin).host === publicHost.toLowerCase();
  if (isOwn || (origin !== undefined && isAllowed(origin, allowedOrigins))) return;
  if (origin === undefined && (site === undefined || site === 'none' || site === 'same-origin')) return;
  if (allowedOrigins.includes('*')) return;
  const message = `Rejected a request of a web page of ${origin ?? 'another site'}: web pages may not drive browsers. Add its origin to listen.allowedOrigins to allow it.`;
  throw new CdpmuxError('FORBIDDEN', message);
}

function isAllowed(origin: string, allowedOrigins: readonly string[]): boolean {
  const same = (one: string): boolean => one === '*' || one.toLowerCase() === origin.toLowerCase();
  return allowedOrigins.some(same);
}

function hostName(host: string): string {
  const lower = host.toLowerCase();
  if (lower.startsWith('[')) return lower.slice(1, lower.indexOf(']'));
  return lower.replace(/:\d*$/, '');
}
