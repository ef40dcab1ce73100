import type { Params, Reply } from '../cdp/upstream.js';
import type { ClientSession } from './client-session.js';
import { owing } from './readable-end.js';
import type { Unchecked } from './rule.js';

/** What a new context hangs on. */
export interface ContextTies {
  /** The browser-level session with which it vanishes. */
  readonly holder: string;
  /** Called when it is gone, or was not made after all. */
  readonly onGone?: () => void;
}

/**
 * Makes a context for a client, by a command of cdpmux's own: its answer is heard though the client leaves meanwhile, who
 * would else leave a context behind that nobody knows of.
 */
export function createContext(
  session: ClientSession,
  id: number,
  params: Unchecked,
  { holder, onGone }: ContextTies,
): void {
  const { client } = session;
  const { virtual } = client;
  const { host, quota } = virtual;
  quota.reserve('contexts', client);
  // Chrome judges the parameters that the client gave.
  const given = { ...params, disposeOnDetach: true } as Params<'Target.createBrowserContext'>;
  const onAnswer: Reply<'Target.createBrowserContext'> = (error, result) => {
    quota.settle('contexts', client);
    if (result && host.session(session.id) === session) {
      host.addContext(result.browserContextId, virtual, holder, onGone);
      client.reply(session, id, result);
      return;
    }
    onGone?.();
    if (error) client.refuse(session, id, error);
    else if (result) {
      const { browserContextId } = result;
      host.upstream.call('Target.disposeBrowserContext', { browserContextId }, '');
    }
  };
  host.upstream.call('Target.createBrowserContext', given, holder, owing(session, id, onAnswer), client);
}
