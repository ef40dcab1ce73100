import type { CdpError } from './errors.js';

/** A result reply in Chrome's member order; `sessionId` only for commands that carried one. */
export function encodeResult(id: number, result: unknown, sessionId?: string): Buffer {
  return Buffer.from(`{"id":${id},"result":${JSON.stringify(result)}${sessionMember(sessionId)}}`);
}

/** An error reply in Chrome's member order. */
export function encodeError(id: number, error: CdpError, sessionId?: string): Buffer {
  return Buffer.from(`{"id":${id},"error":${JSON.stringify(error)}${sessionMember(sessionId)}}`);
}

/** An event in Chrome's member order. */
export function encodeEvent(method: string, params: unknown, sessionId?: string): Buffer {
  return Buffer.from(
    `{"method":${JSON.stringify(method)},"params":${JSON.stringify(params)}${sessionMember(sessionId)}}`,
  );
}

function sessionMember(sessionId: string | undefined): string {
  return sessionId === undefined ? '' : `,"sessionId":${JSON.stringify(sessionId)}`;
}
