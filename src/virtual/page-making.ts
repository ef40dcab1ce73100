import type { Protocol } from 'devtools-protocol';
import type { Params, Reply } from '../cdp/upstream.js';
import { CdpmuxError } from '../errors.js';
import type { ParsedReply } from './client-command.js';
import type { ClientSession } from './client-session.js';
import { limitText } from './limits.js';
import { reserving } from './limited.js';
import { owing } from './readable-end.js';
import type { Unchecked } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** A page that is being made. */
interface Making {
  /** What Chrome is asked with. */
  readonly params: Unchecked;
  /** Chrome has answered: with the page's id, or its tab's, or that there will be none. */
  readonly done: (targetId: string | undefined) => void;
}

/** Opens a page in the default context and gives its target id (of its tab with `forTab`); rejects with LIMIT. */
export async function openPage(virtual: VirtualBrowser, url: string, forTab: boolean): Promise<string> {
  const { limits, quota, host, rootId, defaultContextId } = virtual;
  if (quota.isFull('targets')) throw new CdpmuxError('LIMIT', limitText('targets', limits.targets));
  virtual.front.settle();
  const plain = { url, browserContextId: defaultContextId, ...(forTab && { forTab }) };
  const { params, done } = begin(virtual, plain) ?? { params: plain };
  let targetId: string | undefined;
  try {
    const made = params as unknown as Params<'Target.createTarget'>;
    ({ targetId } = await host.upstream.request('Target.createTarget', made, rootId));
    return targetId;
  } finally {
    done?.(targetId);
  }
}

/** Makes a page for a client in a context of its own, as it asked for it. */
export function makePage(session: ClientSession, id: number, asked: Unchecked): void {
  const { client } = session;
  const { virtual } = client;
  const { host, quota, rootId } = virtual;
  const inContext = { ...asked, browserContextId: asked['browserContextId'] ?? virtual.defaultContextId };
  const { params, done } = begin(virtual, inContext) ?? { params: inContext };
  if (!virtual.looks) {
    const settle = ({ error, result }: ParsedReply): ParsedReply => {
      done?.((result as Protocol.Target.CreateTargetResponse | undefined)?.targetId);
      return error ? { error } : { result };
    };
    const scan = { id, method: 'Target.createTarget' };
    client.forwardChanged(session, { scan }, params, { rewrite: reserving('targets', settle) });
    return;
  }
  quota.reserve('targets', client);
  // by a command of cdpmux's own: what belongs to it is done though the client leaves meanwhile
  const onAnswer: Reply<'Target.createTarget'> = (error, result) => {
    quota.settle('targets', client);
    done?.(result?.targetId);
    if (host.session(session.id) !== session) return;
    if (result) client.reply(session, id, result);
    else if (error) client.refuse(session, id, error);
  };
  const made = params as unknown as Params<'Target.createTarget'>;
  host.upstream.call('Target.createTarget', made, rootId, owing(session, id, onAnswer), client);
}

/** Whether Chrome is to be asked for pages in other words than a client's. */
export function hasMore({ host, looks }: VirtualBrowser): boolean {
  return !host.exclusive && (!host.isShell || looks !== undefined);
}

function begin(virtual: VirtualBrowser, asked: Unchecked): Making | undefined {
  if (!hasMore(virtual)) return undefined;
  const window = virtual.host.windows.begin(virtual, asked);
  const looks = virtual.looks?.begin(asked);
  return {
    params: { ...asked, ...window.more, ...looks?.more },
    done: (targetId) => {
      window.done(targetId);
      looks?.done(targetId);
    },
  };
}
