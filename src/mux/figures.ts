import type { Metrics, MetricsSnapshot } from '../telemetry/metrics.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { Pools } from './pools.js';
import type { MuxStats, TenantStats } from './types.js';

/** What is there now in all pools. */
export function statsOf({ browsers, waiting }: Pools, { connections, answers }: Metrics): MuxStats {
  const hosts = browsers.flatMap((one) => one.hosts);
  const virtuals = browsers.flatMap((one) => one.virtuals);
  return Object.freeze({
    browsers: browsers.length,
    virtualBrowsers: virtuals.length,
    clients: total(virtuals, ({ clients }) => clients.size),
    contexts: total(hosts, ({ contextCount }) => contextCount),
    targets: total(hosts, ({ targetCount }) => targetCount),
    sessions: total(hosts, ({ sessionCount }) => sessionCount),
    pendingCommands: total(browsers, ({ pendingCount }) => pendingCount),
    waiting,
    connections: hosts.length,
    connectionReuse: connections.reuseRatio,
    sharedAnswers: answers.hitRatio,
  });
}

/** The same of one tenant's virtual browsers. */
export function tenantStatsOf(virtuals: readonly VirtualBrowser[], waiting: number): TenantStats {
  return Object.freeze({
    virtualBrowsers: virtuals.length,
    clients: total(virtuals, ({ clients }) => clients.size),
    contexts: total(virtuals, (one) => one.host.contextsOf(one).length),
    targets: total(virtuals, (one) => one.targets().length),
    waiting,
  });
}

/** What metrics are read from at a scrape. */
export function snapshotOf(pools: Pools, stats: MuxStats): MetricsSnapshot {
  const { clients, virtualBrowsers, pendingCommands } = stats;
  return {
    connectionsInUse: pools.connections().filter((one) => one.virtualBrowsers > 0).length,
    connectionsAvailable: pools.connectionsWithRoom,
    clients,
    virtualBrowsers,
    pendingCommands,
    pool: {
      pools: pools.all.map(({ name }) => name),
      browsers: pools.reports(),
      queue: pools.queueFigures(),
    },
  };
}

function total<T>(all: readonly T[], count: (one: T) => number): number {
  return all.reduce((sum, one) => sum + count(one), 0);
}
