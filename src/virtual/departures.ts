import type { Upstream } from '../cdp/upstream.js';

/** Longest that anything stays in Chrome when its owner has left, ms. */
const LONGEST = 500;
/** How often it is looked whether Chrome has nothing else to do, ms. */
const TICK = 25;
/** What is left behind at once, at most: whoever comes and goes in a loop leaves no heap of pages. */
const MOST = 32;

interface Departed {
  readonly rootId: string;
  readonly onGone: () => void;
  /** By `performance.now`. */
  readonly since: number;
}

/**
 * What those leave behind who go: Chrome closes their pages when nobody waits for it, one virtual browser after the other, and
 * within half a second in any case. To close two pages takes it as long as to answer a hundred commands.
 */
export class Departures {
  readonly #upstream: Upstream;
  /** In the order in which they left. */
  readonly #waiting: Departed[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Gives back to Chrome, soon, what a browser-level session holds; `onGone` is called then, or when Chrome is lost. */
  add(rootId: string, onGone: () => void): void {
    this.#waiting.push({ rootId, onGone, since: performance.now() });
    if (this.#waiting.length > MOST) this.#next();
    this.#timer ??= setTimeout(() => this.#look(), TICK).unref();
  }

  /** The connection is gone, or about to: nobody need be spared any more. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.length > 0) this.#next();
  }

  #look(): void {
    const overdue = performance.now() - LONGEST;
    if (this.#upstream.pendingCount === 0) this.#next();
    while ((this.#waiting[0]?.since ?? Infinity) <= overdue) this.#next();
    this.#timer = this.#waiting.length > 0 ? setTimeout(() => this.#look(), TICK).unref() : undefined;
  }

  #next(): void {
    const departed = this.#waiting.shift();
    if (departed) giveBack(this.#upstream, departed.rootId, departed.onGone);
  }
}

/** Chrome disposes the contexts that a browser-level session holds when it is detached. */
export function giveBack(upstream: Upstream, rootId: string, onGone: () => void): void {
  upstream.call('Target.detachFromTarget', { sessionId: rootId }, '', onGone);
}
