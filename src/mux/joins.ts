import { CdpmuxError, type ErrorCode } from '../errors.js';
import type { OpenBrowser } from './directory.js';

/** How far an opening is. */
export interface Opening {
  /** It waits for a place, as long as whoever opens it cares to. */
  waits: boolean;
}

/** What one brings who joins. */
export interface Joiner {
  readonly signal: AbortSignal;
  /** How long it cares to wait in line, ms; from when, by `performance.now`. */
  readonly timeout: number;
  readonly since: number;
  /** When it had better come again, s; asked when it is refused. */
  readonly retryAfter: () => number;
}

/** What an opening fails of because of who opens it: another one's may succeed. */
const PERSONAL: ReadonlySet<ErrorCode> = new Set([
  'ABORTED',
  'QUEUE_TIMEOUT',
  'QUEUE_FULL',
  'BAD_PARAMETER',
  'FORBIDDEN',
  'NOT_FOUND',
]);

/** Waits with those who come by a name or an id for what another client opens under it. */
export class Joins {
  /** How far each opening is; added when it begins, taken off with its outcome. */
  readonly #openings = new WeakMap<Promise<OpenBrowser>, Opening>();

  /** Takes note of an opening that others may join. */
  add(opened: Promise<OpenBrowser>, opening: Opening): Promise<OpenBrowser> {
    this.#openings.set(opened, opening);
    const settled = (): void => void this.#openings.delete(opened);
    opened.then(settled, settled);
    return opened;
  }

  /** Whether nobody has been in it yet, since it is only being opened. */
  isOpening(opened: Promise<OpenBrowser>): boolean {
    return this.#openings.has(opened);
  }

  /**
   * What is open, or once it is; undefined when it did not come about for reasons of the one who opened it. Rejects with what
   * else it failed of, with ABORTED, and with QUEUE_TIMEOUT when it still waits for a place after the joiner's own time.
   */
  join(
    opened: Promise<OpenBrowser>,
    { signal, timeout, since, retryAfter }: Joiner,
  ): Promise<OpenBrowser | undefined> {
    const opening = this.#openings.get(opened);
    return new Promise((resolve, reject) => {
      const abort = (): void => leave(new CdpmuxError('ABORTED', 'The client went away while it waited.'));
      const late = (): void => {
        // A launch has a deadline of its own, which is nobody's time in line.
        if (opening?.waits !== true) return;
        const message = `What is being opened under this name or id had no place within ${timeout} ms; try later, or raise queueTimeout.`;
        const details = { retryAfter: String(retryAfter()) };
        leave(new CdpmuxError('QUEUE_TIMEOUT', message, { details }));
      };
      const timer = opening?.waits ? setTimeout(late, since + timeout - performance.now()) : undefined;
      signal.addEventListener('abort', abort);
      const stop = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const leave = (why: CdpmuxError): void => {
        stop();
        reject(why);
      };
      if (signal.aborted) return abort();
      opened.finally(stop).then(resolve, (error: Error) => {
        if (isPersonal(error)) resolve(undefined);
        else reject(error);
      });
    });
  }
}

function isPersonal(error: unknown): boolean {
  return error instanceof CdpmuxError && PERSONAL.has(error.code);
}
