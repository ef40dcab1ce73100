import type { BatchLimits } from '../limits.js';
import { referenceOf, referencesIn, type Reference } from './reference.js';

/** A step's session: an id, `''` for the root, the session of the batch (undefined), or what a reference stands for. */
export type StepSession = string | undefined | Reference;

/** A command of a batch. */
export interface CommandStep {
  readonly kind: 'command';
  readonly method: string;
  readonly session: StepSession;
  /** JSON text: what waits for its turn takes no more memory than it came with. */
  readonly params: string | undefined;
  readonly hasReferences: boolean;
  /** The steps whose results it needs. */
  readonly needs: readonly number[];
}

/** A step that waits for an event. */
export interface WaitStep {
  readonly kind: 'wait';
  readonly event: string;
  readonly session: StepSession;
  /** What the event's parameters must have, with references; undefined for any. */
  readonly match: unknown;
  /** Only events count that came after this step was sent; -1 for all since the batch began. */
  readonly after: number;
  /** Longest wait, ms; undefined for what the batch has. */
  readonly timeout: number | undefined;
  readonly needs: readonly number[];
}

/** A step of a batch, read. */
export type Step = CommandStep | WaitStep;

/** The parameters of `Mux.batch`, checked. */
export interface BatchRequest {
  readonly steps: readonly Step[];
  readonly onError: 'stop' | 'continue';
  readonly parallel: boolean;
  /** ms */
  readonly timeout: number;
}

/** What a batch may take that does not say so, ms. */
const TIMEOUT = 30_000;

/** The length of what its commands were written anew as. */
export function textLength({ steps }: BatchRequest): number {
  return steps.reduce((sum, step) => sum + (step.kind === 'command' ? (step.params?.length ?? 0) : 0), 0);
}

type Members = Readonly<Record<string, unknown>>;

/** What is wrong with parameters; its message is for the client. */
class Invalid extends Error {}

/** Reads the parameters of `Mux.batch`; gives what is wrong with them as a text. */
export function readBatch(params: unknown, limits: BatchLimits): BatchRequest | string {
  try {
    return read(params, limits);
  } catch (error) {
    if (error instanceof Invalid) return error.message;
    throw error;
  }
}

function read(params: unknown, limits: BatchLimits): BatchRequest {
  const members = membersOf(params, 'params', ['commands', 'onError', 'parallel', 'timeout']);
  const { commands, onError = 'stop', parallel = false, timeout } = members;
  if (!Array.isArray(commands)) throw new Invalid('commands: a list of commands is needed');
  if (commands.length > limits.commands) {
    throw new Invalid(
      `commands: at most ${limits.commands} in one batch, not ${commands.length}; send several batches, or raise the setting limits.batch.commands of cdpmux`,
    );
  }
  if (onError !== 'stop' && onError !== 'continue') throw new Invalid("onError: either 'stop' or 'continue'");
  if (typeof parallel !== 'boolean') throw new Invalid('parallel: either true or false');
  const most = limits.timeout;
  return {
    steps: commands.map((command, index) => stepOf(command, index, most)),
    onError,
    parallel,
    timeout: timeOf(timeout, 'timeout', most) ?? Math.min(TIMEOUT, most),
  };
}

function stepOf(command: unknown, index: number, most: number): Step {
  const where = `commands[${index}]`;
  const isWait = typeof command === 'object' && command !== null && 'waitFor' in command;
  return isWait ? waitOf(command, index, where, most) : commandOf(command, index, where);
}

function commandOf(command: unknown, index: number, where: string): CommandStep {
  const members = membersOf(command, where, ['method', 'params', 'sessionId']);
  const { method, params } = members;
  if (typeof method !== 'string' || method === '') {
    throw new Invalid(`${where}.method: the name of a command is needed, or waitFor in its place`);
  }
  if (method === 'Mux.batch') throw new Invalid(`${where}: a batch can't hold another; send that one beside`);
  if (params !== undefined) membersOf(params, `${where}.params`);
  const session = sessionOf(members, where);
  const references = referencesIn(params);
  return {
    kind: 'command',
    method,
    session,
    params: params === undefined ? undefined : JSON.stringify(params),
    hasReferences: references.length > 0,
    needs: needsOf([...references, session], index, where),
  };
}

function waitOf(command: unknown, index: number, where: string, most: number): WaitStep {
  const { waitFor, timeout } = membersOf(command, where, ['waitFor', 'timeout']);
  const inside = `${where}.waitFor`;
  const members = membersOf(waitFor, inside, ['event', 'sessionId', 'match', 'after']);
  const { event, match, after = -1 } = members;
  if (typeof event !== 'string' || event === '')
    throw new Invalid(`${inside}.event: the name of an event is needed`);
  if (match !== undefined) membersOf(match, `${inside}.match`);
  const isEarlier = Number.isInteger(after) && (after as number) < index;
  if (!isEarlier || (after as number) < -1) {
    throw new Invalid(`${inside}.after: the number of an earlier command, the first of which is 0`);
  }
  const session = sessionOf(members, inside);
  return {
    kind: 'wait',
    event,
    session,
    match,
    after: after as number,
    timeout: timeOf(timeout, `${where}.timeout`, most),
    needs: [
      ...needsOf([...referencesIn(match), session], index, where),
      ...(after === -1 ? [] : [after as number]),
    ],
  };
}

function membersOf(value: unknown, where: string, known?: readonly string[]): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Invalid(`${where}: an object is needed`);
  }
  const unknown = known && Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new Invalid(`${where}: has ${unknown}, but only ${known?.join(', ')} may be there`);
  return value as Members;
}

function sessionOf({ sessionId }: Members, where: string): StepSession {
  if (sessionId === undefined || typeof sessionId === 'string') return sessionId;
  const reference = referenceOf(sessionId);
  if (!reference)
    throw new Invalid(`${where}.sessionId: an id, or a reference such as {"$ref":"1#/sessionId"}`);
  return reference;
}

function timeOf(timeout: unknown, where: string, most: number): number | undefined {
  if (timeout === undefined) return undefined;
  if (typeof timeout !== 'number' || !(timeout >= 0) || timeout > most) {
    throw new Invalid(
      `${where}: 0 to ${most} ms (the longest is the setting limits.batch.timeout of cdpmux)`,
    );
  }
  return timeout;
}

function needsOf(parts: readonly StepSession[], index: number, where: string): number[] {
  const needs = new Set<number>();
  for (const part of parts) {
    if (typeof part !== 'object') continue;
    if (part.index >= index) {
      throw new Invalid(
        `${where}: refers to ${part.text}, but only results of earlier commands are there by then`,
      );
    }
    needs.add(part.index);
  }
  return [...needs];
}
