import type { Upstream } from '../cdp/upstream.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** So long pages stay in Chrome when their owner has left, ms, where somebody waits for Chrome all the time. */
const LONGEST = 400;
/** How often it is looked whether Chrome has nothing else to do, ms. */
const TICK = 25;
/** Of those that are overdue so many are closed at a time: what others wait for comes in between. */
const OVERDUE_AT_ONCE = 2;
/** Pages that are left behind at once, at most: whoever comes and goes in a loop leaves no heap of them. */
const MOST_PAGES = 64;

/** The close code of one that was left by its clients, or closed by them, and not made to end. */
const LEFT = 1000;

interface Departed {
  readonly rootId: string;
  readonly pages: number;
  /** By `performance.now`. */
  readonly since: number;
}

/**
 * What those leave behind who go: Chrome closes their pages when nobody waits for it, one virtual browser after the other,
 * and soon in any case. Pages that close make everybody's commands wait, and nobody waits for them to be closed.
 */
export class Departures {
  readonly #upstream: Upstream;
  /** In the order in which they left. */
  readonly #waiting: Departed[] = [];
  #pages = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(upstream: Upstream) {
    this.#upstream = upstream;
  }

  /** Gives back to Chrome, soon, the contexts that a browser-level session holds, with so many pages in them. */
  add(rootId: string, pages: number): void {
    this.#waiting.push({ rootId, pages, since: performance.now() });
    this.#pages += pages;
    while (this.#pages > MOST_PAGES) this.#next();
    if (this.#waiting.length > 0) this.#timer ??= setTimeout(() => this.#look(), TICK).unref();
  }

  /** All at once: the connection is gone, or Chrome must have nothing any more that is nobody's. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#waiting.length > 0) this.#next();
  }

  #look(): void {
    const overdue = performance.now() - LONGEST;
    if (this.#upstream.pendingCount === 0) this.#next();
    for (let closed = 0; closed < OVERDUE_AT_ONCE; closed++) {
      if ((this.#waiting[0]?.since ?? Infinity) <= overdue) this.#next();
    }
    this.#timer = this.#waiting.length > 0 ? setTimeout(() => this.#look(), TICK).unref() : undefined;
  }

  #next(): void {
    const departed = this.#waiting.shift();
    if (!departed) return;
    this.#pages -= departed.pages;
    giveBack(this.#upstream, departed.rootId);
  }
}

/** Chrome disposes the contexts that a browser-level session holds when it is detached. */
export function giveBack(upstream: Upstream, rootId: string, onGone?: () => void): void {
  upstream.call('Target.detachFromTarget', { sessionId: rootId }, '', onGone);
}

/**
 * Whether the pages of one that ends may stay for a moment: not where something ends with it that bounds what they do,
 * nor where it traces, since Chrome has one tracing for all.
 */
export function mayLinger(virtual: VirtualBrowser, code: number): boolean {
  const { egress, policy, files, host, looks } = virtual;
  const isTracing = host.tracing.holder?.client.virtual === virtual;
  const isBound =
    egress !== undefined ||
    policy !== undefined ||
    files?.isUnused === false ||
    looks?.userAgent !== undefined;
  return code === LEFT && !isBound && !isTracing && !host.exclusive;
}
