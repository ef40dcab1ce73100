/** An event as the client gets it. */
export interface SeenEvent {
  readonly method: string;
  readonly params: unknown;
  readonly sessionId: string | undefined;
  /** The whole message. */
  readonly text: Buffer;
  /** How many steps had been sent before it came. */
  readonly at: number;
}

/** What a step waits for, with all references followed. */
export interface Criteria {
  readonly method: string;
  /** Undefined for the root. */
  readonly sessionId: string | undefined;
  readonly match: unknown;
  /** Only events count that came when so many steps had been sent. */
  readonly since: number;
}

/** Whether it is the event that is waited for. */
export function fits(event: SeenEvent, { method, sessionId, match, since }: Criteria): boolean {
  return (
    event.method === method &&
    event.sessionId === sessionId &&
    event.at >= since &&
    (match === undefined || has(event.params, match))
  );
}

/** Whether a value has all members of a pattern, at whatever depth; lists and all else must be the same. */
export function has(value: unknown, pattern: unknown): boolean {
  if (typeof pattern !== 'object' || pattern === null) return value === pattern;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(pattern) !== Array.isArray(value)) return false;
  if (Array.isArray(pattern) && pattern.length !== (value as unknown[]).length) return false;
  return Object.entries(pattern).every(
    ([name, inner]) => Object.hasOwn(value, name) && has((value as Record<string, unknown>)[name], inner),
  );
}
