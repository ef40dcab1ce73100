import type { Slot } from '../../pool/slot.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';
import type { ServedBrowser } from '../served-browser.js';
import { BrowserMemory, type BrowserFigures, type VirtualMemory } from './browser-memory.js';
import type { Deeds } from './deeds.js';
import { causing, judge, largest, mayCollect, MB, unjudged, type Judged, type Verdict } from './judge.js';
import { lookDelay, sampleDelay } from './pace.js';
import { limitsOf, type MemoryLimits, type MemorySettings } from './settings.js';
import { Trend } from './trend.js';

/** Still above the hard limit so long after those who held most had to go, the browser itself is replaced, ms. */
const STILL_ABOVE = 5_000;
/** How long a successor may take before those who are left have to go nevertheless, ms. */
const SUCCESSOR = 10_000;
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
}

/** Watches the memory of one browser while anybody is in it, and does what its limits ask for. */
export class BrowserGuard {
  readonly memory: BrowserMemory;
  readonly #around: GuardSurroundings;
  readonly #judged = new WeakMap<VirtualBrowser, Judged>();
  readonly #trends = new WeakMap<VirtualBrowser, Trend>();
  readonly #whole = unjudged();
  readonly #resident = unjudged();
  #trend = new Trend();
  #timer: NodeJS.Timeout | undefined;
  #sampledAt = -Infinity;
  #heldAtSample = 0;
  /** Since when all together are above the hard limit. */
  #aboveSince: number | undefined;
  /** It is being replaced: since when. */
  #replacing: number | undefined;

  constructor(around: GuardSurroundings) {
    this.#around = around;
    this.memory = new BrowserMemory(around.served);
  }

  /** Somebody is in it. */
  wake(): void {
    if (this.#timer === undefined && this.#around.settings().enabled) this.#lookIn(0);
  }

  /** Looks no more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.memory.rest();
  }

  #lookIn(delay: number): void {
    this.#timer = setTimeout(() => {
      const next = this.#look(performance.now());
      if (next === undefined) this.stop();
      else this.#lookIn(next);
    }, delay).unref();
  }

  /** One look; how soon the next is due, ms, or undefined when there is nobody to look at. */
  #look(now: number): number | undefined {
    const { served, settings } = this.#around;
    const { enabled, interval, virtual } = settings();
    if (!enabled || (served.virtuals.length === 0 && this.#replacing === undefined)) {
      this.#recover();
      return undefined;
    }
    const figures = this.memory.look(now);
    const limits = limitsOf(settings(), this.#around.capacity());
    let left = this.#trend.add(now, figures.held, limits);
    let isUrgent = false;
    for (const one of figures.virtuals) {
      const trend = this.#trends.get(one.virtual) ?? new Trend();
      this.#trends.set(one.virtual, trend);
      left = Math.min(left, trend.add(now, one.held, virtual));
      isUrgent = this.#judgeVirtual(one, virtual, now) || isUrgent;
    }
    isUrgent = this.#judgeWhole(figures, limits, now) || isUrgent;
    this.#sampleIfDue(now, interval, left, figures.held);
    return isUrgent ? 0 : this.memory.seesProcesses ? lookDelay(left) : sampleDelay(interval, left, false);
  }

  /** True where it is to be looked at again at once. */
  #judgeVirtual(one: VirtualMemory, limits: MemoryLimits, now: number): boolean {
    if (one.virtual.ended) return false;
    const judged = this.#judged.get(one.virtual) ?? unjudged();
    this.#judged.set(one.virtual, judged);
    const wasWarned = judged.isWarned;
    const verdict = judge(judged, one.held, limits, now);
    const { deeds } = this.#around;
    if (judged.isWarned && !wasWarned) {
      deeds.warn([one], { of: 'virtual_browser', held: one.held, limits, browser: this.#around.served.id });
      this.#collect(one, judged, now);
    }
    if (verdict === 'collect') this.#collect(one, judged, now);
    else if (verdict === 'evict') {
      this.#evict(
        one,
        `${mb(one.held)} MB held, limit ${limits.hardLimitMb} MB (memory.virtual.hardLimitMb)`,
      );
    }
    return false;
  }

  #judgeWhole(figures: BrowserFigures, limits: MemoryLimits, now: number): boolean {
    const { settings } = this.#around;
    this.#act(judge(this.#whole, figures.held, limits, now), this.#whole, figures, limits, now, 'memory');
    const { resident = 0 } = figures;
    const { rss } = settings();
    this.#act(judge(this.#resident, resident, rss, now), this.#resident, figures, rss, now, 'memory.rss');
    const hard = Math.max(0, limits.hardLimitMb * MB);
    const isAbove =
      (hard > 0 && figures.held > hard) || (rss.hardLimitMb > 0 && resident > rss.hardLimitMb * MB);
    this.#aboveSince = isAbove ? (this.#aboveSince ?? now) : undefined;
    if (this.#aboveSince !== undefined && now - this.#aboveSince > STILL_ABOVE)
      this.#replace(figures, limits, now);
    if (this.#replacing !== undefined) this.#finishReplacing(figures, now);
    return false;
  }

  #act(
    verdict: Verdict,
    judged: Judged,
    figures: BrowserFigures,
    limits: MemoryLimits,
    now: number,
    setting: 'memory' | 'memory.rss',
  ): void {
    const { deeds, served, slot } = this.#around;
    const held = setting === 'memory' ? figures.held : (figures.resident ?? 0);
    const place = slot();
    if (judged.isWarned && place && place.tooHeavy === undefined) {
      place.tooHeavy = `${mb(held)} MB, soft limit ${Math.round(limits.softLimitMb)} MB (${setting}.softLimitMb)`;
      const causes = causing(figures.virtuals, held);
      deeds.warn(causes, { of: 'browser', held, limits, browser: served.id });
      for (const one of causes) this.#collect(one, judged, now);
    }
    if (verdict === 'collect') {
      for (const one of largest(figures.virtuals, held - limits.hardLimitMb * MB))
        this.#collect(one, judged, now);
    } else if (verdict === 'evict') {
      const why = `${mb(held)} MB in this Chrome, limit ${Math.round(limits.hardLimitMb)} MB (${setting}.hardLimitMb)`;
      for (const one of largest(figures.virtuals, held - limits.hardLimitMb * MB)) {
        this.#evict(one, `${mb(one.held)} MB of ${why}`);
      }
      // Whoever is left is measured anew.
      judged.collection = undefined;
    } else if (verdict === 'recovered') this.#recover();
  }

  #collect(one: VirtualMemory, judged: Judged, now: number): void {
    if (!mayCollect(judged, now)) return;
    const collection: Judged['collection'] = { askedAt: now, doneAt: undefined };
    judged.collection = collection;
    void this.memory.collectGarbage(one.virtual).then((isDone) => {
      if (isDone && judged.collection === collection)
        judged.collection = { askedAt: now, doneAt: performance.now() };
    });
  }

  #evict({ virtual, held }: VirtualMemory, why: string): void {
    if (virtual.ended) return;
    const isDone = this.#around.deeds.evict(virtual, held, why, this.#around.served.id);
    if (isDone) this.memory.endProcesses(virtual);
  }

  /** The whole browser goes: its successor comes first. */
  #replace({ held }: BrowserFigures, { hardLimitMb }: MemoryLimits, now: number): void {
    if (this.#replacing !== undefined) return;
    const slot = this.#around.slot();
    const why = `${mb(held)} MB held, limit ${Math.round(hardLimitMb)} MB (memory.hardLimitMb)`;
    if (slot && this.#around.deeds.replace(slot, why)) this.#replacing = now;
  }

  #finishReplacing(figures: BrowserFigures, now: number): void {
    const slot = this.#around.slot();
    const isReplaced = slot === undefined || slot.state.kind === 'draining';
    if (!isReplaced && now - this.#replacing! < SUCCESSOR) return;
    const why = `${mb(figures.held)} MB in this Chrome, which is replaced (memory.hardLimitMb)`;
    for (const { virtual } of figures.virtuals) virtual.end({ code: 4413, reason: `memory: ${why}` });
    if (slot === undefined) this.#replacing = undefined;
  }

  #recover(): void {
    const slot = this.#around.slot();
    this.#whole.isWarned = false;
    if (slot?.tooHeavy === undefined || this.#resident.isWarned) return;
    slot.tooHeavy = undefined;
    this.#around.deeds.recovered(slot);
  }

  #sampleIfDue(now: number, interval: number, left: number, held: number): void {
    const isIdle = Math.abs(held - this.#heldAtSample) < NOISE;
    if (now - this.#sampledAt < sampleDelay(interval, left, isIdle && held > 0)) return;
    this.#sampledAt = now;
    this.#heldAtSample = held;
    void this.memory.sample();
  }
}

function mb(bytes: number): number {
  return Math.round(bytes / MB);
}
