import type { EventFeed } from '../../telemetry/event-feed.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { MuxOptions } from '../options.js';
import type { Pools } from '../pools.js';
import { HealthMonitor } from './monitor.js';
import { PageWatch } from './page-watch.js';

/** All that looks after browsers and pages by itself. */
export class Health {
  readonly #monitor: HealthMonitor;
  readonly #pages: PageWatch;

  constructor(
    pools: Pools,
    options: () => Pick<MuxOptions, 'health' | 'limits'>,
    feed: EventFeed,
    metrics: Metrics,
  ) {
    this.#monitor = new HealthMonitor({
      pools: () => pools.all,
      settings: () => options().health,
      feed,
      observe: (seconds) => metrics.health.roundTrip.observe(seconds),
    });
    this.#pages = new PageWatch({
      browsers: () => pools.browsers,
      settings: () => ({ ...options().health, ...options().limits }),
      feed,
    });
  }

  start(): void {
    this.#monitor.start();
    this.#pages.rearm();
  }

  stop(): void {
    this.#monitor.stop();
    this.#pages.stop();
  }

  /** The settings are others. */
  rearm(): void {
    this.#monitor.rearm();
    this.#pages.rearm();
  }
}
