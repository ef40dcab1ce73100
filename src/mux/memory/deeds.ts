import type { Slot } from '../../pool/slot.js';
import type { EventFeed } from '../../telemetry/event-feed.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';
import type { ServedBrowser } from '../served-browser.js';
import type { VirtualMemory } from './browser-memory.js';
import { mbOf } from './judge.js';
import type { PerMinute } from './rate.js';
import type { MemoryLimits } from './settings.js';

/** What was found when somebody is warned. */
export interface Finding {
  readonly of: 'virtual_browser' | 'browser' | 'container';
  /** Bytes. */
  readonly held: number;
  readonly limits: MemoryLimits;
  /** Id of the browser, unless it is of all of them. */
  readonly browser?: string;
  /** Whose limit it is, where it is not the browser's. */
  readonly virtual?: VirtualBrowser;
}

/** What doing needs of the `Mux`. */
export interface DeedSurroundings {
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly evictions: PerMinute;
  /** Replaces a browser, its successor first; the reason is for the operator. */
  readonly replace: (slot: Slot<ServedBrowser>, reason: string) => void;
}

/** How often it is told that somebody would have to go but may not, ms. */
const TOLD_EVERY = 10_000;

/** Warns, evicts and replaces, and tells of it: events, metrics, and clients that use the Mux domain. */
export class Deeds {
  readonly #around: DeedSurroundings;
  #toldAt = -Infinity;

  constructor(around: DeedSurroundings) {
    this.#around = around;
  }

  /** A soft limit is passed. */
  warn({ of, held, limits, browser, virtual }: Finding): void {
    const { feed, metrics } = this.#around;
    metrics.memory.countWarning(of);
    const softLimitMb = Math.round(limits.softLimitMb);
    const hardLimitMb = Math.round(limits.hardLimitMb);
    const heldMb = mbOf(held);
    const who = HOLDERS[of];
    feed.emit(
      'warn',
      'memory.warning',
      `${who} ${heldMb} MB, more than the soft limit of ${softLimitMb} MB`,
      {
        ...(browser !== undefined && { browser }),
        heldMb,
        softLimitMb,
        hardLimitMb,
        ...(virtual && { virtualBrowser: virtual.id }),
      },
    );
  }

  /** Tells those who cause it. */
  tellCauses(causes: readonly VirtualMemory[], { of, held, limits }: Finding): void {
    const softLimitMb = Math.round(limits.softLimitMb);
    const hardLimitMb = Math.round(limits.hardLimitMb);
    for (const { virtual, held: own } of causes) {
      tell(virtual, 'Mux.memoryWarning', {
        of: of === 'virtual_browser' ? 'virtualBrowser' : of,
        heldMb: mbOf(held),
        ownMb: mbOf(own),
        softLimitMb,
        hardLimitMb,
      });
    }
  }

  /** Closes all targets of a virtual browser and ends it; false when too many had to go lately. */
  evict(virtual: VirtualBrowser, held: number, why: string, browser: string): boolean {
    if (!this.#mayEvict(browser, why)) return false;
    const { feed, metrics } = this.#around;
    metrics.memory.countEviction('virtual_browser');
    const reason = `memory: ${why}`;
    tell(virtual, 'Mux.evicted', { code: EVICTED, reason });
    const { upstream } = virtual.host;
    // A page in a loop is closed by nothing else: its timers and workers go on after `terminateExecution`.
    for (const { info } of virtual.targets()) {
      if (info.type !== 'page') continue;
      upstream.call('Target.closeTarget', { targetId: info.targetId }, virtual.rootId);
    }
    virtual.end({ code: EVICTED, reason });
    const fields = { browser, virtualBrowser: virtual.id, heldMb: mbOf(held) };
    feed.emit('warn', 'memory.evicted', `A virtual browser had to go: ${why}`, fields);
    return true;
  }

  /** Replaces a browser; false when too many had to go lately. */
  replace(slot: Slot<ServedBrowser>, why: string): boolean {
    if (!this.#mayEvict(slot.id, why)) return false;
    const { feed, metrics, replace } = this.#around;
    metrics.memory.countEviction('browser');
    feed.emit('warn', 'memory.replaced', `A browser is replaced: ${why}`, { browser: slot.id });
    replace(slot, `memory: ${why}`);
    return true;
  }

  /** A browser takes new clients again. */
  recovered({ id }: Slot<ServedBrowser>): void {
    const message = 'The pages of a browser hold less than four fifths of the soft limit again';
    this.#around.feed.emit('info', 'memory.recovered', message, { browser: id });
  }

  /** The container is well below its soft limit; what it holds, bytes. */
  containerRecovered(held: number): void {
    const message = 'This container holds less than four fifths of its soft limit again';
    this.#around.feed.emit('info', 'memory.recovered', message, { heldMb: mbOf(held) });
  }

  #mayEvict(browser: string, why: string): boolean {
    const now = performance.now();
    if (this.#around.evictions.tryTake(now)) return true;
    if (now - this.#toldAt > TOLD_EVERY) {
      this.#toldAt = now;
      const message = `Nobody more has to go within this minute (memory.evictionsPerMinute): ${why}`;
      this.#around.feed.emit('warn', 'memory.held-back', message, { browser });
    }
    return false;
  }
}

const HOLDERS = {
  virtual_browser: 'A virtual browser holds',
  browser: 'The pages of a browser hold',
  container: 'This container holds',
} as const;

/** The WebSocket close code of those who had to go. */
const EVICTED = 4413;

/** Tells clients that use the Mux domain, and the span of each. */
function tell(
  virtual: VirtualBrowser,
  method: string,
  params: Readonly<Record<string, string | number>>,
): void {
  for (const client of [...virtual.clients]) {
    client.trace.addEvent(method, params);
    client.tellOfMux(method, params);
  }
}
