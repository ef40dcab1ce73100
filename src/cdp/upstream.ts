import type { ProtocolMapping } from 'devtools-protocol/types/protocol-mapping.js';
import type { CommandScanner } from './command-scanner.js';
import type { CdpError } from './errors.js';
import type { MessageScanner } from './message-scanner.js';

/** Names of CDP commands, as `devtools-protocol` lists them. */
export type Method = keyof ProtocolMapping.Commands;
/** The parameters of a command. */
export type Params<M extends Method> = ProtocolMapping.Commands[M]['paramsType'] extends [infer P]
  ? P
  : ProtocolMapping.Commands[M]['paramsType'] extends [(infer P)?]
    ? P | undefined
    : undefined;
/** The result of a command. */
export type Result<M extends Method> = ProtocolMapping.Commands[M]['returnType'];

/** A command on its way: where its reply goes. One small object per command is all the hot path allocates. */
export interface PendingCommand {
  readonly owner: ReplySink;
  /** The session it was sent in upstream. */
  readonly sessionId: string;
}

/** Whom an error of cdpmux's own concerns, met while a message was handled: it ends, and nobody else. */
export interface FaultSink {
  onFault(error: unknown): void;
}

/** Who gets the reply to a command; without `onFault` it concerns nobody in particular. */
export interface ReplySink extends Partial<FaultSink> {
  /** `message` is the sink's to patch and keep; `scan` is only good until this returns. */
  onReply(command: PendingCommand, message: Buffer, scan: MessageScanner): void;
  /** Chrome will never answer this command. */
  onUnanswered(command: PendingCommand, error: CdpError): void;
}

/** Who gets the events of a session; without `onFault` it concerns nobody in particular. */
export interface EventSink extends Partial<FaultSink> {
  /** `message` is the sink's to patch and keep; `scan` is only good until this returns. */
  onEvent(message: Buffer, scan: MessageScanner): void;
}

/** Answer to one of cdpmux's own commands; runs before anything that Chrome said later is looked at. */
export type Reply<M extends Method> = (error: CdpError | undefined, result: Result<M> | undefined) => void;

/** One connection to a browser, as those see it who speak over it. */
export interface Upstream {
  /** Passes a client's frame on, with an id of the connection's own in place of the client's. */
  forward(frame: Buffer, scan: CommandScanner, pending: PendingCommand): void;
  /** Sends a client's command whose parameters were rewritten. */
  forwardRewritten(method: string, params: unknown, pending: PendingCommand): void;
  /** Sends a command of cdpmux's own; `''` is the root. An error in `reply` concerns whom it is sent for. */
  call<M extends Method>(
    method: M,
    params: Params<M>,
    sessionId: string,
    reply?: Reply<M>,
    sentFor?: FaultSink,
  ): void;
  /** The same as a promise; for flows where later messages may be handled before the continuation runs. */
  request<M extends Method>(method: M, params: Params<M>, sessionId: string): Promise<Result<M>>;
  /** Sends the session's events to `sink`. */
  route(sessionId: string, sink: EventSink): void;
  /** Forgets the session; what is pending in it goes unanswered with `sessionNotFound`. */
  unroute(sessionId: string): void;
  /** Answers what is pending in the session with `error`. */
  failSession(sessionId: string, error: CdpError): void;
  /** Answers all that is pending for `owner` with `error`. */
  fail(owner: ReplySink, error: CdpError): void;
  /** What is pending for `owner`. */
  commandsOf(owner: ReplySink): PendingCommand[];
  /** Forgets all that is pending for `owner`. */
  forget(owner: ReplySink): void;
  /** Ends whom an error of cdpmux's own concerns, and tells of it; everybody else goes on. */
  blame(error: unknown, concerned: Partial<FaultSink> | undefined): void;
  /** What is sent in this turn of the event loop leaves at its end, after what the turn has for clients; where batches are on and have no window. */
  gather(): void;
  /** Commands that wait for an answer of Chrome's, everybody's. */
  readonly pendingCount: number;
  /** Bytes that wait to be written. */
  readonly backlog: number;
  /** Calls `listener` once, when the backlog is written. */
  onceDrained(listener: () => void): void;
}
