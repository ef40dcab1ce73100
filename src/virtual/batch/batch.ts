import { sessionNotFound } from '../../cdp/errors.js';
import type { ParsedReply } from '../client-command.js';
import type { BatchRequest, CommandStep, Step, WaitStep } from './batch-request.js';
import { entryText, failed, rounded, type Outcome } from './outcome.js';
import { Unresolved, follow, textWithReferences, withReferences, type Reference } from './reference.js';
import { StepList } from './step-list.js';
import { fits, type Criteria, type SeenEvent } from './wait.js';

/** Bytes that may wait for Chrome to read before a batch sends it no more. */
const UPSTREAM_BACKLOG = 16 * 1024 * 1024;
/** Steps that are sent in one turn: many that cdpmux answers itself must not keep others waiting. */
const IN_ONE_TURN = 64;
/** Events that are kept for steps whose turn has not come; older ones give way. */
const MOST_EVENTS = 1_000;
/** What is parsed takes more memory than its text by about so much. */
const PARSED = 8;
/** A rate is kept by pauses of this length at least, ms. */
const SHORTEST_PAUSE = 5;

/** What takes a step's answer. */
export interface StepSink {
  onReply(reply: ParsedReply): void;
  onText(result: Buffer): void;
}

/** What a batch needs of its client. */
export interface BatchSurroundings {
  /** The session that it came in; undefined for the root. */
  readonly sessionId: string | undefined;
  /** Runs a command as a frame of its own. */
  run(frame: Buffer, sink: StepSink): void;
  /** Takes so many bytes more of what the client's batches may have; false where they are not there. */
  take(bytes: number): boolean;
  readonly mostBytes: number;
  /** Whether the client has such a session. */
  knows(sessionId: string | undefined): boolean;
  /** Counts a command; gives the ms to wait before the next one. */
  charge(bytes: number): number;
  /** Bytes that wait for Chrome. */
  readonly backlog: number;
  onceDrained(listener: () => void): void;
  /** Runs something in its turn where the client's frames are held back, else at once. */
  whenFree(run: () => void): void;
  /** Runs something later, whose errors end the client; the function that this gives calls it off. */
  later(run: () => void, ms: number): () => void;
  /** The whole result as JSON text. */
  done(parts: readonly Buffer[]): void;
}

/** What is known of a step that was sent. */
interface Progress {
  readonly start: number;
  readonly order: number;
  end?: number;
  outcome?: Outcome;
  /** The parsed outcome, once it was referred to. */
  value?: unknown;
}

/** A step that waits for its event. */
interface Waiting {
  readonly index: number;
  readonly criteria: Criteria;
  readonly callOff: (() => void) | undefined;
}

/** Many commands that came in one frame, on their way. */
export class Batch {
  readonly #request: BatchRequest;
  readonly #around: BatchSurroundings;
  readonly #begin = performance.now();
  readonly #list: StepList;
  readonly #progress: (Progress | undefined)[];
  readonly #waiting = new Map<number, Waiting>();
  /** Events that a later step may wait for, in their order. */
  readonly #events: SeenEvent[] = [];
  readonly #callOffDeadline: () => void;
  #callOffTurn: (() => void) | undefined;
  #state: 'open' | 'ended' = 'open';
  #isRunning = false;
  #sent = 0;
  #outstanding = 0;
  #failed: number | undefined;
  #hasDropped = false;

  constructor(request: BatchRequest, around: BatchSurroundings) {
    this.#request = request;
    this.#around = around;
    this.#list = new StepList(request);
    this.#progress = request.steps.map(() => undefined);
    const late = `The batch took longer than its timeout of ${request.timeout} ms.`;
    this.#callOffDeadline = around.later(() => this.end(late), request.timeout);
  }

  /** The names of the events that its steps wait for. */
  get awaited(): Set<string> {
    return new Set(this.#request.steps.flatMap((step) => (step.kind === 'wait' ? step.event : [])));
  }

  /** Sends what can be sent. */
  start(): void {
    this.#run();
  }

  /** An event whose name is awaited, on its way to the client. */
  see(message: Omit<SeenEvent, 'at'>): void {
    if (this.#state === 'ended') return;
    const event = { ...message, at: this.#sent };
    for (const { index, criteria } of this.#waiting.values()) {
      if (!fits(event, criteria)) continue;
      this.#keep(index, { kind: 'event', text: event.text });
      return;
    }
    const mayWant = this.#request.steps.some(
      (step, index) => step.kind === 'wait' && !this.#progress[index] && this.#mayFit(event, step),
    );
    if (!mayWant) return;
    if (this.#events.length === MOST_EVENTS) this.#drop();
    while (!this.#around.take(costOf(event))) if (!this.#drop()) return;
    this.#events.push(event);
  }

  /** Drops the oldest event; false where there is none. */
  #drop(): boolean {
    this.#hasDropped = true;
    const oldest = this.#events.shift();
    return oldest !== undefined && this.#around.take(-costOf(oldest));
  }

  /** Answers now: what is not done gets an error with this reason. */
  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.cancel();
    const now = performance.now();
    const parts: Buffer[] = [];
    const failedAt = this.#failed;
    this.#request.steps.forEach((_step, index) => {
      const progress = this.#progress[index];
      const {
        start = 0,
        end = now,
        outcome = failed(this.#whyNot(index, failedAt, reason)),
      } = progress ?? {};
      if (outcome.kind === 'error') this.#failed ??= index;
      const times = progress && { start: start - this.#begin, duration: end - start };
      parts.push(Buffer.from(index === 0 ? '' : ','), ...entryText(outcome, times));
    });
    const which = this.#failed === undefined ? '' : `,"failed":${this.#failed}`;
    const took = rounded(now - this.#begin);
    this.#around.done([Buffer.from('{"results":['), ...parts, Buffer.from(`],"duration":${took}${which}}`)]);
  }

  /** Stops without an answer: the client has gone. */
  cancel(): void {
    this.#state = 'ended';
    this.#callOffDeadline();
    this.#callOffTurn?.();
    for (const { callOff } of this.#waiting.values()) callOff?.();
  }

  #run = (): void => {
    if (this.#isRunning || this.#callOffTurn) return;
    this.#isRunning = true;
    for (let count = 0; this.#isOn && this.#list.hasReady; count++) {
      if (count === IN_ONE_TURN) this.#goOn(0);
      if (this.#around.backlog > UPSTREAM_BACKLOG) this.#goOnDrained();
      else if (!this.#callOffTurn) {
        const wait = this.#start(this.#list.take());
        if (wait > 0) this.#goOn(Math.max(SHORTEST_PAUSE, wait));
        continue;
      }
      break;
    }
    this.#isRunning = false;
    if (this.#state === 'open' && this.#outstanding === 0 && !(this.#isOn && this.#list.hasReady))
      this.end('');
  };

  get #isOn(): boolean {
    return this.#state === 'open' && (this.#failed === undefined || this.#request.onError === 'continue');
  }

  #goOn(ms: number): void {
    this.#callOffTurn = this.#around.later(() => {
      this.#callOffTurn = undefined;
      this.#run();
    }, ms);
  }

  #goOnDrained(): void {
    this.#callOffTurn = () => undefined;
    this.#around.onceDrained(() => {
      this.#callOffTurn = undefined;
      this.#run();
    });
  }

  /** Sends a step; gives the ms to wait before the next one. */
  #start(index: number): number {
    const step = this.#request.steps[index]!;
    this.#progress[index] = { start: performance.now(), order: ++this.#sent };
    this.#outstanding++;
    try {
      if (step.kind === 'wait') {
        this.#wait(index, step);
        return 0;
      }
      const frame = this.#frameOf(step);
      const wait = this.#around.charge(frame.length);
      const sink: StepSink = {
        onReply: ({ result, error }) => {
          if (error) this.#settle(index, { kind: 'error', error });
          else this.#keep(index, { kind: 'result', text: Buffer.from(JSON.stringify(result ?? {})) });
        },
        onText: (text) => this.#keep(index, { kind: 'result', text }),
      };
      this.#around.whenFree(() => {
        if (this.#state === 'open') this.#around.run(frame, sink);
      });
      return wait;
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      this.#settle(index, failed(error.message));
      return 0;
    }
  }

  #isSettled(index: number): boolean {
    return this.#state === 'ended' || this.#progress[index]?.outcome !== undefined;
  }

  #settle(index: number, outcome: Outcome): void {
    const progress = this.#progress[index]!;
    if (this.#isSettled(index)) return;
    progress.outcome = outcome;
    progress.end = performance.now();
    this.#outstanding--;
    this.#waiting.get(index)?.callOff?.();
    this.#waiting.delete(index);
    if (outcome.kind === 'error') this.#failed ??= index;
    this.#list.done(index);
    this.#run();
  }

  /** Settles a step with its outcome, if the bytes that it takes are there. */
  #keep(index: number, outcome: Exclude<Outcome, { kind: 'error' }>): void {
    // Bytes that are taken for what comes too late nobody would give back.
    if (this.#isSettled(index)) return;
    const isThere = this.#around.take(outcome.text.length);
    this.#settle(index, isThere ? outcome : failed(this.#overBytes('with its answer')));
  }

  #frameOf({ method, session, params, hasReferences }: CommandStep): Buffer {
    const most = this.#around.mostBytes;
    const shown = this.#sessionOf(session);
    let text = params;
    if (hasReferences && params !== undefined) {
      try {
        text = textWithReferences(JSON.parse(params), this.#valueOf, most);
      } catch (error) {
        const isTooLarge = error instanceof Unresolved && error.message === 'too large';
        throw isTooLarge ? new Unresolved(this.#overBytes('with what its references stand for')) : error;
      }
    }
    const ofSession = shown === undefined ? '' : `,"sessionId":${JSON.stringify(shown)}`;
    const frame = Buffer.from(
      `{"id":1,"method":${JSON.stringify(method)}${text === undefined ? '' : `,"params":${text}`}${ofSession}}`,
    );
    if (hasReferences && !this.#around.take(frame.length)) {
      throw new Unresolved(this.#overBytes('with what its references stand for'));
    }
    return frame;
  }

  #wait(index: number, step: WaitStep): void {
    const criteria = this.#criteriaOf(step);
    const at = this.#events.findIndex((event) => fits(event, criteria));
    const found = at === -1 ? undefined : this.#events.splice(at, 1)[0];
    if (found) {
      // What its text takes was taken when it was kept.
      this.#around.take(found.text.length - costOf(found));
      this.#settle(index, { kind: 'event', text: found.text });
      return;
    }
    if (!this.#around.knows(criteria.sessionId)) {
      this.#settle(index, { kind: 'error', error: sessionNotFound });
      return;
    }
    const { timeout } = step;
    const late = (): void => {
      const lost = this.#hasDropped ? ' (events that came before its turn were dropped: too many)' : '';
      this.#settle(index, failed(`${step.event} did not come within ${timeout} ms${lost}.`));
    };
    const callOff = timeout === undefined ? undefined : this.#around.later(late, timeout);
    this.#waiting.set(index, { index, criteria, callOff });
  }

  #mayFit(event: SeenEvent, step: WaitStep): boolean {
    if (event.method !== step.event) return false;
    if (step.needs.some((need) => !this.#progress[need]?.outcome)) return true;
    try {
      return fits(event, this.#criteriaOf(step));
    } catch (error) {
      if (error instanceof Unresolved) return false;
      throw error;
    }
  }

  #criteriaOf({ event, session, match, after }: WaitStep): Criteria {
    const shown = this.#sessionOf(session);
    return {
      method: event,
      sessionId: shown === '' ? undefined : shown,
      match: withReferences(match, this.#valueOf),
      since: after === -1 ? 0 : (this.#progress[after]?.order ?? 0),
    };
  }

  #sessionOf(session: Step['session']): string | undefined {
    if (session === undefined) return this.#around.sessionId;
    if (typeof session === 'string') return session;
    const value = this.#valueOf(session);
    if (typeof value === 'string') return value;
    throw new Unresolved(`${session.text} is not the id of a session, which would be a text.`);
  }

  #valueOf = (reference: Reference): unknown => {
    const { index, text } = reference;
    const progress = this.#progress[index];
    const outcome = progress?.outcome;
    if (!progress || !outcome) throw new Unresolved(`${text}: command ${index} was not run.`);
    if (outcome.kind === 'error') throw new Unresolved(`${text}: command ${index} failed.`);
    if (progress.value === undefined) {
      if (!this.#around.take(PARSED * outcome.text.length)) {
        throw new Unresolved(this.#overBytes(`with command ${index}'s result taken apart for references`));
      }
      progress.value = JSON.parse(outcome.text.toString());
    }
    return follow(progress.value, reference);
  };

  #whyNot(index: number, failedAt: number | undefined, reason: string): string {
    if (this.#progress[index]) return reason;
    if (failedAt === undefined || this.#request.onError === 'continue') return `Not run: ${reason}`;
    return `Not run: command ${failedAt} failed, and onError is 'stop'.`;
  }

  #overBytes(how: string): string {
    return `The batches of this client would have over ${this.#around.mostBytes} bytes ${how}; ask for less at a time, or raise the setting limits.batch.bytes of cdpmux.`;
  }
}

/** What an event takes that is kept, bytes: its text, and the same parsed. */
function costOf({ text }: SeenEvent): number {
  return (1 + PARSED) * text.length;
}
