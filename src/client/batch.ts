import { BatchError, type Entry } from './batch-error.js';
import { resolve, type Place, type Resolved } from './reference.js';
import { Scope, type Plan } from './scope.js';

export { BatchError, type BatchFault, type Entry } from './batch-error.js';
export type { Ref, Resolved, Standing, WithRefs } from './reference.js';
export { Scope, PageScope, NewPage, type SessionId, type WaitedEvent, type WaitOptions } from './scope.js';

/** What sends CDP commands: a function, or a CDPSession of Puppeteer's or Playwright's, or a client of chrome-remote-interface's. */
export type Sender =
  ((method: string, params: object) => Promise<unknown>) | { send(method: never, params?: never): unknown };

/** How a batch is run. */
export interface BatchOptions {
  /** Whether commands after one that failed are run: `stop` by default. */
  readonly onError?: 'stop' | 'continue';
  /** Send each command as soon as those are answered whose results it has, and not after the one before it. */
  readonly parallel?: boolean;
  /** Longest time for all of it, ms; 30 s by default. */
  readonly timeout?: number;
}

/** What `Mux.batch` answers. */
interface Answer {
  readonly results: readonly Entry[];
  readonly failed?: number;
}

/**
 * Sends what `build` adds as one `Mux.batch`, in one round trip, and gives what `build` returned with results in the place of
 * what stood for them. Rejects with a `BatchError`: NO_MUX on a browser without cdpmux (nothing is run then), FAILED where a
 * command failed; with `onError: 'continue'` only where something that was returned depends on it.
 */
export async function batch<T>(
  sender: Sender,
  build: (batch: Scope) => T,
  options: BatchOptions = {},
): Promise<Resolved<T>> {
  const plan: Plan = { commands: [], checks: [] };
  const wanted = build(new Scope(plan, undefined));
  const { results, failed } = await run(sender, { ...options, commands: plan.commands });
  const fail = (index: number, why: string): never => {
    const what = `command ${index} of the batch, ${nameOf(plan.commands[index])}: ${why}`;
    throw new BatchError(what, { code: 'FAILED', index, results });
  };
  const wrong = new Map<number, string>();
  for (const check of plan.checks) {
    const result = results[check.index]?.result;
    const why = result === undefined ? undefined : check.wrong(result as never);
    if (why !== undefined) wrong.set(check.index, why);
  }
  if (options.onError !== 'continue') {
    const [first] = [...wrong.keys(), failed ?? Infinity].sort((a, b) => a - b);
    if (first !== undefined && first !== Infinity) fail(first, wrong.get(first) ?? errorOf(results[first]));
  }
  const valueAt = ({ index, path }: Place): unknown => {
    const entry = results[index];
    const why = wrong.get(index) ?? (entry?.error && errorOf(entry));
    if (why !== undefined) fail(index, why);
    return path.reduce(memberOf, entry?.result ?? entry?.event);
  };
  return resolve(wanted, valueAt);
}

async function run(sender: Sender, params: object): Promise<Answer> {
  // References become what Mux.batch knows.
  const plain = JSON.parse(JSON.stringify(params)) as object;
  try {
    const answer = typeof sender === 'function' ? sender('Mux.batch', plain) : sendBy(sender, plain);
    return (await answer) as Answer;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("'Mux.batch' wasn't found")) throw error;
    const message =
      'This browser has no Mux.batch, so nothing was run: it is not behind cdpmux. Connect to the address of a cdpmux, or send the commands one by one.';
    throw new BatchError(message, { code: 'NO_MUX', cause: error });
  }
}

/** Each client types its own `send`, by the commands that it knows. */
function sendBy(sender: object, params: object): unknown {
  return (sender as { send(method: string, params: object): unknown }).send('Mux.batch', params);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function errorOf(entry: Entry | undefined): string {
  return entry?.error?.message ?? 'no answer';
}

function nameOf(command: object | undefined): string {
  const { method, waitFor } = command as { method?: string; waitFor?: { event: string } };
  return method ?? `waiting for ${waitFor?.event}`;
}
