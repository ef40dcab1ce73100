import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { CdpmuxError, type ErrorCode } from '../../src/index.js';

/** What each cause answers as, before the upgrade. */
const statusOf: Record<ErrorCode, number> = {
  BAD_PARAMETER: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  ENDED: 404,
  OVER_QUOTA: 429,
  LIMIT: 429,
  TOO_LARGE: 413,
  QUEUE_FULL: 503,
  QUEUE_TIMEOUT: 503,
  CLOSING: 503,
  ABORTED: 503,
  NO_CHROME: 503,
  LAUNCH_FAILED: 503,
  BROWSER_LOST: 503,
  PROTOCOL: 503,
  TIMEOUT: 503,
  CONFLICT: 409,
};

/** When a refused client may come again, seconds. */
const RETRY_AFTER = 1;

/** An answer that refuses: status, headers, JSON body with `error.code` and `error.message`. */
interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function refusalOf(error: unknown): Refusal {
  const known = error instanceof CdpmuxError;
  const status = known ? statusOf[error.code] : 500;
  const body = known
    ? { code: error.code, message: error.message, ...error.details }
    : { code: 'INTERNAL', message: 'A fault of cdpmux; its log has the details.' };
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=UTF-8',
      'cache-control': 'no-store',
      ...(status === 401 && { 'www-authenticate': 'Bearer realm="cdpmux"' }),
      ...((status === 503 || status === 429) && {
        'retry-after': (known && error.details?.['retryAfter']) || String(RETRY_AFTER),
      }),
    },
    body: `${JSON.stringify({ error: body })}\n`,
  };
}

/** Answers an HTTP request with what went wrong. */
export function refuseRequest(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, headers, body } = refusalOf(error);
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** Answers a request whose path takes other methods. */
export function refuseMethod(response: ServerResponse, allow: readonly string[]): void {
  const message = `This takes no other methods than ${allow.join(', ')}.`;
  const body = `${JSON.stringify({ error: { code: 'METHOD_NOT_ALLOWED', message } })}\n`;
  const headers = {
    allow: allow.join(', '),
    'content-type': 'application/json; charset=UTF-8',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  };
  response.writeHead(405, headers).end(body);
}

/** Answers an upgrade request with what went wrong, and closes. */
export function refuseUpgrade(socket: Duplex, error: unknown): void {
  if (!socket.writable) return;
  const { status, headers, body } = refusalOf(error);
  const lines = Object.entries({
    ...headers,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  // A client that keeps its half open would keep the connection.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body}`);
}
