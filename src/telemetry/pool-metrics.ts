import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MemorySnapshot } from './memory-metrics.js';

/** The pools and the queue at the moment of a scrape. */
export interface PoolSnapshot {
  /** Names of all pools, of those without a browser too. */
  readonly pools: readonly string[];
  readonly browsers: readonly (MemorySnapshot & {
    readonly state: string;
    readonly health: string;
    readonly stock: number;
  })[];
  readonly queue: { readonly length: number; readonly maxwaitMs: number };
}

/** Those that each pool shows with 0 where it has none: an alert on `ready` must see the last one go. */
const STATES = ['launching', 'ready', 'cordoned', 'draining', 'broken'];
/** From a place that was free to the longest wait that makes sense, in seconds. */
const WAIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What an operator scales and alerts on: browsers by state, the waiting queue, what became of launches. */
export class PoolMetrics {
  readonly launches: Counter;
  readonly launchFailures: Counter;
  readonly lost: Counter;
  readonly recycled: Counter;
  readonly queueTimeouts: Counter;
  readonly wait: Histogram;
  readonly #browsers: Gauge<'pool' | 'state'>;
  readonly #queueLength: Gauge;
  readonly #maxwait: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.launches = counter('cdpmux_browser_launches_total', 'Browsers started or connected to since start.');
    this.launchFailures = counter(
      'cdpmux_browser_launch_failures_total',
      'Browsers that did not come up since start.',
    );
    this.lost = counter(
      'cdpmux_browsers_lost_total',
      'Browsers that crashed or whose connection broke since start.',
    );
    this.recycled = counter(
      'cdpmux_browsers_recycled_total',
      'Browsers replaced for their uses, their age or on order since start.',
    );
    this.queueTimeouts = counter(
      'cdpmux_queue_timeouts_total',
      'Clients turned away since start because no place came free in time.',
    );
    this.wait = new Histogram({
      name: 'cdpmux_queue_wait_seconds',
      help: 'Time from a client asking for a place to having it, those served at once included, in seconds.',
      buckets: WAIT_BUCKETS,
      registers,
    });
    this.#browsers = new Gauge({
      name: 'cdpmux_browsers',
      help: 'Browsers by pool and state.',
      labelNames: ['pool', 'state'],
      registers,
    });
    this.#queueLength = new Gauge({
      name: 'cdpmux_queue_length',
      help: 'Clients that wait for a place.',
      registers,
    });
    this.#maxwait = new Gauge({
      name: 'cdpmux_queue_maxwait_seconds',
      help: 'Age of the client that has waited longest, in seconds; 0 with nobody.',
      registers,
    });
  }

  /** Sets the gauges; called at each scrape. */
  write({ pools, browsers, queue }: PoolSnapshot): void {
    this.#browsers.reset();
    for (const pool of pools.map(label)) for (const state of STATES) this.#browsers.set({ pool, state }, 0);
    for (const { pool, state } of browsers) this.#browsers.inc({ pool: label(pool), state });
    this.#queueLength.set(queue.length);
    this.#maxwait.set(queue.maxwaitMs / 1_000);
  }
}

/** For Prometheus an empty label is none. */
function label(pool: string): string {
  return pool === '' ? 'default' : pool;
}
