import { CdpmuxError } from '../errors.js';

/** The pool takes nobody any more. */
export function closing(): CdpmuxError {
  return new CdpmuxError('CLOSING', 'cdpmux is stopping; connect to another one, or again once it is back.');
}

/** Nobody is there to be served. */
export function wentAway(): CdpmuxError {
  return new CdpmuxError('ABORTED', 'The client went away while it waited.');
}

/** The same, unless the signal or the end of `ms` comes first; what was promised goes on, for whoever comes next. */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: { readonly ms: number; readonly error: () => Error },
): Promise<T> {
  if (signal.aborted) return Promise.reject(wentAway());
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(wentAway());
    const timer = setTimeout(() => reject(late.error()), late.ms);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
  });
}
