import type { ReadyPage } from './ready-context.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** So long a spare page waits to be asked for, ms: whoever wants a page wants it soon, and it has a process. */
const PATIENCE = 10_000;

/** Pages of a virtual browser that are there and that nobody has asked for yet. */
export class SparePages {
  readonly #virtual: VirtualBrowser;
  /** The next to be given first; added when they are ready, taken off when they are given, closed or lost. */
  readonly #pages = new Map<ReadyPage, NodeJS.Timeout>();

  constructor(virtual: VirtualBrowser) {
    this.#virtual = virtual;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  add(page: ReadyPage): void {
    if (this.#virtual.ended) return;
    const timer = setTimeout(() => this.#close(page), PATIENCE).unref();
    this.#pages.set(page, timer);
  }

  /** The next one that is still there; undefined where there is none. */
  take(): ReadyPage | undefined {
    const { unseen } = this.#virtual.host;
    for (const [page, timer] of this.#pages) {
      clearTimeout(timer);
      this.#pages.delete(page);
      if (page.targets.every(({ first }) => unseen.isGood(first.targetId))) return page;
      this.#close(page);
    }
    return undefined;
  }

  /** The virtual browser has ended: they go with its context. */
  clear(): void {
    for (const timer of this.#pages.values()) clearTimeout(timer);
    this.#pages.clear();
  }

  #close(page: ReadyPage): void {
    this.#pages.delete(page);
    const { host, rootId } = this.#virtual;
    host.upstream.call('Target.closeTarget', { targetId: page.targetId }, rootId);
  }
}
