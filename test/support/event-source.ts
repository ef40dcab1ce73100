import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';

/** One server-sent event. */
export interface Received {
  readonly id: string;
  readonly data: { readonly id: number; readonly type: string; readonly message: string } & Record<
    string,
    unknown
  >;
}

/** Longest that a test waits for an event, ms: many times what it takes on a busy machine. */
const DEADLINE = 15_000;

/** Reads a stream of server-sent events, as an EventSource does, and keeps all of it. */
export class EventReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Whether the stream ended; `broken` when it did not end properly. */
  ended: false | 'ended' | 'broken' = false;
  #text = '';
  readonly #request: ClientRequest;
  readonly #waiting = new Set<() => void>();

  private constructor(sent: ClientRequest, response: IncomingMessage) {
    this.#request = sent;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    const look = (): void => {
      for (const check of [...this.#waiting]) check();
    };
    response.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      look();
    });
    response.on('error', () => undefined);
    response.once('close', () => {
      this.ended = response.complete ? 'ended' : 'broken';
      look();
    });
  }

  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
    const sent = request(url, { headers, agent: false });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    sent.on('error', () => undefined);
    return new EventReader(sent, response);
  }

  /** All that came so far, comments too. */
  get text(): string {
    return this.#text;
  }

  get events(): Received[] {
    const blocks = this.#text.split('\n\n').slice(0, -1);
    return blocks.flatMap((block) => {
      const fields = new Map(
        block.split('\n').map((line) => {
          const at = line.indexOf(': ');
          return [line.slice(0, at), line.slice(at + 2)];
        }),
      );
      const data = fields.get('data');
      if (data === undefined) return [];
      return [{ id: fields.get('id') ?? '', data: JSON.parse(data) as Received['data'] }];
    });
  }

  /** The events' types. */
  get types(): string[] {
    return this.events.map(({ data }) => data.type);
  }

  /** Waits until something is true, looked at whenever something comes. */
  until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`waited in vain for ${what} in ${this.#text.slice(-2_000)}`));
      }, DEADLINE);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
    });
  }

  close(): void {
    this.#request.destroy();
  }
}
