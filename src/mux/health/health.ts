import type { EventFeed } from '../../telemetry/event-feed.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { HogWatch } from '../hogs.js';
import type { MemoryWatch } from '../memory/memory-watch.js';
import type { OpenList } from '../open-list.js';
import type { MuxOptions } from '../options.js';
import type { Pools } from '../pools.js';
import { HealthMonitor } from './monitor.js';
import { PageWatch } from './page-watch.js';

/** What the health of browsers and pages is judged by. */
export interface HealthSurroundings {
  readonly pools: Pools;
  readonly open: OpenList;
  readonly memory: Pick<MemoryWatch, 'ownersOf'>;
  readonly options: () => Pick<MuxOptions, 'health' | 'limits'>;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
}

/** All that looks after browsers and pages by itself. */
export class Health {
  readonly #monitor: HealthMonitor;
  readonly #pages: PageWatch;
  readonly #hogs: HogWatch;

  constructor({ pools, open, memory, options, feed, metrics }: HealthSurroundings) {
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
    this.#hogs = new HogWatch({
      browsers: () => pools.browsers,
      slows: () => options().health.slowHogs,
      ownersOf: (served) => memory.ownersOf(served),
      feed,
      count: (tenant, seconds) => metrics.health.processor.inc({ tenant: tenant ?? '' }, seconds),
    });
    open.processorOf = (served, id) => this.#hogs.usedBy(served, id);
  }

  start(): void {
    this.#monitor.start();
    this.#pages.rearm();
    this.#hogs.start();
  }

  stop(): void {
    this.#monitor.stop();
    this.#pages.stop();
    this.#hogs.stop();
  }

  /** The settings are others. */
  rearm(): void {
    this.#monitor.rearm();
    this.#pages.rearm();
  }
}
