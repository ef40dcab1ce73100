import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { httpUrl, type Address } from './address.js';
import { unreachable } from './open-browser.js';

/** For what cdpmux answers at once, ms. */
const ANSWER_DEADLINE = 10_000;

/** Asks for a path; gives status and body, or rejects with a LaunchError. */
export async function get(address: Address, path: string): Promise<{ status: number; body: string }> {
  const url = httpUrl(address, path);
  const signal = AbortSignal.timeout(ANSWER_DEADLINE);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = start(url, { headers: address.headers, agent: false, signal }, resolve);
    request.on('error', (cause) => reject(unreachable(address.url, cause)));
    request.end();
  });
  return { status: response.statusCode ?? 0, body: await text(response) };
}
