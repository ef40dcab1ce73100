import type { CdpClient, Message } from './cdp-client.js';

/** One command's entry in the answer to `Mux.batch`. */
export interface Entry {
  readonly result?: Readonly<Record<string, unknown>>;
  readonly event?: Message;
  readonly error?: { readonly code: number; readonly message: string };
  readonly start?: number;
  readonly duration?: number;
}

/** The answer to `Mux.batch`. */
export interface Answer {
  readonly results: readonly Entry[];
  readonly duration: number;
  readonly failed?: number;
}

/** A reference to an earlier command's result. */
export const ref = (text: string): { $ref: string } => ({ $ref: text });

/** Commands that open a page with a session on it; the session is `1#/sessionId`. */
export const newPage = (url = 'about:blank'): object[] => [
  { method: 'Target.createTarget', params: { url } },
  { method: 'Target.attachToTarget', params: { targetId: ref('0#/targetId'), flatten: true } },
];

/** Sends a batch and gives its answer; throws where it is refused as a whole. */
export function batch(
  client: CdpClient,
  commands: readonly object[],
  options: object = {},
  sessionId?: string,
): Promise<Answer> {
  return client.send<Answer>('Mux.batch', { commands, ...options }, sessionId);
}

/** The entries without their times. */
export function outcomes({ results }: Answer): object[] {
  return results.map(({ result, event, error }) => ({
    ...(result && { result }),
    ...(event && { event }),
    ...(error && { error }),
  }));
}
