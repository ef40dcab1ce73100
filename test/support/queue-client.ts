import { WebSocket } from 'ws';

/** How a wait ended. */
export type Outcome =
  | { readonly kind: 'served' }
  | { readonly kind: 'refused'; readonly status: number; readonly error: Refused }
  | { readonly kind: 'left' };

/** What a refusal says. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  readonly retryAfter: number;
  /** From the upgrade request to the answer, ms. */
  readonly after: number;
}

/** A client that asks for a place and waits for it. */
export class QueueClient {
  readonly outcome: Promise<Outcome>;
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;

  /** `onServed` is called in the very turn in which the upgrade is answered: the order of calls is the order of service. */
  constructor(url: string, onServed: (client: QueueClient) => void = () => undefined) {
    const start = performance.now();
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    const socket = this.#socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.outcome = new Promise((resolve) => {
      socket.once('open', () => {
        resolve({ kind: 'served' });
        onServed(this);
      });
      socket.once('unexpected-response', (_request, response) => {
        const after = performance.now() - start;
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.once('end', () => {
          const { code, message } = (JSON.parse(body) as { error: Omit<Refused, 'retryAfter' | 'after'> })
            .error;
          const retryAfter = Number(response.headers['retry-after']);
          const status = response.statusCode ?? 0;
          resolve({ kind: 'refused', status, error: { code, message, retryAfter, after } });
        });
      });
      // what `leave` ends while it waits
      socket.on('error', () => resolve({ kind: 'left' }));
    });
  }

  /** Goes, whether it waits or has its place. */
  leave(): void {
    this.#socket.terminate();
  }
}
