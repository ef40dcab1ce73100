import type { EventFeed } from '../telemetry/event-feed.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { AuditReport } from '../virtual/audit.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { ServedBrowser } from './served-browser.js';

/** How often browsers are audited, ms. */
const INTERVAL = 60_000;

/** What auditing needs of the `Mux`. */
export interface AuditSurroundings {
  readonly browsers: () => readonly ServedBrowser[];
  /** Whether a virtual browser without clients is there on purpose. */
  readonly isKept: (virtual: VirtualBrowser) => boolean;
  readonly metrics: Metrics;
  readonly feed: EventFeed;
}

/** Compares now and then what is believed of each browser with what it has; what was mended is counted and told. */
export class Auditor {
  readonly #around: AuditSurroundings;
  #timer: NodeJS.Timeout | undefined;

  constructor(around: AuditSurroundings) {
    this.#around = around;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.audit(), INTERVAL).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Audits all browsers now, one after the other; one that does not answer is left to its health checks. */
  async audit(): Promise<AuditReport> {
    const { browsers, isKept } = this.#around;
    const counts: Record<string, number> = {};
    for (const served of browsers()) {
      const ownsBrowser = served.pid !== undefined;
      for (const host of served.hosts) {
        const report = await host.audit({ ownsBrowser, isKept }).catch(() => ({}));
        for (const [what, count] of Object.entries(report)) {
          this.#tell(served.id, what, count);
          counts[what] = (counts[what] ?? 0) + count;
        }
      }
    }
    return counts;
  }

  #tell(browser: string, what: string, count: number): void {
    this.#around.metrics.countMended(what, count);
    const message = `An audit mended what was believed of browser ${browser}: ${what.replaceAll('_', ' ')}, ${count}`;
    this.#around.feed.emit('warn', 'audit.mended', message, { browser, what, count });
  }
}
