import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';

/** What a client's span says of it; `path` is the upgrade's path without its query, which may hold a token. */
export interface ClientAttributes {
  readonly virtualBrowserId: string;
  readonly path: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The error of a CDP answer. */
export interface CommandError {
  readonly code: number;
  readonly message: string;
}

const METHOD_NOT_FOUND = -32601;
const LONGEST_TEXT = 256;
const UNKNOWN_METHOD = '_OTHER';

/**
 * The span of one client connection, from its admission to its close, under which its commands are spans too.
 *
 * Without an SDK, or when the sampler says no, nothing is recorded and `command` costs one comparison.
 * Names follow the OpenTelemetry conventions for RPC: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans
 */
export class ClientTrace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  readonly #context: Context;
  /** Added by `command`, removed by the command's `end`; what is left when the client ends is ended with it. */
  readonly #open = new Set<CommandTrace>();
  #recording: boolean;

  /** Starts the span; a valid W3C `traceparent` header becomes its parent, a broken one is ignored. */
  constructor(attributes: ClientAttributes, traceparent?: string) {
    const parent =
      traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
    const options = { kind: SpanKind.SERVER, attributes: clientAttributes(attributes) };
    this.#tracer = trace.getTracer('cdpmux');
    this.#span = this.#tracer.startSpan('cdpmux.client', options, parent);
    this.#context = trace.setSpan(parent, this.#span);
    this.#recording = this.#span.isRecording();
  }

  /** The same as the constructor. */
  static open(attributes: ClientAttributes, traceparent?: string): ClientTrace {
    return new ClientTrace(attributes, traceparent);
  }

  /** Whether commands are recorded; false once ended. */
  get recording(): boolean {
    return this.#recording;
  }

  /** Starts the span of one command; undefined, and nothing allocated, when not recording. */
  command(method: string, sessionId: string | undefined): CommandTrace | undefined {
    if (!this.#recording) return undefined;
    const name = method.length > LONGEST_TEXT ? UNKNOWN_METHOD : method;
    const attributes: Attributes = { 'rpc.system.name': 'cdp', 'rpc.method': name };
    if (sessionId !== undefined) attributes['cdp.session.id'] = sessionId.slice(0, LONGEST_TEXT);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, this.#context);
    const command = new CommandTrace(span, name, this.#open);
    this.#open.add(command);
    return command;
  }

  /** Notes something that happened to the client on its span. */
  addEvent(name: string, attributes: Attributes): void {
    if (this.#recording) this.#span.addEvent(name, attributes);
  }

  /** Ends the span and those of commands still unanswered; further calls do nothing. */
  end(reason?: string): void {
    if (!this.#recording) return;
    this.#recording = false;
    for (const command of this.#open) command.abandon();
    if (reason !== undefined) this.#span.setAttribute('cdpmux.close.reason', reason);
    this.#span.end();
  }
}

/** The span of one command, made by `ClientTrace.command`. */
export class CommandTrace {
  readonly #span: Span;
  readonly #method: string;
  readonly #open: Set<CommandTrace>;

  constructor(span: Span, method: string, open: Set<CommandTrace>) {
    this.#span = span;
    this.#method = method;
    this.#open = open;
  }

  /** Ends the span with the command's answer; further calls do nothing. */
  end(error?: CommandError): void {
    if (!this.#open.delete(this)) return;
    if (error !== undefined) this.#fail(error);
    this.#span.end();
  }

  /** Ends the span of a command that will not be answered, because its client is gone. */
  abandon(): void {
    if (!this.#open.delete(this)) return;
    this.#span.setAttribute('error.type', 'client_gone');
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: 'the client went before the answer' });
    this.#span.end();
  }

  #fail(error: CommandError): void {
    const code = String(error.code);
    if (error.code === METHOD_NOT_FOUND) {
      // A client can make up names without end; only those that Chrome knows may name a span.
      this.#span.updateName(UNKNOWN_METHOD);
      this.#span.setAttributes({ 'rpc.method': UNKNOWN_METHOD, 'rpc.method_original': this.#method });
    }
    this.#span.setAttributes({ 'error.type': code, 'rpc.status_code': code });
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error.message.slice(0, LONGEST_TEXT) });
  }
}

function clientAttributes({ virtualBrowserId, path, labels }: ClientAttributes): Attributes {
  const query = path.indexOf('?');
  const attributes: Attributes = {
    'cdpmux.virtual_browser.id': virtualBrowserId,
    'url.path': query < 0 ? path : path.slice(0, query),
  };
  for (const [key, value] of Object.entries(labels)) attributes[`cdpmux.label.${key}`] = value;
  return attributes;
}
