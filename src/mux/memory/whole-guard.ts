import type { BrowserFigures, VirtualMemory } from './browser-memory.js';
import type { GuardSurroundings } from './guard.js';
import { causing, judge, largest, MB, mbOf, unjudged, type Judged } from './judge.js';
import type { MemoryLimits } from './settings.js';

/** Still above the hard limit so long after those who held most had to go, the browser itself is replaced, ms. */
const STILL_ABOVE = 5_000;
/** How long a successor may take before those who are left have to go nevertheless, ms. */
const SUCCESSOR = 10_000;
/** The system takes so long to count a process no more that had to end, ms. */
const ENDING = 1_000;

/** What is done to virtual browsers. */
export interface Means {
  readonly collect: (all: readonly VirtualMemory[], judged: Judged, now: number) => void;
  readonly evict: (one: VirtualMemory, why: string) => boolean;
}

/** One of the two limits of a browser. */
interface Measure {
  readonly setting: 'memory' | 'memory.rss';
  readonly judged: Judged;
  /** Those who cause it are not known yet, and not told. */
  isUntold: boolean;
}

/** Judges what all in one browser hold together, and what its processes do. */
export class WholeGuard {
  readonly #around: GuardSurroundings;
  readonly #means: Means;
  readonly #held: Measure = { setting: 'memory', judged: unjudged(), isUntold: false };
  readonly #resident: Measure = { setting: 'memory.rss', judged: unjudged(), isUntold: false };
  /** When somebody had to go last. */
  #evictedAt = -Infinity;
  /** Since when it is above a hard limit. */
  #aboveSince: number | undefined;
  /** Since when it is being replaced, and why. */
  #replacing: { readonly since: number; readonly why: string } | undefined;

  constructor(around: GuardSurroundings, means: Means) {
    this.#around = around;
    this.#means = means;
  }

  /** Has to be looked at although nobody is in it: it is above a hard limit, and goes unless that is soon over. */
  get isPending(): boolean {
    return this.#replacing !== undefined || this.#aboveSince !== undefined;
  }

  /** True where it is to be looked at again soon. */
  judge(figures: BrowserFigures, limits: MemoryLimits, rss: MemoryLimits, now: number): boolean {
    const { held, resident = 0 } = figures;
    const isUrgent = [
      this.#judge(this.#held, held, figures, limits, now),
      this.#judge(this.#resident, resident, figures, rss, now),
    ].includes(true);
    const above = [
      isAbove(held, limits) && over(held, limits, this.#held),
      isAbove(resident, rss) && over(resident, rss, this.#resident),
    ].find((why) => why !== false);
    const kind = this.#around.slot()?.state.kind;
    const isStaying = kind === 'ready' || kind === 'cordoned';
    this.#aboveSince = above !== undefined && isStaying ? (this.#aboveSince ?? now) : undefined;
    if (above !== undefined && isStaying && now - this.#aboveSince! > STILL_ABOVE) this.#replace(above, now);
    this.#finishReplacing(figures.virtuals, now);
    return isUrgent;
  }

  /** Nobody is in it. */
  reset(): void {
    this.#held.judged.isWarned = this.#resident.judged.isWarned = false;
    this.#aboveSince = undefined;
    this.#recover();
  }

  #judge(
    measure: Measure,
    held: number,
    { virtuals, nobodys }: BrowserFigures,
    limits: MemoryLimits,
    now: number,
  ): boolean {
    const { judged, setting } = measure;
    const wasWarned = judged.isWarned;
    const verdict = judge(judged, held, limits, now);
    if (judged.isWarned && !wasWarned) this.#warn(measure, held, limits);
    if (measure.isUntold) this.#tellCauses(measure, held, virtuals, limits, now);
    // What belongs to nobody no eviction gives back; and who is ended must be of some use.
    const given = virtuals.reduce((sum, one) => sum + one.held, 0);
    const isHopeless = held - given > limits.hardLimitMb * MB;
    const heaviest = isHopeless ? [] : largest(virtuals, held - nobodys - limits.hardLimitMb * MB);
    if (verdict === 'recovered') this.#recover();
    else if (verdict === 'collect') this.#means.collect(heaviest, judged, now);
    else if (verdict === 'evict' && (setting === 'memory' || now - this.#evictedAt > ENDING)) {
      for (const one of heaviest) {
        const why = `${mbOf(one.held)} MB of ${over(held, limits, measure)}`;
        if (!this.#means.evict(one, why)) break;
        this.#evictedAt = now;
        // Whoever is left is measured anew.
        judged.collection = undefined;
      }
    }
    return verdict === 'collect';
  }

  #warn(measure: Measure, held: number, limits: MemoryLimits): void {
    const { deeds, served, slot } = this.#around;
    // What nobody has any more is the first to go.
    for (const { departures } of served.hosts) departures.flush();
    const place = slot();
    if (place) {
      const limit = `soft limit ${Math.round(limits.softLimitMb)} MB (${measure.setting}.softLimitMb)`;
      place.tooHeavy ??= `${mbOf(held)} MB, ${limit}`;
    }
    deeds.warn({ of: 'browser', held, limits, browser: served.id });
    measure.isUntold = true;
  }

  #tellCauses(
    measure: Measure,
    held: number,
    virtuals: readonly VirtualMemory[],
    limits: MemoryLimits,
    now: number,
  ): void {
    const { deeds, served } = this.#around;
    const causes = causing(virtuals);
    if (measure.judged.isWarned && causes.length === 0) return;
    measure.isUntold = false;
    if (!measure.judged.isWarned) return;
    deeds.tellCauses(causes, { of: 'browser', held, limits, browser: served.id });
    this.#means.collect(causes, measure.judged, now);
  }

  /** The whole browser goes: its successor comes first. */
  #replace(why: string, now: number): void {
    if (this.#replacing !== undefined) return;
    const slot = this.#around.slot();
    if (slot && this.#around.deeds.replace(slot, why)) this.#replacing = { since: now, why };
  }

  #finishReplacing(virtuals: readonly VirtualMemory[], now: number): void {
    if (this.#replacing === undefined) return;
    const { since, why } = this.#replacing;
    const slot = this.#around.slot();
    const isReplaced = slot === undefined || slot.state.kind === 'draining';
    if (!isReplaced && now - since < SUCCESSOR) return;
    for (const { virtual } of virtuals) virtual.end({ code: 4413, reason: `memory: ${why}` });
    this.#replacing = undefined;
  }

  #recover(): void {
    const slot = this.#around.slot();
    if (slot?.tooHeavy === undefined) return;
    if (this.#held.judged.isWarned || this.#resident.judged.isWarned) return;
    slot.tooHeavy = undefined;
    this.#around.deeds.recovered(slot);
  }
}

function isAbove(held: number, { hardLimitMb }: MemoryLimits): boolean {
  return hardLimitMb > 0 && held > hardLimitMb * MB;
}

function over(held: number, { hardLimitMb }: MemoryLimits, { setting }: Measure): string {
  return `${mbOf(held)} MB in this Chrome, limit ${Math.round(hardLimitMb)} MB (${setting}.hardLimitMb)`;
}
