import type { ClientSession } from './client-session.js';

/** How long one that wants to trace waits for another to finish, ms. */
const LONGEST_WAIT = 5_000;

interface Waiter {
  readonly session: ClientSession;
  readonly timer: NodeJS.Timeout;
  readonly go: () => void;
}

/** Chrome has one tracing for all: who traces, and who waits to, in order. */
export class TraceLock {
  #holder: ClientSession | undefined;
  #waiting: Waiter[] = [];

  get holder(): ClientSession | undefined {
    return this.#holder;
  }

  isHeldBy(session: ClientSession): boolean {
    return this.#holder === session;
  }

  isWaiting(session: ClientSession): boolean {
    return this.#waiting.some((one) => one.session === session);
  }

  /** Calls `go` once the session has the lock, or `late` when that took too long; neither if the session ends before. */
  acquire(session: ClientSession, go: () => void, late: () => void): void {
    if (this.#holder === undefined) {
      this.#holder = session;
      go();
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((one) => one.timer !== timer);
      late();
    }, LONGEST_WAIT);
    this.#waiting.push({ session, timer, go });
  }

  /** Gives the lock on, or takes the session out of those that wait; called whenever a session ends, too. */
  release(session: ClientSession): void {
    this.#waiting = this.#waiting.filter((one) => {
      if (one.session === session) clearTimeout(one.timer);
      return one.session !== session;
    });
    if (this.#holder !== session) return;
    const next = this.#waiting.shift();
    this.#holder = next?.session;
    if (!next) return;
    clearTimeout(next.timer);
    next.go();
  }
}
