import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { httpUrl, webSocketUrl, type Address } from './address.js';
import { LaunchError } from './launch-error.js';

/** Who waits for a place longer than `queue.timeout` allows is told so before, ms. */
const OPEN_DEADLINE = 60_000;
/** For what cdpmux answers at once, ms. */
const ANSWER_DEADLINE = 10_000;
/** Above the largest answer that Chrome gives, bytes. */
const LARGEST_ANSWER = 512 * 1024 * 1024;
/** Refusals and versions are short; bytes. */
const LONGEST_BODY = 64 * 1024;

/** Opens a new virtual browser; rejects with a LaunchError that has cdpmux's own reason. */
export function openBrowser(address: Address, parameters: URLSearchParams): Promise<WebSocket> {
  const socket = new WebSocket(webSocketUrl(address, '/', parameters), {
    headers: address.headers,
    perMessageDeflate: false,
    handshakeTimeout: OPEN_DEADLINE,
    maxPayload: LARGEST_ANSWER,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.on('error', (cause) => reject(unreachable(address, cause)));
    socket.on('unexpected-response', (request, response) => {
      const give = (error: LaunchError): void => {
        reject(error);
        request.destroy();
      };
      refusal(address, response).then(give, (cause: unknown) => give(unreachable(address, cause as Error)));
    });
  });
}

/** Asks for a path; gives status and body, or rejects with a LaunchError. */
export async function get(address: Address, path: string): Promise<{ status: number; body: string }> {
  const url = httpUrl(address, path);
  const options = {
    headers: address.headers,
    agent: false as const,
    signal: AbortSignal.timeout(ANSWER_DEADLINE),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, resolve);
    request.once('error', (cause) => reject(unreachable(address, cause)));
    request.end();
  });
  return { status: response.statusCode ?? 0, body: await text(response) };
}

function unreachable({ url }: Address, cause: Error): LaunchError {
  return new LaunchError(
    `nothing that speaks cdpmux answers at ${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin} (${cause.message}); start it with \`cdpmux\`, or correct CDPMUX_URL.`,
    { isNobodyThere: true, cause },
  );
}

async function refusal({ url }: Address, response: IncomingMessage): Promise<LaunchError> {
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk;
    if (body.length > LONGEST_BODY) break;
  }
  const { code = '', message } = errorIn(body);
  const said = message ?? `HTTP ${response.statusCode}; is it a cdpmux?`;
  return new LaunchError(`${url.protocol}//${url.host} gives no browser: ${said}`, {
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
