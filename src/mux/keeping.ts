import type { VirtualBrowser } from '../virtual/virtual-browser.js';

/** How long one virtual browser lives on without clients, and its end when that time is up. */
export class Keeping {
  /** ms; 0 ends it with its last client. */
  #time: number;
  /** Set while nobody is there; cleared by the next use and by its end. */
  #waiting: { readonly timer: NodeJS.Timeout; readonly until: number } | undefined;

  constructor(time: number) {
    this.#time = time;
  }

  /** Whether it outlives its clients. */
  get outlives(): boolean {
    return this.#time > 0;
  }

  /** When it ends unless somebody comes, ms since 1970; only meant while no client is there. */
  get until(): number | undefined {
    return this.#waiting?.until;
  }

  /** From the next time that its last client goes. */
  set(time: number): void {
    this.#time = time;
  }

  /** Its last client has gone. */
  idle(virtual: VirtualBrowser): void {
    if (this.#time === 0) virtual.end({ code: 1000, reason: 'its last client went' });
    else this.used(virtual);
  }

  /** Counts as a use without a client, as over HTTP: the time runs anew, unless a client is there. */
  used(virtual: VirtualBrowser): void {
    this.close();
    if (virtual.used || virtual.ended || !this.outlives) return;
    const timer = setTimeout(() => {
      this.#waiting = undefined;
      if (!virtual.used)
        virtual.end({ code: 1000, reason: 'nobody came back while it was kept (keepAlive)' });
    }, this.#time);
    timer.unref();
    this.#waiting = { timer, until: Date.now() + this.#time };
  }

  close(): void {
    clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
  }
}
