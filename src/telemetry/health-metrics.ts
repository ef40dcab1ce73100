import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Circuits that each pool shows with 0 where it has none: an alert must see the first one come. */
const CIRCUITS = ['closed', 'open', 'half-open'];
/** From a pipe to the longest timeout that makes sense, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What health checks find. */
export class HealthMetrics {
  readonly roundTrip: Histogram;
  readonly transitions: Counter<'to'>;
  readonly hungPages: Counter<'action'>;
  readonly crashedPages: Counter;
  readonly processor: Counter<'tenant'>;
  readonly slowedRenderers: Counter;
  readonly #browsers: Gauge<'pool' | 'health'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.roundTrip = new Histogram({
      name: 'cdpmux_health_round_trip_seconds',
      help: 'Round trips of a cheap command that checks a connection to a browser, in seconds.',
      buckets: BUCKETS,
      registers,
    });
    this.transitions = new Counter({
      name: 'cdpmux_health_transitions_total',
      help: 'Changes of circuit breakers of browsers and connections since start, by what they became.',
      labelNames: ['to'],
      registers,
    });
    this.hungPages = new Counter({
      name: 'cdpmux_pages_hung_total',
      help: 'Pages that did not answer for limits.pageHang since start, by what was done.',
      labelNames: ['action'],
      registers,
    });
    this.crashedPages = new Counter({
      name: 'cdpmux_pages_crashed_total',
      help: 'Pages whose renderer died since start.',
      registers,
    });
    this.processor = new Counter({
      name: 'cdpmux_renderer_processor_seconds_total',
      help: "Processor time of launched browsers' renderers since start, by the tenant whose they are.",
      labelNames: ['tenant'],
      registers,
    });
    this.slowedRenderers = new Counter({
      name: 'cdpmux_renderers_slowed_total',
      help: 'Renderers that were given the last priority since start, since they kept others waiting.',
      registers,
    });
    this.#browsers = new Gauge({
      name: 'cdpmux_browsers_health',
      help: 'Browsers by pool and the circuit breaker of their health checks: those not closed are given nobody.',
      labelNames: ['pool', 'health'],
      registers,
    });
  }

  /** Sets the gauges; called at each scrape. */
  write(
    pools: readonly string[],
    browsers: readonly { readonly pool: string; readonly health: string }[],
  ): void {
    this.#browsers.reset();
    for (const pool of pools.map(label)) {
      for (const health of CIRCUITS) this.#browsers.set({ pool, health }, 0);
    }
    for (const { pool, health } of browsers) this.#browsers.inc({ pool: label(pool), health });
  }
}

/** For Prometheus an empty label is none. */
function label(pool: string): string {
  return pool === '' ? 'default' : pool;
}
