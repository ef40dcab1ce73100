import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Protocol } from 'devtools-protocol';
import type { ClientSession } from './client-session.js';
import { TraceFilter, type TraceEvent } from './trace-filter.js';

/** What is kept of a trace until it is filtered, bytes; what comes beyond is lost, and the client is told. */
const MOST_BYTES = 128 * 1024 * 1024;
/** How long pages may take to be marked, ms; one that is stuck is not waited for. */
const MARK_DEADLINE = 1_000;
/** Events in one `Tracing.dataCollected`. */
const CHUNK = 1_000;

/** Targets with a process that may be theirs alone. */
const marked = new Set(['page', 'iframe', 'worker', 'shared_worker', 'service_worker']);

const compress = promisify(gzip);

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
  readonly #filter: TraceFilter;
  #collected: Buffer[] = [];
  #bytes = 0;
  #isLossy = false;

  constructor(session: ClientSession, options: TraceOptions) {
    this.#session = session;
    this.#options = options;
    const { virtual } = session.client;
    this.#filter = new TraceFilter(
      this.#marker,
      (id) => virtual.owns(id) || (typeof id === 'string' && virtual.frames.has(id)),
    );
  }

  /** Leaves a marker in the process of each own page; calls `done` when all have it, or it takes too long. */
  mark(done: () => void): void {
    const { client } = this.#session;
    const { virtual } = client;
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
      virtual.own.ask(client, info.targetId, 'Runtime.evaluate', { expression, silent: true }, one);
    }
    one();
  }

  /** Keeps a `Tracing.dataCollected` of Chrome's until the trace is complete. */
  collect(message: Buffer): void {
    this.#bytes += message.length;
    if (this.#bytes > MOST_BYTES) {
      this.#isLossy = true;
      return;
    }
    this.#filter.learn(eventsOf(message));
    // the memory that it lies in may hold more than this message
    this.#collected.push(Buffer.from(message));
  }

  /** Gives the client what is its own, in the form that it asked for; others are served between two messages. */
  async complete(event: Protocol.Tracing.TracingCompleteEvent): Promise<void> {
    const { asStream } = this.#options;
    const parts: Buffer[] = [];
    let isFirst = true;
    for (let message = this.#collected.shift(); message; message = this.#collected.shift()) {
      const events = this.#filter.pick(eventsOf(message));
      if (!asStream) this.#report(events);
      else if (events.length > 0) {
        const texts = events.map((one) => JSON.stringify(one));
        parts.push(Buffer.from(`${isFirst ? '' : ',\n'}${texts.join(',\n')}`));
        isFirst = false;
      }
      await setImmediate();
    }
    const dataLossOccurred = event.dataLossOccurred || this.#isLossy;
    if (asStream) await this.#stream(parts, dataLossOccurred);
    else this.#session.emit('Tracing.tracingComplete', { dataLossOccurred });
  }

  #report(events: readonly TraceEvent[]): void {
    for (let at = 0; at < events.length; at += CHUNK) {
      this.#session.emit('Tracing.dataCollected', { value: events.slice(at, at + CHUNK) });
    }
  }

  async #stream(parts: readonly Buffer[], dataLossOccurred: boolean): Promise<void> {
    const session = this.#session;
    const { isCompressed } = this.#options;
    const text = Buffer.concat([Buffer.from('{"traceEvents":['), ...parts, Buffer.from('],"metadata":{}}')]);
    const content = isCompressed ? await compress(text) : text;
    session.emit('Tracing.tracingComplete', {
      dataLossOccurred,
      stream: session.client.virtual.streams.add(content, isCompressed),
      traceFormat: 'json',
      streamCompression: isCompressed ? 'gzip' : 'none',
    });
  }
}

function eventsOf(message: Buffer): readonly TraceEvent[] {
  const { params } = JSON.parse(message.toString()) as { params: { value: readonly TraceEvent[] } };
  return params.value;
}
