import type { ContainerMemory, ContainerUse } from '../../chrome/container-memory.js';
import type { VirtualMemory } from './browser-memory.js';
import { collect } from './collection.js';
import type { Deeds } from './deeds.js';
import type { BrowserGuard } from './guard.js';
import { causing, judge, largest, MB, mbOf, unjudged } from './judge.js';
import { FIRST_LOOK, lookDelay, URGENT_LOOK } from './pace.js';
import type { Rounds } from './rounds.js';
import type { MemoryLimits, MemorySettings } from './settings.js';
import { Trend } from './trend.js';

/** The system takes so long to count a process no more that had to end, ms. */
const ENDING = 1_000;

/** What guarding a container needs. */
export interface ContainerSurroundings {
  readonly container: ContainerMemory;
  readonly settings: () => MemorySettings;
  /** Those of browsers that somebody is, or was, in. */
  readonly guards: () => readonly BrowserGuard[];
  readonly deeds: Deeds;
  readonly rounds: Rounds;
}

/** One virtual browser, with who can do something about it. */
interface Candidate {
  readonly held: number;
  readonly one: VirtualMemory;
  readonly guard: BrowserGuard;
}

/** Keeps the container that this process and its Chromes are in below its limit, at which the kernel would kill whom it likes. */
export class ContainerGuard {
  readonly #around: ContainerSurroundings;
  readonly #judged = unjudged();
  readonly #trend = new Trend();
  readonly #onTurn = (now: number): number | undefined => this.#look(now);
  #evictedAt = -Infinity;

  constructor(around: ContainerSurroundings) {
    this.#around = around;
  }

  /** Somebody is in one of the browsers. */
  wake(): void {
    const { container, rounds, settings } = this.#around;
    if (!settings().enabled || rounds.has(this.#onTurn) || !container.read()) return;
    rounds.add(this.#onTurn, FIRST_LOOK);
  }

  /** Looks no more. */
  stop(): void {
    this.#around.rounds.delete(this.#onTurn);
  }

  /** One look; how soon the next is due, ms, or undefined when there is nobody who could go. */
  #look(now: number): number | undefined {
    const { container, settings, guards } = this.#around;
    if (!settings().enabled || guards().every(({ isAwake }) => !isAwake)) {
      this.#judged.isWarned = false;
      return undefined;
    }
    const use = container.read();
    if (!use) return lookDelay(Infinity);
    const limits = containerLimits(use, settings());
    const left = this.#trend.add(now, use.used, limits);
    return this.#judge(use, limits, now) ? URGENT_LOOK : lookDelay(left);
  }

  /** True where it is to be looked at again soon. */
  #judge({ limit, used }: ContainerUse, limits: MemoryLimits, now: number): boolean {
    const { deeds } = this.#around;
    const wasWarned = this.#judged.isWarned;
    const verdict = judge(this.#judged, used, limits, now);
    const all = this.#candidates();
    if (this.#judged.isWarned && !wasWarned) {
      const causes = causing(all);
      const finding = { of: 'container', held: used, limits } as const;
      deeds.warn(finding);
      deeds.tellCauses(
        causes.map(({ one }) => one),
        finding,
      );
      this.#collect(causes, now);
    }
    if (verdict === 'recovered') deeds.containerRecovered(used);
    const hard = limits.hardLimitMb * MB;
    const heaviest = hard > 0 ? largest(all, used - hard) : [];
    // With half of what is left gone there is no time for a collection.
    const isLate = hard > 0 && used > (hard + limit) / 2;
    if (verdict === 'collect' && !isLate) this.#collect(heaviest, now);
    else if ((verdict === 'evict' || verdict === 'collect') && now - this.#evictedAt > ENDING) {
      this.#evict(heaviest, `${mbOf(used)} MB in this container, limit ${mbOf(hard)} MB`, now);
    }
    return verdict === 'collect' || verdict === 'evict';
  }

  #evict(heaviest: readonly Candidate[], of: string, now: number): void {
    for (const { one, guard, held } of heaviest) {
      if (!guard.evict(one, `${mbOf(held)} MB of ${of} (memory.container.hardShare)`)) break;
      this.#evictedAt = now;
      this.#judged.collection = undefined;
    }
  }

  #collect(all: readonly Candidate[], now: number): void {
    collect(this.#judged, now, () =>
      all.map(({ guard, one: { virtual } }) => guard.memory.collectGarbage(virtual)),
    );
  }

  /** Who is in a Chrome of this container. */
  #candidates(): Candidate[] {
    return this.#around
      .guards()
      .filter(({ memory }) => memory.seesProcesses)
      .flatMap((guard) =>
        guard.memory.figures.virtuals
          .filter(({ virtual }) => !virtual.ended)
          .map((one) => ({ held: one.held, one, guard })),
      );
  }
}

/** The limits of a container, MB. */
export function containerLimits(
  { limit }: ContainerUse,
  { container: { softShare, hardShare } }: Pick<MemorySettings, 'container'>,
): MemoryLimits {
  return { softLimitMb: (limit * softShare) / MB, hardLimitMb: (limit * hardShare) / MB };
}
