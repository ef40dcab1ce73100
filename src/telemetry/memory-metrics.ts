import { Counter, Gauge, type Registry } from 'prom-client';

/** What a scrape reads of each browser's memory, MB. */
export interface MemorySnapshot {
  readonly pool: string;
  readonly memory?: { readonly heldMb: number; readonly residentMb?: number };
}

const MB = 1024 * 1024;

/** Memory of browsers, and what became of those who held too much. */
export class MemoryMetrics {
  readonly #warnings: Counter;
  readonly #evictions: Counter;
  readonly #held: Gauge;
  readonly #resident: Gauge;
  readonly #largest: Gauge;
  readonly #container: { readonly limit: Gauge; readonly used: Gauge };
  /** What all processes of the container may use and use, bytes; set by who watches memory. */
  containerUse: () => { readonly limit: number; readonly used: number } | undefined = () => undefined;

  constructor(registry: Registry) {
    const registers = [registry];
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, labelNames: ['pool'], registers });
    const counter = (name: string, help: string): Counter =>
      new Counter({ name, help, labelNames: ['scope'], registers });
    this.#warnings = counter(
      'cdpmux_memory_warnings_total',
      'Soft memory limits that were passed, by whose limit it was.',
    );
    this.#evictions = counter(
      'cdpmux_memory_evictions_total',
      'Virtual browsers, and browsers, that had to go because of a hard memory limit.',
    );
    this.#held = gauge('cdpmux_memory_held_bytes', 'Memory that pages hold beyond empty ones, by pool.');
    this.#resident = gauge(
      'cdpmux_memory_resident_bytes',
      'Memory of the processes of launched browsers, by pool.',
    );
    this.#largest = gauge(
      'cdpmux_memory_largest_bytes',
      'Memory that the pages of the heaviest browser hold, by pool.',
    );
    const single = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
    this.#container = {
      limit: single(
        'cdpmux_container_memory_limit_bytes',
        'What the container may use of memory, 0 where it has no limit.',
      ),
      used: single(
        'cdpmux_container_memory_used_bytes',
        'What the container uses of it, without files that can be let go of.',
      ),
    };
    for (const scope of ['virtual_browser', 'browser', 'container']) this.#warnings.inc({ scope }, 0);
    for (const scope of ['virtual_browser', 'browser']) this.#evictions.inc({ scope }, 0);
  }

  /** A soft limit was passed. */
  countWarning(scope: 'virtual_browser' | 'browser' | 'container'): void {
    this.#warnings.inc({ scope });
  }

  /** One had to go. */
  countEviction(scope: 'virtual_browser' | 'browser'): void {
    this.#evictions.inc({ scope });
  }

  /** Sets the gauges; called at each scrape. */
  write(browsers: readonly MemorySnapshot[]): void {
    const { limit, used } = this.#container;
    for (const gauge of [this.#held, this.#resident, this.#largest, limit, used]) gauge.reset();
    const use = this.containerUse();
    if (use) limit.set(use.limit);
    if (use) used.set(use.used);
    for (const { pool: name, memory } of browsers) {
      if (!memory) continue;
      const pool = name === '' ? 'default' : name;
      this.#held.inc({ pool }, memory.heldMb * MB);
      this.#resident.inc({ pool }, (memory.residentMb ?? 0) * MB);
    }
    for (const name of new Set(browsers.map(({ pool }) => pool))) {
      const sizes = browsers.flatMap(({ pool, memory }) => (pool === name && memory ? [memory.heldMb] : []));
      if (sizes.length > 0)
        this.#largest.set({ pool: name === '' ? 'default' : name }, Math.max(...sizes) * MB);
    }
  }
}
