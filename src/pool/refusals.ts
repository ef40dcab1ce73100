import { CdpmuxError } from '../errors.js';

/** The pool takes nobody any more. */
export function closing(): CdpmuxError {
  return new CdpmuxError('CLOSING', 'cdpmux is stopping; connect to another one, or again once it is back.');
}

/** Nobody is there to be served. */
export function wentAway(): CdpmuxError {
  return new CdpmuxError('ABORTED', 'The client went away while it waited.');
}

/** The same, unless the signal comes first; the launch itself goes on, for whoever comes next. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(wentAway());
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(wentAway());
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
