import { Counter, Gauge, type Registry } from 'prom-client';
import type { StockCounts } from './stock-counts.js';

/** What is kept ready, and what it was good for. */
export class StockMetrics {
  readonly #size: Gauge;
  readonly #taken: Counter<'found'>;
  readonly #pages: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#size = new Gauge({
      name: 'cdpmux_stock_size',
      help: 'Virtual browsers that are kept ready.',
      registers,
    });
    this.#taken = new Counter({
      name: 'cdpmux_stock_asked_total',
      help: 'Virtual browsers opened since start that could have come from stock, by whether there was one (hit, miss).',
      labelNames: ['found'],
      registers,
    });
    this.#pages = new Counter({
      name: 'cdpmux_stock_pages_total',
      help: 'New blank pages since start that had been kept ready.',
      registers,
    });
  }

  /** Sets all; called at each scrape. */
  write(browsers: readonly { readonly stock: number }[], { hits, misses, pages }: StockCounts): void {
    this.#size.set(browsers.reduce((sum, { stock }) => sum + stock, 0));
    for (const counter of [this.#taken, this.#pages]) counter.reset();
    this.#taken.inc({ found: 'hit' }, hits);
    this.#taken.inc({ found: 'miss' }, misses);
    this.#pages.inc(pages);
  }
}
