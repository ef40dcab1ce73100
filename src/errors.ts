/**
 * What can go wrong for a caller of cdpmux, as codes: match on `code`, never on the text.
 * `httpStatus` in `proxy/` maps them to what a refused upgrade answers.
 */
export type ErrorCode =
  | 'BAD_PARAMETER'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'ENDED'
  | 'OVER_QUOTA'
  | 'LIMIT'
  | 'QUEUE_FULL'
  | 'QUEUE_TIMEOUT'
  | 'CLOSING'
  | 'ABORTED'
  | 'NO_CHROME'
  | 'LAUNCH_FAILED'
  | 'BROWSER_LOST'
  | 'PROTOCOL'
  | 'TIMEOUT'
  | 'TOO_LARGE'
  | 'CONFLICT';

/** The one error class of cdpmux; `message` says what happened, why, and what to do. */
export class CdpmuxError extends Error {
  override readonly name = 'CdpmuxError';
  readonly code: ErrorCode;
  /** What a program may want to know beside the text, such as the name of a bad parameter. */
  readonly details: Readonly<Record<string, string>> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { details?: Record<string, string> },
  ) {
    super(message, options);
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether it is an error of cdpmux with that code. */
export function hasCode(error: unknown, code: ErrorCode): error is CdpmuxError {
  return error instanceof CdpmuxError && error.code === code;
}
