import { isCrowded, processorPressure } from '../chrome/cpu.js';
import type { OwnedProcess } from '../chrome/process-owners.js';
import { Renderers } from '../chrome/renderers.js';
import { timesOf, TICKS_PER_SECOND } from '../chrome/resident.js';
import type { EventFeed } from '../telemetry/event-feed.js';
import { RendererLoad } from './hogs-process.js';
import { isContended } from './hogs-policy.js';
import type { ServedBrowser } from './served-browser.js';

/** How often renderers are looked at, ms; 5 µs for each that does little. */
const INTERVAL = 1_000;

/** What watching processors needs of the `Mux`. */
export interface HogSurroundings {
  readonly browsers: () => readonly ServedBrowser[];
  /** Whether hogs are slowed down; processor time is counted in any case. */
  readonly slows: () => boolean;
  /** Whose the processes of a launched browser are, as far as that is known. */
  readonly ownersOf: (served: ServedBrowser) => readonly OwnedProcess[];
  readonly feed: EventFeed;
  /** A tenant's renderers have used so many seconds more; undefined for those of whom nobody knows whose they are. */
  readonly count: (tenant: string | undefined, seconds: number) => void;
}

/** The renderers of one launched browser. */
interface Watched {
  readonly renderers: Renderers;
  /** By pid and start, since pids are used again. */
  readonly loads: Map<string, RendererLoad>;
  /** Processor time of each virtual browser's renderers, s, those that have ended included; by id. */
  readonly used: Map<string, number>;
}

/** Counts the processor time of launched browsers' renderers, and gives those that take all of it the last priority while others wait. */
export class HogWatch {
  readonly #around: HogSurroundings;
  readonly #watched = new WeakMap<ServedBrowser, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = performance.now();
  #pressure = processorPressure();
  /** Priorities can't be given back here: told once. */
  #isStuckTold = false;

  constructor(around: HogSurroundings) {
    this.#around = around;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), INTERVAL).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Seconds that a virtual browser's renderers have used; undefined where it is not known. */
  usedBy(served: ServedBrowser, virtualId: string): number | undefined {
    return this.#watched.get(served)?.used.get(virtualId);
  }

  #look(): void {
    const now = performance.now();
    const elapsed = now - this.#lookedAt;
    this.#lookedAt = now;
    const contended = this.#isContended(elapsed);
    for (const served of this.#around.browsers()) {
      if (served.pid !== undefined && served.virtuals.length > 0) {
        this.#lookAt(served, served.pid, { elapsed, contended });
      }
    }
  }

  #lookAt(
    served: ServedBrowser,
    browserPid: number,
    { elapsed, contended }: { elapsed: number; contended: boolean },
  ): void {
    const watched = this.#of(served, browserPid);
    const owners = new Map(this.#around.ownersOf(served).map((one) => [one.pid, one]));
    watched.renderers.look();
    const seen = new Set<string>();
    for (const { pid, startTime } of watched.renderers.all) {
      const times = timesOf(pid);
      if (times?.startTime !== startTime) continue;
      const key = `${pid} ${startTime}`;
      seen.add(key);
      let load = watched.loads.get(key);
      if (!load) watched.loads.set(key, (load = new RendererLoad(pid)));
      load.look(times.ticks, elapsed, TICKS_PER_SECOND / 1_000);
      const owned = owners.get(pid);
      const owner = owned?.startTime === startTime ? owned.owner?.id : undefined;
      if (owner !== undefined) this.#credit(served, watched, { owner, load, ticks: times.ticks });
      const done = this.#around.slows() ? load.adjust(contended) : undefined;
      if (done !== undefined) this.#tell(served, done, { pid, owner });
    }
    for (const key of watched.loads.keys()) if (!seen.has(key)) watched.loads.delete(key);
    const open = new Set(served.virtuals.map(({ id }) => id));
    for (const id of watched.used.keys()) if (!open.has(id)) watched.used.delete(id);
  }

  #credit(
    served: ServedBrowser,
    { used }: Watched,
    { owner, load, ticks }: { owner: string; load: RendererLoad; ticks: number },
  ): void {
    const seconds = (ticks - load.credited) / TICKS_PER_SECOND;
    load.credited = ticks;
    used.set(owner, (used.get(owner) ?? 0) + seconds);
    const tenant = served.virtuals.find(({ id }) => id === owner)?.tenant.name;
    if (seconds > 0) this.#around.count(tenant, seconds);
  }

  #tell(
    served: ServedBrowser,
    what: 'slowed' | 'restored' | 'stuck',
    { pid, owner }: { pid: number; owner: string | undefined },
  ): void {
    if (what === 'stuck' && this.#isStuckTold) return;
    this.#isStuckTold ||= what === 'stuck';
    const message = {
      slowed: `A renderer of browser ${served.id} takes all the processor it can get while others wait: it has the last priority now`,
      restored: `A renderer of browser ${served.id} has its priority back`,
      stuck: `Renderers that were slowed down stay so: giving a priority back takes CAP_SYS_NICE`,
    }[what];
    this.#around.feed.emit(what === 'slowed' ? 'warn' : 'info', `renderer.${what}`, message, {
      browser: served.id,
      pid,
      ...(owner !== undefined && { virtualBrowser: owner }),
    });
  }

  #of(served: ServedBrowser, pid: number): Watched {
    let watched = this.#watched.get(served);
    if (!watched) {
      watched = { renderers: new Renderers(pid), loads: new Map(), used: new Map() };
      this.#watched.set(served, watched);
    }
    return watched;
  }

  #isContended(elapsed: number): boolean {
    const before = this.#pressure;
    this.#pressure = processorPressure();
    if (before === undefined || this.#pressure === undefined) return isCrowded();
    return isContended(this.#pressure - before, elapsed);
  }
}
