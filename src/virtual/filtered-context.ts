import type { Protocol } from 'devtools-protocol';
import { CdpCode } from '../cdp/errors.js';
import type { ClientSession } from './client-session.js';
import type { ContextProxy, EgressGate } from './egress.js';
import { reserving } from './limited.js';
import type { Unchecked } from './rule.js';
import type { NamedCommand, ParsedReply } from './virtual-client.js';

/** Through which gate a context's traffic goes, and with which browser-level session it vanishes. */
interface Where {
  readonly egress: EgressGate;
  readonly holder: string;
}

/**
 * Makes a context all of whose traffic goes through the gate, and from there to the proxy that was asked for. The
 * client's later frames wait until the proxy listens.
 */
export function createFilteredContext(
  session: ClientSession,
  scan: NamedCommand,
  params: Unchecked,
  where: Where,
): void {
  const { client } = session;
  const { proxyServer, proxyBypassList } = params;
  const { id, method } = scan;
  if (!isTextOrNone(proxyServer) || !isTextOrNone(proxyBypassList)) {
    const message = 'Invalid parameters: proxyServer and proxyBypassList take strings';
    client.refuse(session, id, { code: CdpCode.invalidParams, message });
    return;
  }
  const create = (proxy: ContextProxy): void => {
    // The client, or its virtual browser, may have gone meanwhile.
    if (client.virtual.host.session(session.id) !== session) proxy.release();
    else send(session, { id, method }, params, proxy, where);
  };
  const fail = ({ message }: Error): void =>
    client.refuse(session, id, { code: CdpCode.invalidParams, message });
  void client.hold(where.egress.proxyFor({ proxyServer, proxyBypassList }).then(create).catch(fail));
}

function send(
  session: ClientSession,
  scan: NamedCommand,
  params: Unchecked,
  proxy: ContextProxy,
  { holder }: Where,
): void {
  const { client } = session;
  const { host } = client.virtual;
  const add = (reply: ParsedReply): ParsedReply => {
    const result = reply.result as Protocol.Target.CreateBrowserContextResponse | undefined;
    if (result) host.addContext(result.browserContextId, client.virtual, holder, proxy.release);
    else proxy.release();
    return reply;
  };
  const { proxyServer, proxyBypassList } = proxy;
  const rewrite = reserving('contexts', add);
  client.forwardChanged(
    session,
    { scan },
    { ...params, disposeOnDetach: true, proxyServer, proxyBypassList },
    { to: holder, rewrite },
  );
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
