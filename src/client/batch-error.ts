/** One command's entry in the answer to `Mux.batch`. */
export interface Entry {
  readonly result?: unknown;
  readonly event?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
  /** When it was sent, ms since the batch began, and what it took; not there where it was not run. */
  readonly start?: number;
  readonly duration?: number;
}

/** What went wrong with a batch. */
export interface BatchFault {
  /** `NO_MUX`: the browser is not behind cdpmux; `FAILED`: one of the commands failed. */
  readonly code: 'NO_MUX' | 'FAILED';
  /** Which command failed. */
  readonly index?: number | undefined;
  /** What all commands came to. */
  readonly results?: readonly Entry[];
  readonly cause?: unknown;
}

/** A batch, or a command of it, failed. */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  readonly code: BatchFault['code'];
  /** The number of the command that failed; undefined where the batch was not run. */
  readonly index: number | undefined;
  /** What all commands came to; empty where the batch was not run. */
  readonly results: readonly Entry[];

  constructor(message: string, { code, index, results = [], cause }: BatchFault) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.index = index;
    this.results = results;
  }
}
