import { CommandScanner } from '../../cdp/command-scanner.js';
import { CdpCode, type CdpError } from '../../cdp/errors.js';
import type { Capture, ParsedReply, Rewrite } from '../client-command.js';
import type { ClientSession } from '../client-session.js';
import type { BatchLimits } from '../limits.js';
import { readUnusual } from '../unusual-frame.js';
import type { VirtualClient } from '../virtual-client.js';
import { Batch, type StepSink } from './batch.js';
import { readBatch, textLength } from './batch-request.js';
import { EventTap } from './event-tap.js';

/** Ids of commands are 32 bits; a step's number is no client's id. */
const LARGEST_ID = 2_147_483_647;

/** Whether it is the number of a batch's step, and not the id of a command that came as a frame of its own. */
export function isStep(id: number): boolean {
  return id > LARGEST_ID;
}

/** A step's number is no small integer: kept in a class of its own, it changes nothing of how the scanner's ids are stored. */
class StepScanner extends CommandScanner {}

/** Dispatch is synchronous, so one scanner serves all batches. */
const scanner = new StepScanner();

/** A step that nobody waits for any more. */
const nobody: StepSink = { onReply: () => undefined, onText: () => undefined };

/** The batches of one client: their steps run as its own commands, and their answers are taken here. */
export class Batches {
  readonly #client: VirtualClient;
  readonly #limits: BatchLimits;
  readonly #running = new Set<Batch>();
  /** By number; added when a step is sent, taken off with its answer. */
  readonly #steps = new Map<number, StepSink>();
  readonly #tap: EventTap;
  #nextStep = LARGEST_ID + 1;
  /** Bytes of all that run. */
  #held = 0;

  constructor(client: VirtualClient, limits: BatchLimits) {
    this.#client = client;
    this.#limits = limits;
    this.#tap = new EventTap(client);
  }

  /** Starts one; gives the error where it can't be. */
  start(session: ClientSession, id: number, params: unknown, bytes: number): CdpError | undefined {
    const client = this.#client;
    const request = readBatch(params, this.#limits);
    if (typeof request === 'string') {
      return { code: CdpCode.invalidParams, message: `Invalid parameters: ${request}.` };
    }
    // Numbers may be longer when they are written anew.
    const taking = Math.max(bytes, textLength(request));
    if (!this.#take(taking)) {
      const message = `The batches of this client that run have over ${this.#limits.bytes} bytes with this one; wait for their answers, send less, or raise the setting limits.batch.bytes of cdpmux.`;
      return { code: CdpCode.server, message };
    }
    let taken = taking;
    const { shownId } = session;
    const { upstream } = client.virtual.host;
    const answer = client.counting((parts: readonly Buffer[]) => {
      this.#end(batch, taken);
      client.send(
        Buffer.concat([
          Buffer.from(`{"id":${id},"result":`),
          ...parts,
          Buffer.from(shownId === undefined ? '}' : `,"sessionId":${JSON.stringify(shownId)}}`),
        ]),
      );
      client.usesMux();
    });
    const batch: Batch = new Batch(request, {
      sessionId: shownId,
      run: (frame, sink) => this.#run(frame, sink),
      take: (more) => {
        if (!this.#take(more)) return false;
        taken += more;
        return true;
      },
      mostBytes: this.#limits.bytes,
      knows: (sessionId) => client.knows(sessionId),
      charge: (more) => client.link.charge(more),
      get backlog() {
        return upstream.backlog;
      },
      onceDrained: (listener) => upstream.onceDrained(() => this.#safely(listener)),
      whenFree: (run) => client.whenFree(run),
      later: (run, ms) => {
        const timer = setTimeout(() => this.#safely(run), ms);
        timer.unref();
        return () => clearTimeout(timer);
      },
      done: answer,
    });
    this.#running.add(batch);
    this.#tap.add(batch);
    batch.start();
    return undefined;
  }

  /** The answer to a step that Chrome was not asked. */
  answered(step: number, reply: ParsedReply): void {
    this.#takeSink(step).onReply(reply);
  }

  /** What takes the reply to a step that Chrome is asked, after the rule has seen it. */
  capture(step: number, rewrite: Rewrite | undefined): Rewrite {
    const through: Rewrite = (reply, command) => (rewrite ? rewrite(reply, command) : reply);
    const capture: Capture = {
      onReply: (reply) => this.answered(step, reply),
      onText: rewrite ? undefined : (result) => this.#takeSink(step).onText(result),
    };
    const reserves = rewrite?.reserves;
    return Object.assign(through, { capture, ...(reserves !== undefined && { reserves }) });
  }

  /** Answers all that run, with this reason for what is not done. */
  end(reason: string): void {
    for (const batch of [...this.#running]) batch.end(reason);
  }

  /** The client has gone. */
  cancel(): void {
    for (const batch of [...this.#running]) {
      batch.cancel();
      this.#end(batch, 0);
    }
    this.#steps.clear();
  }

  #run(frame: Buffer, sink: StepSink): void {
    const step = this.#nextStep++;
    this.#steps.set(step, sink);
    let text = frame;
    if (!scanner.scan(frame)) {
      const outcome = readUnusual(frame, scanner);
      if ('reply' in outcome) {
        this.answered(step, JSON.parse(outcome.reply.toString()) as ParsedReply);
        return;
      }
      text = outcome.frame;
    }
    const { sessionId } = scanner;
    scanner.id = step;
    // The session was looked up by then: whatever passes the command on names it anew.
    scanner.sessionId = '';
    this.#client.runStep(sessionId, { frame: text, scan: scanner });
  }

  #takeSink(step: number): StepSink {
    const sink = this.#steps.get(step) ?? nobody;
    this.#steps.delete(step);
    return sink;
  }

  #take(bytes: number): boolean {
    if (this.#held + bytes > this.#limits.bytes) return false;
    this.#held += bytes;
    return true;
  }

  #end(batch: Batch, taken: number): void {
    this.#running.delete(batch);
    this.#held -= taken;
    this.#tap.remove(batch);
  }

  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#client.virtual.host.upstream.blame(error, this.#client);
    }
  }
}
