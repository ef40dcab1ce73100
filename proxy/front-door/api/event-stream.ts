import type { IncomingMessage, ServerResponse } from 'node:http';
import { CdpmuxError, type FeedEvent, type Mux, type Tenant } from '../../../src/index.js';
import type { Access } from '../../auth/access.js';
import { withPoolName } from './pool-name.js';

/** Who may listen at once. */
const MOST_LISTENERS = 64;
/** Bytes that may wait for a listener that does not read. */
const MOST_BACKLOG = 1024 * 1024;
/** Proxies cut what says nothing; most allow 30 s or more. */
const HEARTBEAT = 15_000;
/** When an EventSource comes again after it was cut, ms. */
const RETRY = 2_000;

/**
 * `/api/v1/events`: what happens, as server-sent events. They have no `event:` field, so that an EventSource gets all of
 * them at `onmessage`; the type is in the data.
 */
export class EventStreams {
  readonly #feed: Mux['feed'];
  readonly #access: Access;
  /** Ids begin at 1 with each start: with this before them, one of an earlier start is told from one of this. */
  readonly #run = Date.now().toString(36);
  /** Added with the request, taken off when its connection closes. */
  readonly #listeners = new Map<ServerResponse, () => void>();
  readonly #heartbeat: number;
  /** Runs while somebody listens. */
  #timer: NodeJS.Timeout | undefined;
  #state: 'open' | 'closed' = 'open';

  constructor(feed: Mux['feed'], access: Access, heartbeat = HEARTBEAT) {
    this.#feed = feed;
    this.#access = access;
    this.#heartbeat = heartbeat;
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Answers with the events from now on, or from after `Last-Event-ID`; throws LIMIT when too many listen. */
  open(request: IncomingMessage, response: ServerResponse, tenant: Tenant): void {
    if (this.#state === 'closed') throw new CdpmuxError('CLOSING', 'cdpmux is stopping.');
    if (this.size >= MOST_LISTENERS) {
      const message = `${MOST_LISTENERS} listen to events already, and no more may; end one of them.`;
      throw new CdpmuxError('LIMIT', message);
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      // nginx would gather events until its buffer is full
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const write = (text: string): void => {
      response.write(text);
      if (response.writableLength > MOST_BACKLOG) this.#leave(response);
    };
    response.on('error', () => this.#leave(response));
    response.once('close', () => this.#leave(response));
    const stopListening = this.#feed.listen((event) => write(this.#format(event)));
    const stopWatching = this.#access.watch(() => {
      // In its place a listener that may not listen any more would only see the next 401 or 403.
      if (!this.#access.isAdmin(tenant)) this.#end(response);
    });
    this.#listeners.set(response, () => {
      stopListening();
      stopWatching();
    });
    this.#timer ??= setInterval(() => this.#beat(), this.#heartbeat).unref();
    write(`retry: ${RETRY}\n\n${this.#missed(request).map(this.#format).join('')}`);
  }

  /** Ends all of them; nobody new may listen. */
  close(): void {
    this.#state = 'closed';
    for (const response of [...this.#listeners.keys()]) this.#end(response);
  }

  #beat(): void {
    for (const response of [...this.#listeners.keys()]) response.write(': still here\n\n');
  }

  /** What happened since the listener was here last; all that is kept when that was in an earlier start. */
  #missed({ headers }: IncomingMessage): readonly FeedEvent[] {
    const last = headers['last-event-id'];
    if (typeof last !== 'string' || last === '') return [];
    const [run, id] = last.split('-');
    return this.#feed.after(run === this.#run && /^\d{1,15}$/.test(id ?? '') ? Number(id) : 0);
  }

  #format = (event: FeedEvent): string => {
    const data = JSON.stringify({ ...event, fields: withPoolName(event.fields) });
    return `id: ${this.#run}-${event.id}\ndata: ${data}\n\n`;
  };

  /** The listener may read what was written to it before. */
  #end(response: ServerResponse): void {
    this.#forget(response);
    response.end();
  }

  #leave(response: ServerResponse): void {
    this.#forget(response);
    response.destroy();
  }

  #forget(response: ServerResponse): void {
    this.#listeners.get(response)?.();
    this.#listeners.delete(response);
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
