/**
 * Why a program gets no browser, for its user to read: what happened, why, what to do. Not a CdpmuxError, since the whole
 * library would have to be loaded for it before the first page is there; it is the launcher's only class of errors.
 */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  /** Whether nothing that can serve was there, so that another cdpmux may be tried. */
  readonly isNobodyThere: boolean;

  constructor(
    message: string,
    { isNobodyThere = false, cause }: ErrorOptions & { isNobodyThere?: boolean } = {},
  ) {
    super(message, { cause });
    this.isNobodyThere = isNobodyThere;
  }
}
