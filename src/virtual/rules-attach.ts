import { CdpCode } from '../cdp/errors.js';
import { AutoAttach } from './auto-attach.js';
import type { ClientSession } from './client-session.js';
import { Discovery } from './discovery.js';
import { everywhere, scope, type CommandEntry, type Entry } from './catalogue-entry.js';
import { limited, refuseOver, reserving } from './limited.js';
import { forwardMasked, guarded, isIdLike, objectParams, type Rule, type Unchecked } from './rule.js';
import { notAvailable, notForStrangers, refuse } from './rules-refused.js';
import { letGo } from './let-go.js';
import type { RootKind, SharedRoot } from './shared-root.js';
import { admits, defaultFilter, type TargetFilter } from './target-filter.js';
import { paramsOf, type Incoming, type Rewrite } from './client-command.js';

const escapes = 'messages inside messages escape its checks; attach with "flatten":true instead.';
const flatOnly = notAvailable(escapes);

/** What becomes of sessions whose messages are inside other messages. */
type Nested = (session: ClientSession, incoming: Incoming, rewrite?: Rewrite) => void;
const passNested: Nested = (session, incoming, rewrite) => session.client.forward(session, incoming, rewrite);

const attachToTarget =
  (nested: Nested): Rule =>
  (session, incoming) => {
    const { client } = session;
    const params = objectParams(incoming);
    const { targetId } = params;
    if (targetId === client.virtual.id && session.isBrowser) {
      const options = { method: 'Target.attachToBrowserTarget', rewrite: reserving('sessions') };
      client.forwardChanged(session, incoming, {}, options);
    } else if (client.virtual.owns(targetId)) {
      if (params['flatten'] === true) client.forward(session, incoming, reserving('sessions'));
      else nested(session, incoming, reserving('sessions'));
    } else if (isIdLike(targetId)) {
      forwardMasked(session, incoming, params, 'targetId', targetId);
    } else client.forward(session, incoming);
  };

const attachToBrowserTarget: Rule = (session, incoming) => {
  session.client.forward(session, incoming, reserving('sessions'));
};

const detachFromTarget: Rule = (session, incoming) => {
  const { client } = session;
  const { host } = client.virtual;
  const params = objectParams(incoming);
  const { sessionId } = params;
  const child = typeof sessionId === 'string' ? host.session(sessionId) : undefined;
  if (child?.client === client && child.parent === session) {
    if (child.waiting) {
      letGo(host.upstream, child.id, child.holder, true);
      client.reply(session, incoming.scan.id, {});
    } else client.forwardChanged(session, incoming, { sessionId }, { to: child.holder });
  } else if (isIdLike(sessionId)) forwardMasked(session, incoming, params, 'sessionId', sessionId);
  else guarded('targetId')(session, incoming);
};

const setDiscoverTargets: Rule = (session, incoming) => {
  const { client } = session;
  const { virtual } = client;
  const params = objectParams(incoming);
  const filter = filterOf(params, defaultFilter);
  const { discover } = params;
  if (typeof discover !== 'boolean' || !filter || (!discover && isGiven(params))) {
    letChromeRefuse(session, incoming);
    return;
  }
  if (discover) {
    session.discovery ??= new Discovery(session, filter);
    client.discoverers.add(session);
    session.discovery.start(filter, virtual.browserTarget, virtual.targets());
  } else {
    session.discovery = undefined;
    client.discoverers.delete(session);
  }
  client.reply(session, incoming.scan.id, {});
};

const setAutoAttach =
  (nested: Nested): Rule =>
  (session, incoming) => {
    const { client, isBrowser } = session;
    const { id } = incoming.scan;
    const params = objectParams(incoming);
    const { autoAttach, waitForDebuggerOnStart, flatten } = params;
    const filter = filterOf(params, defaultFilter);
    const isValid =
      typeof autoAttach === 'boolean' &&
      typeof waitForDebuggerOnStart === 'boolean' &&
      (flatten === undefined || typeof flatten === 'boolean');
    if (!isValid || !filter || (!autoAttach && isGiven(params)) || (isBrowser && flatten !== true)) {
      letChromeRefuse(session, incoming);
    } else if (autoAttach && flatten !== true) {
      nested(session, incoming);
    } else if (!isBrowser) {
      // Below a target Chrome attaches only to what belongs to it.
      client.forward(session, incoming);
    } else if (autoAttach) {
      const { host, limits } = client.virtual;
      const isFull =
        !session.autoAttach &&
        host.autoAttachCount(client.virtual) + client.virtual.rootsInMaking >= limits.autoAttach;
      if (isFull) refuseOver(session, incoming, 'autoAttach', limits.autoAttach);
      else startAutoAttach(session, id, filter, waitForDebuggerOnStart);
    } else {
      stopAutoAttach(session);
      client.reply(session, id, {});
    }
  };

function startAutoAttach(session: ClientSession, id: number, filter: TargetFilter, wait: boolean): void {
  const { client } = session;
  const { host } = client.virtual;
  const kind: RootKind = admits(filter, 'tab') ? 'tab' : 'page';
  if (session.autoAttach && session.autoAttach.root.kind !== kind) stopAutoAttach(session);
  const start = (root: SharedRoot): void => {
    // It may have ended while a root was made for it.
    if (host.session(session.id) !== session) return;
    if (session.autoAttach) {
      session.autoAttach.filter = filter;
      session.autoAttach.wait = wait;
    } else {
      session.autoAttach = new AutoAttach(root, filter, wait);
      root.claim(client.virtual, session);
    }
    root.attachExisting(session, () => client.reply(session, id, {}));
  };
  const root = session.autoAttach?.root ?? host.findFreeRoot(kind, client.virtual);
  if (root) start(root);
  else {
    const fail = ({ message }: Error): void =>
      client.refuse(session, id, { code: CdpCode.internal, message });
    const { virtual } = client;
    virtual.rootsInMaking++;
    const made = host.freeRoot(kind, virtual).finally(() => virtual.rootsInMaking--);
    void client.hold(made.then(start).catch(fail));
  }
}

function stopAutoAttach(session: ClientSession): void {
  const { autoAttach, client } = session;
  if (!autoAttach) return;
  autoAttach.releaseAll();
  autoAttach.root.unclaim(client.virtual, session);
  session.autoAttach = undefined;
}

/** A filter that Chrome would take; undefined for one that it would not. */
function filterOf(params: Unchecked, otherwise: TargetFilter): TargetFilter | undefined {
  const { filter } = params;
  if (filter === undefined) return otherwise;
  if (!Array.isArray(filter)) return undefined;
  const isEntry = (entry: unknown): boolean => {
    if (typeof entry !== 'object' || entry === null) return false;
    const { type, exclude } = entry as Unchecked;
    return ['string', 'undefined'].includes(typeof type) && ['boolean', 'undefined'].includes(typeof exclude);
  };
  return filter.every(isEntry) ? (filter as TargetFilter) : undefined;
}

/** Whether there is a filter with something in it, which only goes with switching on. */
function isGiven({ filter }: Unchecked): boolean {
  return Array.isArray(filter) && filter.length > 0;
}

/** Chrome finds the words for what is wrong; it gets exactly what was judged here, so that it can't judge otherwise. */
function letChromeRefuse(session: ClientSession, incoming: Incoming): void {
  session.client.forwardChanged(session, incoming, paramsOf(incoming));
}

const runIfWaitingForDebugger: Rule = (session, incoming) => {
  session.waiting = false;
  const { host } = session.client.virtual;
  const record = host.target(session.targetId);
  if (!record?.isExcess) session.client.forward(session, incoming);
  else {
    session.client.forward(session, incoming, (reply) => {
      host.closeExcess(record);
      return reply;
    });
  }
};

const attach = (note: string, nested: Nested): Entry =>
  scope(note, limited('sessions', attachToTarget(nested)));

/** Sessions: who gets one, and what it is told of. */
export const attachCommands: Record<string, CommandEntry> = {
  attachToTarget: everywhere({
    ...attach('targetId; flat sessions only', flatOnly),
    exclusive: { local: attach('targetId', passNested) },
  }),
  attachToBrowserTarget: everywhere(
    scope("a further root of one's own", limited('sessions', attachToBrowserTarget)),
  ),
  detachFromTarget: everywhere(scope('sessionId, targetId', detachFromTarget)),
  setDiscoverTargets: everywhere(scope('tells of own targets only', setDiscoverTargets)),
  setAutoAttach: everywhere(
    scope('attaches to own targets only; flat sessions only', setAutoAttach(flatOnly), {
      local: scope('attaches to own targets', setAutoAttach(passNested)),
    }),
  ),
  autoAttachRelated: everywhere(scope('targetId', guarded('targetId'))),
  sendMessageToTarget: everywhere(refuse(escapes, notForStrangers(escapes))),
};

/** The other end of `waitForDebuggerOnStart`. */
export const runIfWaiting: CommandEntry = everywhere(
  scope('takes note that the target runs', runIfWaitingForDebugger),
);
