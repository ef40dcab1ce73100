import { Counter, type Registry } from 'prom-client';

/** What should not have been: errors of cdpmux's own, and differences between what it believes and what Chrome has. */
export class UpkeepMetrics {
  readonly #faults: Counter;
  readonly #mended: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#faults = new Counter({
      name: 'cdpmux_faults_total',
      help: 'Messages that cdpmux could not handle for an error of its own; whom they concerned was closed.',
      registers,
    });
    this.#mended = new Counter({
      name: 'cdpmux_slot_audit_mended_total',
      help: 'Differences between what cdpmux believed and what a browser had, by what was mended.',
      labelNames: ['what'],
      registers,
    });
  }

  countFault(): void {
    this.#faults.inc();
  }

  countMended(what: string, count: number): void {
    this.#mended.inc({ what }, count);
  }
}
