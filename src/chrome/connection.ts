import { browserLost, CdpCode, sessionNotFound, type CdpError } from '../cdp/errors.js';
import { MessageScanner, normaliseMessage, KIND_REPLY } from '../cdp/message-scanner.js';
import type { CommandScanner } from '../cdp/command-scanner.js';
import type {
  EventSink,
  FaultSink,
  Method,
  Params,
  PendingCommand,
  Reply,
  ReplySink,
  Result,
  Upstream,
} from '../cdp/upstream.js';
import { CdpmuxError } from '../errors.js';
import type { Transport } from './transport.js';

/** Ids of ten digits, the largest that Chrome accepts: a reply's id can be overwritten in place by any client's. */
const FIRST_ID = 1_000_000_000;
const LAST_ID = 2_147_483_647;
const ID_DIGITS = 10;
/** Of a larger message Chrome's pipe goes deaf, and its WebSocket is closed, for everybody on it. */
const MOST_BYTES = 100 * 1024 * 1024 - 1024;

/** What a connection tells its owner. */
export interface ConnectionHandlers {
  /** Events of the root, where no session is attached. */
  onRootEvent(message: Buffer, scan: MessageScanner): void;
  /** Comes once and last; everything pending has been answered. */
  onClose(reason: string): void;
}

/** One connection to a browser: gives every command an id of its own and finds the way back for replies and events. */
export class Connection implements Upstream {
  readonly #transport: Transport;
  readonly #handlers: ConnectionHandlers;
  readonly #scan = new MessageScanner();
  readonly #pending = new Map<number, PendingCommand>();
  /** Filled by `route` when a session becomes known, emptied by `unroute`. */
  readonly #routes = new Map<string, EventSink>();
  /** Told of errors of cdpmux's own, whose message it was has been closed by then; by default a warning of Node's. */
  onFault: (error: unknown) => void = (error) => process.emitWarning(asError(error));
  #state: 'open' | 'closed' = 'open';
  #nextId = FIRST_ID;

  constructor(transport: Transport, handlers: ConnectionHandlers) {
    this.#transport = transport;
    this.#handlers = handlers;
    transport.listen({ onFrame: this.#onFrame, onClose: this.#onClose });
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get backlog(): number {
    return this.#transport.backlog;
  }

  /** Bytes read since it was opened. */
  get received(): number {
    return this.#transport.received;
  }

  gather(): void {
    this.#transport.gather();
  }

  onceDrained(listener: () => void): void {
    this.#transport.onceDrained(listener);
  }

  forward(frame: Buffer, scan: CommandScanner, pending: PendingCommand): void {
    const id = this.#register(pending);
    if (id === undefined) return;
    const transport = this.#transport;
    const { idStart, idEnd, open } = scan;
    const session =
      scan.sessionStart === -1 && pending.sessionId !== '' ? `"sessionId":"${pending.sessionId}",` : '';
    const length = frame.length - (idEnd - idStart) + ID_DIGITS + session.length;
    const at = transport.reserve(length);
    const buffer = transport.buffer;
    let to = at;
    if (session === '') {
      to += frame.copy(buffer, to, 0, idStart);
    } else {
      to += frame.copy(buffer, to, 0, open + 1);
      to += buffer.write(session, to, 'latin1');
      to += frame.copy(buffer, to, open + 1, idStart);
    }
    writeId(buffer, to, id);
    frame.copy(buffer, to + ID_DIGITS, idEnd);
    transport.commit();
  }

  forwardRewritten(method: string, params: unknown, pending: PendingCommand): void {
    const id = this.#register(pending);
    if (id !== undefined) this.#write(id, method, params, pending.sessionId);
  }

  call<M extends Method>(
    method: M,
    params: Params<M>,
    sessionId: string,
    reply?: Reply<M>,
    sentFor?: FaultSink,
  ): void {
    this.forwardRewritten(method, params, new OwnCommand(sessionId, reply as OwnReply | undefined, sentFor));
    // a window is for clients' commands: a launch or a new page takes several of these, one after the other
    this.#transport.hurry();
  }

  request<M extends Method>(method: M, params: Params<M>, sessionId: string): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      this.call(method, params, sessionId, (error, result) => {
        if (!error) resolve(result);
        else if (error === browserLost) reject(new CdpmuxError('BROWSER_LOST', error.message));
        else reject(new CdpmuxError('PROTOCOL', `${method}: ${error.message} (${error.code})`));
      });
    });
  }

  route(sessionId: string, sink: EventSink): void {
    this.#routes.set(sessionId, sink);
  }

  unroute(sessionId: string): void {
    if (this.#routes.delete(sessionId)) this.failSession(sessionId, sessionNotFound);
  }

  failSession(sessionId: string, error: CdpError): void {
    for (const [id, pending] of this.#pending) {
      if (pending.sessionId !== sessionId) continue;
      this.#pending.delete(id);
      this.#unanswered(pending, error);
    }
  }

  fail(owner: ReplySink, error: CdpError): void {
    for (const [id, pending] of this.#pending) {
      if (pending.owner !== owner) continue;
      this.#pending.delete(id);
      this.#unanswered(pending, error);
    }
  }

  commandsOf(owner: ReplySink): PendingCommand[] {
    return [...this.#pending.values()].filter((pending) => pending.owner === owner);
  }

  forget(owner: ReplySink): void {
    for (const [id, pending] of this.#pending) {
      if (pending.owner === owner) this.#pending.delete(id);
    }
  }

  blame(error: unknown, concerned: Partial<FaultSink> | undefined): void {
    try {
      concerned?.onFault?.(error);
    } catch (further) {
      this.onFault(further);
    }
    this.onFault(error);
  }

  close(): void {
    this.#transport.close();
  }

  /** Ends it at once, for a browser that does not answer any more. */
  abort(reason: string): void {
    this.#transport.abort(reason);
  }

  /** Asks for a sign of life below the protocol; a pipe has none to give. */
  ping(onPong: () => void): void {
    this.#transport.ping?.(onPong);
  }

  /** Whether there is a sign of life below the protocol. */
  get hasPing(): boolean {
    return this.#transport.ping !== undefined;
  }

  /** Commands that Chrome has not answered, the oldest first. */
  pending(): IterableIterator<PendingCommand> {
    return this.#pending.values();
  }

  #register(pending: PendingCommand): number | undefined {
    if (this.#state === 'closed') {
      this.#unanswered(pending, browserLost);
      return undefined;
    }
    let id = this.#nextId;
    // After a round through all ids an old one may still be pending.
    while (this.#pending.has(id)) id = id === LAST_ID ? FIRST_ID : id + 1;
    this.#nextId = id === LAST_ID ? FIRST_ID : id + 1;
    this.#pending.set(id, pending);
    return id;
  }

  #write(id: number, method: string, params: unknown, sessionId: string): void {
    const text = JSON.stringify({
      id,
      method,
      params,
      sessionId: sessionId === '' ? undefined : sessionId,
    });
    const length = Buffer.byteLength(text);
    if (length > MOST_BYTES) {
      this.#refuse(
        id,
        `${method} is ${length} bytes when it is written anew; Chrome takes ${MOST_BYTES} at most`,
      );
      return;
    }
    const at = this.#transport.reserve(length);
    this.#transport.buffer.write(text, at);
    this.#transport.commit();
  }

  #refuse(id: number, message: string): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending) this.#unanswered(pending, { code: CdpCode.invalidRequest, message });
  }

  #unanswered(pending: PendingCommand, error: CdpError): void {
    try {
      pending.owner.onUnanswered(pending, error);
    } catch (fault) {
      this.blame(fault, pending.owner);
    }
  }

  /** Many clients' messages come here: an error with one of them must end neither the process nor the others. */
  #onFrame = (frame: Buffer): void => {
    let concerned: Partial<FaultSink> | undefined;
    try {
      const scan = this.#scan;
      let message = frame;
      if (!scan.scan(message)) {
        message = normaliseMessage(frame);
        if (!scan.scan(message)) return;
      }
      if (scan.kind === KIND_REPLY) {
        const pending = this.#pending.get(scan.id);
        // Its client went, or its session was detached, before Chrome answered.
        if (pending === undefined) return;
        this.#pending.delete(scan.id);
        concerned = pending.owner;
        pending.owner.onReply(pending, message, scan);
        return;
      }
      const sessionId = scan.sessionId;
      if (sessionId === undefined) {
        this.#handlers.onRootEvent(message, scan);
        return;
      }
      const sink = this.#routes.get(sessionId);
      concerned = sink;
      sink?.onEvent(message, scan);
    } catch (error) {
      this.blame(error, concerned);
    }
  };

  #onClose = (reason: string): void => {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#routes.clear();
    for (const command of pending) this.#unanswered(command, browserLost);
    this.#handlers.onClose(reason);
  };
}

type OwnReply = (error: CdpError | undefined, result: unknown) => void;

/** A command that cdpmux itself sent. */
class OwnCommand implements PendingCommand, ReplySink {
  readonly owner = this;
  readonly sessionId: string;
  readonly #reply: OwnReply | undefined;
  readonly #sentFor: FaultSink | undefined;

  constructor(sessionId: string, reply: OwnReply | undefined, sentFor: FaultSink | undefined) {
    this.sessionId = sessionId;
    this.#reply = reply;
    this.#sentFor = sentFor;
  }

  onFault(error: unknown): void {
    this.#sentFor?.onFault(error);
  }

  onReply(_command: PendingCommand, message: Buffer): void {
    if (!this.#reply) return;
    const { result, error } = JSON.parse(message.toString()) as { result?: unknown; error?: CdpError };
    this.#reply(error, result);
  }

  onUnanswered(_command: PendingCommand, error: CdpError): void {
    this.#reply?.(error, undefined);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Writes a number of ten digits. */
function writeId(buffer: Buffer, offset: number, id: number): void {
  let rest = id;
  for (let at = offset + ID_DIGITS - 1; at >= offset; at--) {
    const tens = (rest / 10) | 0;
    buffer[at] = 0x30 + rest - tens * 10;
    rest = tens;
  }
}
