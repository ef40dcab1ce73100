import { QUOTE, hasAt } from '../../cdp/json-bytes.js';
import type { Batch } from './batch.js';
import type { Look } from './tapped-link.js';

const METHOD = Buffer.from('{"method":"');

/** What is sent to a client can be looked at. */
export interface Tappable {
  /** Shows `look` each message before the client gets it, until the function that it gives is called. */
  tap(look: Look): () => void;
}

/** Shows batches the events that their steps wait for, as the client gets them; while none waits, nothing is looked at. */
export class EventTap {
  readonly #client: Tappable;
  /** By the names of the events. */
  readonly #batches = new Map<string, Set<Batch>>();
  #close: (() => void) | undefined;

  constructor(client: Tappable) {
    this.#client = client;
  }

  add(batch: Batch): void {
    for (const method of batch.awaited) {
      const known = this.#batches.get(method);
      if (known) known.add(batch);
      else this.#batches.set(method, new Set([batch]));
    }
    if (this.#batches.size > 0) this.#close ??= this.#client.tap(this.#look);
  }

  remove(batch: Batch): void {
    for (const method of batch.awaited) {
      const batches = this.#batches.get(method);
      if (batches?.delete(batch) && batches.size === 0) this.#batches.delete(method);
    }
    if (this.#batches.size > 0) return;
    this.#close?.();
    this.#close = undefined;
  }

  /** Events begin with their method, Chrome's and cdpmux's own alike. */
  #look: Look = (message) => {
    if (!hasAt(message, 0, METHOD)) return undefined;
    const method = message.toString('latin1', METHOD.length, message.indexOf(QUOTE, METHOD.length));
    const batches = this.#batches.get(method);
    if (!batches) return undefined;
    const { params, sessionId } = JSON.parse(message.toString()) as { params: unknown; sessionId?: string };
    // The message is the socket's from now on.
    const text = Buffer.from(message);
    return () => {
      for (const batch of [...batches]) batch.see({ method, params, sessionId, text });
    };
  };
}
