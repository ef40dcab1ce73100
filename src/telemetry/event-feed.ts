/** What happened in a cdpmux, for logs, `/api/v1/events` and whoever else listens. */
export interface FeedEvent {
  /** Counts up from 1. */
  readonly id: number;
  /** `browser.ready`, `browser.broken`, `queue.timeout`, …: the thing, a dot, what became of it. */
  readonly type: string;
  /** ms since 1970. */
  readonly at: number;
  readonly level: 'info' | 'warn';
  /** Words for a person. */
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** How many events are kept for those who come back. */
const KEPT = 1_000;

/** Passes events on as they happen, and keeps the latest ones. Never for single CDP messages: for what an operator wants to know. */
export class EventFeed {
  readonly #listeners = new Set<(event: FeedEvent) => void>();
  readonly #kept: FeedEvent[] = [];
  #lastId = 0;

  emit(
    level: FeedEvent['level'],
    type: string,
    message: string,
    fields: Readonly<Record<string, string | number>> = {},
  ): void {
    const event = { id: ++this.#lastId, type, at: Date.now(), level, message, fields };
    this.#kept.push(event);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of [...this.#listeners]) listener(event);
  }

  /** What happened after the event of that id, as far as it is kept. */
  after(id: number): readonly FeedEvent[] {
    return this.#kept.filter((event) => event.id > id);
  }

  /** Calls the listener for each event from now on; the function it gives stops that. */
  listen(listener: (event: FeedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
