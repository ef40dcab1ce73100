import { CdpCode, type CdpError } from '../../cdp/errors.js';

/** What a step came to: JSON text of its result, or the event that it waited for, or an error. */
export type Outcome =
  | { readonly kind: 'result'; readonly text: Buffer }
  | { readonly kind: 'event'; readonly text: Buffer }
  | { readonly kind: 'error'; readonly error: CdpError };

/** When a step was sent and what it took, ms, the first since the batch began; undefined where it was not sent. */
export interface Times {
  readonly start: number;
  readonly duration: number;
}

/** An error of cdpmux's own with a step. */
export function failed(message: string): Outcome {
  return { kind: 'error', error: { code: CdpCode.server, message } };
}

/** A step's entry in the answer. */
export function entryText(outcome: Outcome, times: Times | undefined): Buffer[] {
  const { kind } = outcome;
  const text = kind === 'error' ? Buffer.from(JSON.stringify(outcome.error)) : outcome.text;
  const when = times ? `,"start":${rounded(times.start)},"duration":${rounded(times.duration)}` : '';
  return [Buffer.from(`{"${kind}":`), text, Buffer.from(`${when}}`)];
}

/** ms to the microsecond. */
export function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
