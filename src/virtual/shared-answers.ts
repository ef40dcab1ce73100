import { LRUCache } from 'lru-cache';

/** There are few commands and kinds of target; kinds of a newer Chrome must not make it grow without end. */
const MOST = 64;

/**
 * Answers of one Chrome that are the same for whoever asks, as long as it runs. They belong to one connection: another
 * one, to the same Chrome or to its successor, begins with none.
 */
export class SharedAnswers {
  readonly #answers = new LRUCache<string, object>({ max: MOST });

  /** The result of a command in sessions on targets of a type; undefined while it is not known. */
  get(method: string, type: string): object | undefined {
    return this.#answers.get(`${method} ${type}`);
  }

  keep(method: string, type: string, result: object): void {
    this.#answers.set(`${method} ${type}`, result);
  }
}
