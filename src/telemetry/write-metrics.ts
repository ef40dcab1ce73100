import { Counter, Histogram, type Registry } from 'prom-client';
import { flushReasons, type Buckets, type WriteCounts } from './write-counts.js';

/** How writes to browsers were made, read from plain numbers at a scrape. */
export class WriteMetrics {
  readonly #counts: WriteCounts;
  readonly #writes: Counter<'reason'>;

  constructor(registry: Registry, counts: WriteCounts) {
    const registers = [registry];
    this.#counts = counts;
    this.#writes = new Counter({
      name: 'cdpmux_writes_total',
      help: 'Writes to browsers since start, by why they were made: turn, idle, size, window.',
      labelNames: ['reason'],
      registers,
    });
    new BucketHistogram(
      registry,
      'cdp_batch_size',
      'Commands that left in one write to a browser.',
      counts.sizes,
    );
    new BucketHistogram(
      registry,
      'cdpmux_batch_wait_seconds',
      'Time that the first command of a write waited for others, in seconds.',
      counts.waits,
    );
  }

  /** Sets the counters; called at each scrape. */
  write(): void {
    this.#writes.reset();
    for (const reason of flushReasons) this.#writes.inc({ reason }, this.#counts.of(reason));
  }
}

/** A histogram that is counted elsewhere. */
class BucketHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #buckets: Buckets;

  constructor(registry: Registry, name: string, help: string, buckets: Buckets) {
    super({ name, help, buckets: [...buckets.bounds], registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#buckets = buckets;
  }

  /** What the registry asks, and what `get` is made of. */
  getForPromString(): Promise<object> {
    const { bounds, counts, sum } = this.#buckets;
    const name = this.#name;
    let below = 0;
    const values: { metricName: string; value: number; labels: object }[] = [...bounds, '+Inf'].map(
      (le, at) => {
        below += counts[at]!;
        return { metricName: `${name}_bucket`, value: below, labels: { le } };
      },
    );
    values.push({ metricName: `${name}_sum`, value: sum, labels: {} });
    values.push({ metricName: `${name}_count`, value: below, labels: {} });
    return Promise.resolve({ name, help: this.#help, type: 'histogram', values, aggregator: 'sum' });
  }
}
