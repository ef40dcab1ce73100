import { request as httpRequest, STATUS_CODES, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { httpUrl, type Address } from './address.js';

/** For cdpmux to let somebody join who is known to it, ms. */
const UPGRADE_DEADLINE = 30_000;

/** Hands a program's upgrade on to cdpmux, and carries bytes from then on; never rejects. */
export function tunnel(
  address: Address,
  path: string,
  {
    request,
    client,
    head,
  }: { readonly request: IncomingMessage; readonly client: Duplex; readonly head: Buffer },
): void {
  const url = httpUrl(address, path);
  // the program's Host says where this process listens
  const headers = { ...request.headers, ...address.headers, host: url.host };
  const above = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    headers,
    agent: false,
    timeout: UPGRADE_DEADLINE,
  });
  above.once('upgrade', (response, upstream: Duplex, first: Buffer) => {
    client.write(headOf(response));
    join(client, upstream, head, first);
  });
  above.once('response', (response) => {
    client.write(headOf(response));
    response.pipe(client);
  });
  above.once('timeout', () => above.destroy(new Error(`no answer within ${UPGRADE_DEADLINE / 1000} s`)));
  above.once('error', (error) =>
    refuse(client, 502, `cdpmux at ${url.host} does not answer: ${error.message}`),
  );
  client.once('close', () => above.destroy());
  client.on('error', () => client.destroy());
  above.end();
}

function join(client: Duplex, upstream: Duplex, head: Buffer, first: Buffer): void {
  for (const socket of [client, upstream]) {
    if (!(socket instanceof Socket)) continue;
    socket.setTimeout(0);
    socket.setNoDelay(true);
  }
  if (head.length > 0) upstream.write(head);
  if (first.length > 0) client.write(first);
  upstream.on('error', () => upstream.destroy());
  client.once('close', () => upstream.destroy());
  upstream.once('close', () => client.destroy());
  client.pipe(upstream).pipe(client);
}

function headOf({ statusCode = 502, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Answers an upgrade that goes nowhere. */
export function refuse(client: Duplex, status: number, text: string): void {
  client.on('error', () => client.destroy());
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=UTF-8`;
  client.end(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
