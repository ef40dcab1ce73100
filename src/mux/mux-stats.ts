import type { ConnectionReport } from './reports.js';
import type { ServedBrowser } from './served-browser.js';
import type { MuxStats } from './types.js';

/** What there is now in these browsers. */
export function statsOf(
  served: readonly ServedBrowser[],
  { waiting, connectionReuse }: Pick<MuxStats, 'waiting' | 'connectionReuse'>,
): MuxStats {
  const hosts = served.flatMap((one) => one.hosts);
  const virtuals = served.flatMap((one) => one.virtuals);
  return Object.freeze({
    browsers: served.length,
    virtualBrowsers: virtuals.length,
    clients: sum(virtuals, ({ clients }) => clients.size),
    contexts: sum(hosts, (host) => host.contextCount),
    targets: sum(hosts, (host) => host.targetCount),
    sessions: sum(hosts, (host) => host.sessionCount),
    pendingCommands: sum(served, (one) => one.pendingCount),
    waiting,
    connections: hosts.length,
    connectionReuse,
  });
}

/** How many connections serve a client, and how many could take one more. */
export function connectionUse(
  served: readonly ServedBrowser[],
  virtualPerBrowser: number,
): { connectionsInUse: number; connectionsAvailable: number } {
  const withRoom = served.filter(({ virtuals }) => virtuals.length < virtualPerBrowser);
  return {
    connectionsInUse: count(served, ({ virtualBrowsers }) => virtualBrowsers > 0),
    connectionsAvailable: count(withRoom, ({ state }) => state === 'open'),
  };
}

function count(served: readonly ServedBrowser[], fits: (report: ConnectionReport) => boolean): number {
  return served.flatMap((one) => one.connections()).filter(fits).length;
}

function sum<T>(all: readonly T[], value: (one: T) => number): number {
  return all.reduce((total, one) => total + value(one), 0);
}
