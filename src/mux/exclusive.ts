import { goesPastProxies } from '../chrome/launch-flags.js';
import { CdpmuxError } from '../errors.js';
import type { EgressGate } from '../virtual/egress.js';
import type { Admission } from './types.js';

/**
 * What an exclusive Chrome is started with for an admission, beside what all are started with. All its traffic goes
 * through the gate, where there is one: its default context has no proxy of its own. Rejects with BAD_PARAMETER or
 * FORBIDDEN where the proxy that was asked for can't be had.
 */
export async function exclusiveFlags(
  {
    launch,
    proxyServer,
    proxyBypassList,
    appearance: { userAgent, windowSize } = {},
  }: Pick<Admission, 'launch' | 'proxyServer' | 'proxyBypassList' | 'appearance'>,
  gate: EgressGate | undefined,
): Promise<string[]> {
  const args = launch?.args ?? [];
  const past = gate && args.find(goesPastProxies);
  if (past !== undefined) {
    const message = `Parameter launch has the flag ${past}, with which a Chrome goes past the filter of policy.egress, that looks at all that goes out here; leave it out.`;
    throw new CdpmuxError('FORBIDDEN', message, { details: { parameter: 'launch', value: past } });
  }
  const proxy = gate
    ? await gate.proxyFor({ proxyServer, proxyBypassList })
    : { proxyServer, proxyBypassList };
  return [
    ...args,
    ...(userAgent === undefined ? [] : [`--user-agent=${userAgent}`]),
    ...(windowSize ? [`--window-size=${windowSize.width},${windowSize.height}`] : []),
    ...(proxy.proxyServer === undefined ? [] : [`--proxy-server=${proxy.proxyServer}`]),
    ...(proxy.proxyBypassList === undefined ? [] : [`--proxy-bypass-list=${proxy.proxyBypassList}`]),
  ];
}
