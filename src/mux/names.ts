import type { VirtualBrowser } from '../virtual/virtual-browser.js';

/** How long a named virtual browser lives after its last use, ms. */
const NAME_LIFETIME = 10 * 60 * 1000;

/** Ends a named virtual browser that nobody used for a while. */
export class NameKeeper {
  readonly #lifetime: number;
  /** Set while a name has no client, cleared with its next use and its end. */
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(lifetime = NAME_LIFETIME) {
    this.#lifetime = lifetime;
  }

  /** Counts as a use: the time runs anew, unless a client is there. */
  used(name: string, virtual: VirtualBrowser): void {
    this.forget(name);
    if (virtual.used) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      if (!virtual.used) virtual.end({ code: 1000, reason: 'not used for a while' });
    }, this.#lifetime);
    timer.unref();
    this.#timers.set(name, timer);
  }

  forget(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
