import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { RequestError, Server, type PrepareRequestFunction } from 'proxy-chain';

/** Where a tunnel goes through a further HTTP proxy, and how that one is reached. */
export interface HttpHop {
  readonly options: https.RequestOptions;
  readonly secure: boolean;
}

/** What a lane decides. */
export interface LaneHandlers {
  readonly prepare: PrepareRequestFunction;
  /** The HTTP proxy that a tunnel to this authority takes; undefined where it takes none. */
  readonly hop: (request: IncomingMessage) => Promise<HttpHop | undefined>;
}

/**
 * The server of proxy-chain, but for what it does when the proxy above wants credentials: it answers 597, and the
 * client, which has them ready (`Fetch.continueWithAuth`), is never asked. Here the question is passed down.
 */
export class LaneServer extends Server {
  readonly #hop: LaneHandlers['hop'];

  constructor(host: string, { prepare, hop }: LaneHandlers) {
    super({ host, port: 0, prepareRequestFunction: prepare, authRealm: 'cdpmux' });
    this.#hop = hop;
  }

  override async onConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    try {
      const hop = await this.#hop(request);
      // It may have gone while names were looked up.
      if (socket.destroyed) return;
      if (hop) tunnelThrough(socket, head, hop);
      else await super.onConnect(request, socket, head);
    } catch (error) {
      this.failRequest(request, error as Error);
    }
  }

  override normalizeHandlerError(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
    if (error.message !== '407 Proxy Authentication Required') return super.normalizeHandlerError(error);
    return new RequestError('The proxy above wants credentials.', 407, { 'Proxy-Authenticate': basic });
  }
}

const basic = 'Basic realm="proxy"';

function tunnelThrough(source: Socket, head: Buffer, hop: HttpHop): void {
  const asked = (hop.secure ? https : http).request({ ...hop.options, method: 'CONNECT' });
  const giveUp = (): void => void asked.destroy();
  source.once('close', giveUp);
  asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
  asked.on('error', (error) => source.end(answer(502, `The proxy above: ${error.message}`)));
  asked.once('connect', (response: IncomingMessage, target: Socket, rest: Buffer) => {
    source.off('close', giveUp);
    target.setTimeout(0);
    const status = response.statusCode ?? 502;
    if (status !== 200 || source.destroyed) {
      target.destroy();
      source.end(answer(status === 200 ? 502 : status, `The proxy above answered ${status}.`));
      return;
    }
    source.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) source.unshift(head);
    if (rest.length > 0) target.unshift(rest);
    source.on('error', () => target.destroy()).on('close', () => target.destroy());
    target.on('error', () => source.destroy()).on('close', () => source.destroy());
    source.pipe(target);
    target.pipe(source);
  });
  asked.end();
}

function answer(status: number, text: string): string {
  const challenge = status === 407 ? `Proxy-Authenticate: ${basic}\r\n` : '';
  const body = `${text}\n`;
  return `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Refused'}\r\n${challenge}Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
