import { CdpmuxError } from '../errors.js';

/** What one is told who comes, or waits, while cdpmux is about to stop. */
export function draining(): CdpmuxError {
  const message =
    'cdpmux is draining and takes nobody new; connect to another one, or again once it is back.';
  return new CdpmuxError('CLOSING', message);
}
