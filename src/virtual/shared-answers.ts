import type { Upstream } from '../cdp/upstream.js';
import { looksOfChrome, type ChromeLooks } from './appearance.js';
import { LRUCache } from 'lru-cache';

/** There are few commands and kinds of target; kinds of a newer Chrome must not make it grow without end. */
const MOST = 64;

/**
 * Answers of one Chrome that are the same for whoever asks, as long as it runs. They belong to one connection: another
 * one, to the same Chrome or to its successor, begins with none.
 */
export class SharedAnswers {
  #looks: Promise<ChromeLooks> | undefined;
  readonly #answers = new LRUCache<string, object>({ max: MOST });

  /** The result of a command in sessions on targets of a type; undefined while it is not known. */
  get(method: string, type: string): object | undefined {
    return this.#answers.get(`${method} ${type}`);
  }

  /** How its pages look by themselves; rejects as `looksOfChrome` does, and the next one asks again. */
  looks(upstream: Upstream): Promise<ChromeLooks> {
    this.#looks ??= looksOfChrome(upstream).catch((error: unknown) => {
      this.#looks = undefined;
      throw error;
    });
    return this.#looks;
  }

  keep(method: string, type: string, result: object): void {
    this.#answers.set(`${method} ${type}`, result);
  }
}
