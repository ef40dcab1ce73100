/** CDP's error codes (JSON-RPC's, and Chrome's own for an unknown session). */
export const CdpCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  sessionNotFound: -32001,
} as const;

/** The `error` member of a reply. */
export interface CdpError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What Chrome says for a session id it does not know. */
export const sessionNotFound: CdpError = {
  code: CdpCode.sessionNotFound,
  message: 'Session with given id not found.',
};

/** What a command gets whose Chrome died before it answered. */
export const browserLost: CdpError = {
  code: CdpCode.server,
  message: 'The browser was lost (it crashed or was closed) before it answered; connect again for a new one.',
};

/** What a command gets whose page's renderer died before it answered. */
export const targetCrashed: CdpError = {
  code: CdpCode.server,
  message: 'Target crashed before it answered; reload or close the page.',
};
