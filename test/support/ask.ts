import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';

/** What a server said. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** How to ask, beside the URL. */
export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The certificate to believe. */
  readonly ca?: string;
}

/** A request as given: no client library that would tidy the path or the Host. */
export async function ask(url: string, { method = 'GET', headers = {}, ca }: Asking = {}): Promise<Answer> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const outgoing = send(url, { method, headers, agent: false, ...(ca !== undefined && { ca }) });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return read(response);
}

/** The HTTP answer to an upgrade that is refused; throws when it is let in. */
export function refusedUpgrade(url: string, { headers = {}, ca }: Asking = {}): Promise<Answer> {
  const socket = new WebSocket(url, { headers, ...(ca !== undefined && { ca }) });
  const answered = new Promise<Answer>((resolve, reject) => {
    socket.once('open', () => reject(new Error(`${url} was let in`)));
    socket.on('error', reject);
    socket.once('unexpected-response', (_request, response) => void read(response).then(resolve, reject));
  });
  return answered.finally(() => socket.terminate());
}

/** `error` of a refusal's body. */
export function errorOf({ body }: Answer): Record<string, string> {
  return (JSON.parse(body) as { error: Record<string, string> }).error;
}

async function read(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}
