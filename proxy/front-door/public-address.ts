import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

/** How a client reached us, for the URLs that it is given. */
export interface PublicAddress {
  readonly scheme: 'ws' | 'wss';
  /** With port, as in a Host header. */
  readonly host: string;
}

const AUTHORITY = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i;

/**
 * The scheme and host that this request was sent to; `x-forwarded-proto` and `x-forwarded-host` count only when a
 * proxy in front sets them (`listen.trustForwarded`), since any client can send them.
 */
export function publicAddress(request: IncomingMessage, trustForwarded: boolean): PublicAddress {
  const forwarded = (name: string): string | undefined =>
    trustForwarded ? first(request.headers[`x-forwarded-${name}`]) : undefined;
  const proto = forwarded('proto') ?? (request.socket instanceof TLSSocket ? 'https' : 'http');
  const candidates = [forwarded('host'), request.headers.host];
  const host = candidates.find((one) => one !== undefined && AUTHORITY.test(one));
  return {
    scheme: proto === 'https' || proto === 'wss' ? 'wss' : 'ws',
    host: host ?? `127.0.0.1:${request.socket.localPort ?? 0}`,
  };
}

/** Each proxy on the way appends its own; the first is what the client used. */
function first(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text?.split(',')[0]?.trim();
}
