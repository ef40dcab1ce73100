import type { Slot } from '../../pool/slot.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';
import type { ServedBrowser } from '../served-browser.js';
import { BrowserMemory, type VirtualMemory } from './browser-memory.js';
import { collect } from './collection.js';
import type { Deeds } from './deeds.js';
import { judge, mbOf, MB, unjudged, type Judged } from './judge.js';
import { FIRST_LOOK, lookDelay, sampleDelay, URGENT_LOOK } from './pace.js';
import type { Rounds } from './rounds.js';
import { limitsOf, type MemoryLimits, type MemorySettings } from './settings.js';
import { Trend } from './trend.js';
import { WholeGuard } from './whole-guard.js';

/** What changes by less than this is noise, bytes. */
const NOISE = MB;

/** What guarding one browser needs. */
export interface GuardSurroundings {
  readonly served: ServedBrowser;
  /** Its place in its pool; undefined when it has gone. */
  readonly slot: () => Slot<ServedBrowser> | undefined;
  /** How many virtual browsers it may carry. */
  readonly capacity: () => number;
  readonly settings: () => MemorySettings;
  readonly deeds: Deeds;
  readonly rounds: Rounds;
}

/** Watches the memory of one browser while anybody is in it, and does what its limits ask for. */
export class BrowserGuard {
  readonly memory: BrowserMemory;
  readonly #around: GuardSurroundings;
  readonly #judged = new WeakMap<VirtualBrowser, Judged>();
  readonly #trends = new WeakMap<VirtualBrowser, Trend>();
  readonly #trend = new Trend();
  readonly #whole: WholeGuard;
  readonly #onTurn = (now: number): number | undefined => {
    const next = this.#look(now);
    if (next === undefined) this.memory.rest();
    return next;
  };
  #sampledAt = -Infinity;
  #atSample = { held: 0, changes: 0 };

  constructor(around: GuardSurroundings) {
    this.#around = around;
    this.memory = new BrowserMemory(around.served);
    this.#whole = new WholeGuard(around, {
      collect: (all, judged, now) => this.#collect(all, judged, now),
      evict: (one, why) => this.evict(one, why),
    });
  }

  /** Whether it is being looked at. */
  get isAwake(): boolean {
    return this.#around.rounds.has(this.#onTurn);
  }

  /** Somebody is in it. */
  wake(): void {
    const { rounds, settings } = this.#around;
    if (settings().enabled && !this.isAwake) rounds.add(this.#onTurn, FIRST_LOOK);
  }

  /** Looks no more. */
  stop(): void {
    this.#around.rounds.delete(this.#onTurn);
    this.memory.rest();
  }

  /** One look; how soon the next is due, ms, or undefined when there is nobody to look at. */
  #look(now: number): number | undefined {
    const { served, settings, capacity } = this.#around;
    const { enabled, interval, virtual, rss } = settings();
    if (!enabled || (served.virtuals.length === 0 && !this.#whole.isPending)) {
      this.#whole.reset();
      return undefined;
    }
    const figures = this.memory.look(now, rss.softLimitMb + rss.hardLimitMb > 0, virtual.hardLimitMb);
    const limits = limitsOf(settings(), capacity());
    let left = this.#trend.add(now, figures.held, limits);
    let isUrgent = false;
    for (const one of figures.virtuals) {
      left = Math.min(left, this.#trendOf(one.virtual).add(now, one.held, virtual));
      isUrgent = this.#judge(one, virtual, now) || isUrgent;
    }
    isUrgent = this.#whole.judge(figures, limits, rss, now) || isUrgent;
    this.#sampleIfDue(now, isUrgent ? 0 : left, interval, figures.held);
    if (isUrgent) return URGENT_LOOK;
    return this.memory.seesProcesses ? lookDelay(left) : sampleDelay(interval, left, false);
  }

  #trendOf(virtual: VirtualBrowser): Trend {
    const trend = this.#trends.get(virtual) ?? new Trend();
    this.#trends.set(virtual, trend);
    return trend;
  }

  /** True where it is to be looked at again soon. */
  #judge(one: VirtualMemory, limits: MemoryLimits, now: number): boolean {
    if (one.virtual.ended) return false;
    const judged = this.#judged.get(one.virtual) ?? unjudged();
    this.#judged.set(one.virtual, judged);
    const wasWarned = judged.isWarned;
    const verdict = judge(judged, one.held, limits, now);
    if (judged.isWarned && !wasWarned) {
      const { deeds, served } = this.#around;
      const { virtual, held } = one;
      const finding = { of: 'virtual_browser', held, limits, browser: served.id, virtual } as const;
      deeds.warn(finding);
      deeds.tellCauses([one], finding);
      this.#collect([one], judged, now);
    }
    if (verdict === 'collect') this.#collect([one], judged, now);
    if (verdict === 'evict') {
      const limit = `limit ${limits.hardLimitMb} MB (memory.virtual.hardLimitMb)`;
      this.evict(one, `${mbOf(one.held)} MB held, ${limit}`);
    }
    return verdict === 'collect';
  }

  #collect(all: readonly VirtualMemory[], judged: Judged, now: number): void {
    collect(judged, now, () => all.map(({ virtual }) => this.memory.collectGarbage(virtual)));
  }

  /** Ends one; false when it may not go now. */
  evict({ virtual, held }: VirtualMemory, why: string): boolean {
    if (virtual.ended) return true;
    if (!this.#around.deeds.evict(virtual, held, why, this.#around.served.id)) return false;
    this.memory.endProcesses(virtual);
    return true;
  }

  #sampleIfDue(now: number, left: number, interval: number, held: number): void {
    // Of a remote one nothing is known but by samples.
    const isKnown = held > 0 || this.memory.seesProcesses;
    const { changes } = this.memory;
    const isSame = Math.abs(held - this.#atSample.held) < NOISE && changes === this.#atSample.changes;
    if (now - this.#sampledAt < sampleDelay(interval, left, left === Infinity && isSame && isKnown)) return;
    this.#sampledAt = now;
    this.#atSample = { held, changes };
    void this.memory.sample();
  }
}
