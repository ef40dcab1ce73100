import type { ClientSession } from './client-session.js';
import { showAsNew } from './move-in.js';
import { makePage } from './page-making.js';
import { owing } from './readable-end.js';
import type { ReadyPage } from './ready-context.js';
import { objectParams, type Rule, type Unchecked } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** Gives a page that is there already to who asks for a blank one, with the answer and the events of a new one. */
export function adopting(makeNew: Rule): Rule {
  return (session, incoming) => {
    const { virtual } = session.client;
    if (virtual.spares.isEmpty) {
      makeNew(session, incoming);
      return;
    }
    const params = objectParams(incoming);
    const page = isPlain(params, virtual) ? virtual.spares.take() : undefined;
    if (page) adopt(session, incoming.scan.id, params, page);
    else makeNew(session, incoming);
  };
}

/** Whether a spare page is exactly what is asked for. */
function isPlain(params: Unchecked, { defaultContextId }: VirtualBrowser): boolean {
  const { url, browserContextId = defaultContextId, ...others } = params;
  const isBlank = url === 'about:blank' || url === '';
  // Where it is, how large, in which window, behind which others: what is not as always takes a page of its own.
  return (
    isBlank &&
    browserContextId === defaultContextId &&
    Object.values(others).every((value) => value === false)
  );
}

function adopt(session: ClientSession, id: number, params: Unchecked, page: ReadyPage): void {
  const { client } = session;
  const { virtual } = client;
  const { host, quota, rootId } = virtual;
  const { targetId } = page;
  quota.reserve('targets', client);
  // A new page comes to the front, behind whatever is asked for after it; in the headless shell all pages are there.
  if (!host.isShell) virtual.front.bring(targetId);
  const show = (): void =>
    showAsNew(virtual, page, () => {
      quota.settle('targets', client);
      client.reply(session, id, { targetId });
    });
  if (client.isIdle || client.waitsForTargetsOnly) {
    show();
    return;
  }
  // The answer keeps its place among those to what the client asked before, and tells whether the page is still there.
  const onInfo = (gone: unknown): void => {
    if (virtual.ended) return;
    if (gone === undefined) {
      show();
      return;
    }
    quota.settle('targets', client);
    if (host.session(session.id) !== session) return;
    makePage(session, id, params);
  };
  host.upstream.call('Target.getTargetInfo', { targetId }, rootId, owing(session, id, onInfo), client);
}
