import { randomUUID } from 'node:crypto';
import type { ClientSession } from './client-session.js';
import { paramsOf, type Incoming, type ParsedReply, type Rewrite } from './client-command.js';

/** What is done with a client's command; `incoming` is only good until it returns. */
export type Rule = (session: ClientSession, incoming: Incoming) => void;

/** Parameters that nobody has checked. */
export type Unchecked = Readonly<Record<string, unknown>>;

/** The parameters as an object; anything else is Chrome's to refuse, and holds no id. */
export function objectParams(incoming: Incoming): Unchecked {
  const params = paramsOf(incoming);
  return typeof params === 'object' && params !== null && !Array.isArray(params) ? (params as Unchecked) : {};
}

/** Runs `change` on the result of a command that succeeded. */
export function onResult<T>(change: (result: T) => unknown): Rewrite {
  return (reply: ParsedReply) => (reply.error ? reply : { result: change(reply.result as T) });
}

/** Which parameter names something that must be the client's own. */
export type OwnedParam = 'targetId' | 'browserContextId';

/**
 * Passes a command on whose parameter names the client's own target or context. An id of another's gives way to one
 * that never existed, so that Chrome itself finds the error that it would find in a Chrome of the client's own.
 */
export function guarded(param: OwnedParam, rewrite?: Rewrite): Rule {
  return (session, incoming) => {
    const params = objectParams(incoming);
    const { virtual } = session.client;
    const value = params[param];
    const owned = param === 'targetId' ? virtual.owns(value) : virtual.ownsContext(value);
    if (owned || !isIdLike(value)) session.client.forward(session, incoming, rewrite);
    else forwardMasked(session, incoming, params, param, value);
  };
}

/** Like `guarded`, and without a context the command falls on the virtual browser's own default one. */
export function inContext(where: 'every session' | 'browser sessions', rewrite?: Rewrite): Rule {
  const check = guarded('browserContextId', rewrite);
  return (session, incoming) => {
    const params = objectParams(incoming);
    const falls = where === 'every session' || session.isBrowser;
    if (params['browserContextId'] !== undefined || !falls) check(session, incoming);
    else {
      const browserContextId = session.client.virtual.defaultContextId;
      session.client.forwardChanged(
        session,
        incoming,
        { ...params, browserContextId },
        rewrite && { rewrite },
      );
    }
  };
}

/** Passes a command on with an id that never existed, and puts the client's id back into Chrome's error. */
export function forwardMasked(
  session: ClientSession,
  incoming: Incoming,
  params: Unchecked,
  param: string,
  value: string,
): void {
  const never = neverId(value);
  const rewrite = ({ error, result }: ParsedReply): ParsedReply =>
    error ? { error: { ...error, message: error.message.replaceAll(never, value) } } : { result };
  session.client.forwardChanged(session, incoming, { ...params, [param]: never }, { rewrite });
}

/** Whether a value could be an id of Chrome's: 32 hexadecimal digits or a UUID. All else Chrome refuses by itself. */
export function isIdLike(value: unknown): value is string {
  return (
    typeof value === 'string' && /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(value)
  );
}

function neverId(like: string): string {
  const uuid = randomUUID();
  return like.length === uuid.length ? uuid : uuid.replaceAll('-', '').toUpperCase();
}
