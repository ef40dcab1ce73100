import { randomUUID } from 'node:crypto';
import { gzip } from 'node:zlib';
import type { Protocol } from 'devtools-protocol';
import type { ClientSession } from './client-session.js';
import { TraceFilter, type TraceEvent } from './trace-filter.js';

/** What is kept of a trace until it is filtered, bytes; what comes beyond is lost, and the client is told. */
const MOST_BYTES = 256 * 1024 * 1024;
/** How long pages may take to be marked, ms; one that is stuck is not waited for. */
const MARK_DEADLINE = 1_000;
/** Events in one `Tracing.dataCollected`. */
const CHUNK = 1_000;

/** Targets with a process that may be theirs alone. */
const marked = new Set(['page', 'iframe', 'worker', 'shared_worker', 'service_worker']);

/** How the client wants its trace. */
export interface TraceOptions {
  readonly asStream: boolean;
  readonly isCompressed: boolean;
}

/** A trace that a client takes of its own pages, of all that Chrome records meanwhile. */
export class Trace {
  readonly #session: ClientSession;
  readonly #options: TraceOptions;
  readonly #marker = `cdpmux-${randomUUID()}`;
  #collected: Buffer[] = [];
  #bytes = 0;
  #isLossy = false;

  constructor(session: ClientSession, options: TraceOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Leaves a marker in the process of each own page; calls `done` when all have it, or it takes too long. */
  mark(done: () => void): void {
    const { virtual } = this.#session.client;
    const targets = virtual.targets().filter(({ info }) => marked.has(info.type));
    let left = targets.length + 1;
    const timer = setTimeout(() => {
      left = 0;
      done();
    }, MARK_DEADLINE);
    const one = (): void => {
      left--;
      if (left !== 0) return;
      clearTimeout(timer);
      done();
    };
    const expression = `console.timeStamp(${JSON.stringify(this.#marker)})`;
    for (const { info } of targets) {
      virtual.own.ask(info.targetId, 'Runtime.evaluate', { expression, silent: true }, one);
    }
    one();
  }

  /** Keeps a `Tracing.dataCollected` of Chrome's until the trace is complete. */
  collect(message: Buffer): void {
    this.#bytes += message.length;
    if (this.#bytes > MOST_BYTES) this.#isLossy = true;
    // the memory that it lies in may hold more than this message
    else this.#collected.push(Buffer.from(message));
  }

  /** Gives the client what is its own, in the form that it asked for. */
  complete(event: Protocol.Tracing.TracingCompleteEvent): void {
    const session = this.#session;
    const { virtual } = session.client;
    const filter = new TraceFilter(
      this.#marker,
      (id) => virtual.owns(id) || (typeof id === 'string' && virtual.frames.has(id)),
    );
    for (const message of this.#collected) filter.learn(eventsOf(message));
    const chunks = this.#collected.map((message) => filter.pick(eventsOf(message)));
    this.#collected = [];
    const dataLossOccurred = event.dataLossOccurred || this.#isLossy;
    if (this.#options.asStream) this.#stream(chunks, dataLossOccurred);
    else {
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += CHUNK) {
          session.emit('Tracing.dataCollected', { value: chunk.slice(at, at + CHUNK) });
        }
      }
      session.emit('Tracing.tracingComplete', { dataLossOccurred });
    }
  }

  #stream(chunks: readonly TraceEvent[][], dataLossOccurred: boolean): void {
    const session = this.#session;
    const events = chunks.flatMap((chunk) => chunk.map((event) => JSON.stringify(event)));
    const text = `{"traceEvents":[${events.join(',\n')}],"metadata":{}}`;
    const { isCompressed } = this.#options;
    const emit = (content: Buffer): void =>
      session.emit('Tracing.tracingComplete', {
        dataLossOccurred,
        stream: session.client.streams.add(content, isCompressed),
        traceFormat: 'json',
        streamCompression: isCompressed ? 'gzip' : 'none',
      });
    if (!isCompressed) emit(Buffer.from(text));
    // it fails only for want of memory, and the client has the event for what it waits for
    else gzip(text, (error, content) => emit(error ? Buffer.alloc(0) : content));
  }
}

function eventsOf(message: Buffer): readonly TraceEvent[] {
  const { params } = JSON.parse(message.toString()) as { params: { value: readonly TraceEvent[] } };
  return params.value;
}
