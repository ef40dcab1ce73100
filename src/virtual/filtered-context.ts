import { CdpCode } from '../cdp/errors.js';
import type { ClientSession } from './client-session.js';
import type { ContextProxy, EgressGate } from './egress.js';
import { createContext } from './new-context.js';
import type { Unchecked } from './rule.js';

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
  id: number,
  params: Unchecked,
  where: Where,
): void {
  const { client } = session;
  const { proxyServer, proxyBypassList } = params;
  if (!isTextOrNone(proxyServer) || !isTextOrNone(proxyBypassList)) {
    const message = 'Invalid parameters: proxyServer and proxyBypassList take strings';
    client.refuse(session, id, { code: CdpCode.invalidParams, message });
    return;
  }
  const create = (proxy: ContextProxy): void => {
    // The client, or its virtual browser, may have gone meanwhile.
    if (client.virtual.host.session(session.id) !== session) proxy.release();
    else {
      const { proxyServer, proxyBypassList } = proxy;
      const ties = { holder: where.holder, onGone: proxy.release };
      createContext(session, id, { ...params, proxyServer, proxyBypassList }, ties);
    }
  };
  const fail = ({ message }: Error): void =>
    client.refuse(session, id, { code: CdpCode.invalidParams, message });
  void client.hold(where.egress.proxyFor({ proxyServer, proxyBypassList }).then(create).catch(fail));
}

function isTextOrNone(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}
