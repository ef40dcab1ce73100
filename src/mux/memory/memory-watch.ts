import type { ContainerMemory } from '../../chrome/container-memory.js';
import type { OwnedProcess } from '../../chrome/process-owners.js';
import type { EventFeed } from '../../telemetry/event-feed.js';
import type { Metrics } from '../../telemetry/metrics.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';
import type { OpenList } from '../open-list.js';
import type { Pools } from '../pools.js';
import type { ContainerReport, MemoryReport } from '../reports.js';
import type { ServedBrowser } from '../served-browser.js';
import { ContainerGuard, containerLimits } from './container-guard.js';
import { Deeds } from './deeds.js';
import { BrowserGuard } from './guard.js';
import { noHeap, sumOf, type VirtualHeap } from './heaps.js';
import { MB } from './judge.js';
import { PerMinute } from './rate.js';
import { Rounds } from './rounds.js';
import { limitsOf, type MemorySettings } from './settings.js';

/** What watching needs of the `Mux`. */
export interface MemorySurroundings {
  readonly pools: Pools;
  readonly open: OpenList;
  readonly feed: EventFeed;
  readonly metrics: Metrics;
  readonly container: ContainerMemory;
}

/** Watches the memory of all browsers that somebody is in. */
export class MemoryWatch {
  readonly #pools: Pools;
  readonly #settings: () => MemorySettings;
  readonly #deeds: Deeds;
  readonly #rounds = new Rounds();
  readonly #feed: EventFeed;
  readonly #container: ContainerMemory;
  readonly #containerGuard: ContainerGuard;
  /** Made with the first virtual browser in it. */
  readonly #guards = new WeakMap<ServedBrowser, BrowserGuard>();

  /** Reports of browsers and virtual browsers tell of their memory from then on. */
  constructor({ feed, metrics, pools, open, container }: MemorySurroundings, settings: () => MemorySettings) {
    this.#pools = pools;
    this.#settings = settings;
    this.#deeds = new Deeds({
      feed,
      metrics,
      evictions: new PerMinute(() => settings().evictionsPerMinute),
      replace: ({ id }, reason) => pools.withBrowser(id).line.recycle(id, reason),
    });
    this.#feed = feed;
    this.#container = container;
    this.#containerGuard = new ContainerGuard({
      container,
      settings,
      guards: () => pools.browsers.flatMap((served) => this.#guards.get(served) ?? []),
      deeds: this.#deeds,
      rounds: this.#rounds,
    });
    metrics.memory.containerUse = () => container.read();
    pools.memoryOf = (served) => this.#ofBrowser(served);
    open.memoryOf = (served, virtual) => this.#ofVirtual(served, virtual);
    open.onAdd = (served) => this.#wake(served);
  }

  /** Tells where the limits of all browsers together are no help for the container. */
  start(): void {
    const use = this.#container.read();
    if (!use || !this.#settings().enabled) return;
    const sum = this.#pools.all.reduce((mb, pool) => {
      return mb + pool.mostLaunched * limitsOf(this.#settings(), pool.capacity).hardLimitMb;
    }, 0);
    const limitMb = Math.round(use.limit / MB);
    if (sum > 0 && sum <= limitMb) return;
    const { hardLimitMb } = containerLimits(use, this.#settings());
    const rest =
      hardLimitMb > 0
        ? `past ${Math.round(hardLimitMb)} MB of it the largest virtual browsers have to go (memory.container.hardShare)`
        : 'nothing keeps it from being killed (memory.container.hardShare)';
    const may = sum > 0 ? `${Math.round(sum)} MB` : 'whatever they like';
    const message = `All Chromes together may hold ${may} (browsers.max, memory.hardLimitMb), this container ${limitMb} MB: ${rest}`;
    const fields = { limitMb, sumMb: Math.round(sum) };
    this.#feed.emit(hardLimitMb > 0 ? 'info' : 'warn', 'memory.container', message, fields);
  }

  /** What the container may use and uses, MB; undefined where it has no limit. */
  containerReport(): ContainerReport | undefined {
    const use = this.#container.read();
    return use && { limitMb: toMb(use.limit), usedMb: toMb(use.used) };
  }

  /** A virtual browser has opened in it. */
  #wake(served: ServedBrowser): void {
    let guard = this.#guards.get(served);
    if (!guard) this.#guards.set(served, (guard = this.#guard(served)));
    guard.wake();
    this.#containerGuard.wake();
  }

  /** The settings are others: it may have to look where it did not before. */
  rearm(): void {
    for (const served of this.#pools.browsers) if (served.virtuals.length > 0) this.#wake(served);
  }

  /** Looks at nothing any more. */
  stop(): void {
    this.#containerGuard.stop();
    for (const served of this.#pools.browsers) this.#guards.get(served)?.stop();
  }

  /** Whose the renderers of a launched browser are; none where nobody has been in it, and while memory is not watched. */
  ownersOf(served: ServedBrowser): readonly OwnedProcess[] {
    return this.#guards.get(served)?.memory.processes ?? [];
  }

  /** Of a browser; undefined where nobody has been in it. */
  #ofBrowser(served: ServedBrowser): MemoryReport | undefined {
    const memory = this.#guards.get(served)?.memory;
    if (!memory || !this.#settings().enabled) return undefined;
    const { held, virtuals, resident } = memory.figures;
    return {
      ...reportOf(held, sumOf(virtuals.map(({ heap }) => heap)), memory.seesProcesses),
      ...(resident !== undefined && { residentMb: toMb(resident) }),
    };
  }

  /** Of a virtual browser. */
  #ofVirtual(served: ServedBrowser, virtual: VirtualBrowser): MemoryReport | undefined {
    const memory = this.#guards.get(served)?.memory;
    if (!memory || !this.#settings().enabled) return undefined;
    const found = memory.figures.virtuals.find((one) => one.virtual === virtual);
    return reportOf(found?.held ?? 0, found?.heap ?? noHeap, memory.seesProcesses);
  }

  #guard(served: ServedBrowser): BrowserGuard {
    const settings = this.#settings;
    const pool = this.#pools.all.find(({ slots }) => slots.some(({ resource }) => resource === served));
    const slot = () => pool?.slots.find(({ resource }) => resource === served);
    const capacity = (): number => (slot()?.exclusive === true ? 1 : (pool?.capacity ?? 1));
    return new BrowserGuard({ served, slot, capacity, settings, deeds: this.#deeds, rounds: this.#rounds });
  }
}

function reportOf(held: number, heap: VirtualHeap, seesProcesses: boolean): MemoryReport {
  return {
    heldMb: toMb(held),
    heapUsedMb: toMb(heap.used),
    heapTotalMb: toMb(heap.total),
    backingMb: toMb(heap.backing),
    embedderMb: toMb(heap.embedder),
    isolates: heap.isolates,
    timeouts: heap.silent,
    ...(!seesProcesses && { unseen: 'processes of a remote Chrome: wasm, workers, and pages in a loop' }),
  };
}

/** To a tenth. */
function toMb(bytes: number): number {
  return Math.round((bytes / MB) * 10) / 10;
}
