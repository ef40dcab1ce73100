import { ProcessOwners, type OwnedProcess, type OwnedTarget } from '../../chrome/process-owners.js';
import { TargetSessions } from '../../chrome/target-sessions.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';
import type { VirtualHost } from '../../virtual/virtual-host.js';
import type { ServedBrowser } from '../served-browser.js';
import { heapOf, heldIn, noHeap, pageTypes, sumOf, type VirtualHeap } from './heaps.js';
import { MB } from './judge.js';

/** What the process of an empty page holds, which counts for nobody, bytes. */
const EMPTY_PAGE = 14 * MB;
/** A process this large whose owner is not known is looked into at once, bytes. */
const URGENT = 64 * MB;
/** How long after new ones owners of smaller ones are looked for, and twice as long each further time, up to the last, ms. */
const FIRST_IDENTIFY = 250;
const LAST_IDENTIFY = 8_000;
/** What could not be attached to is tried again so soon, ms. */
const FOLLOW = 1_000;
/** How long a page may take to say what its process has used while others wait for that, ms. */
const PROCESS_TIME = 100;
/** Types of targets that may have a process that no other target is in. */
const processTypes: ReadonlySet<string> = new Set([...pageTypes, 'service_worker', 'shared_worker']);
/** What is garbage of a page that is not stuck is known after so long, ms. */
const COLLECTION = 5_000;

/** What one virtual browser holds. */
export interface VirtualMemory {
  readonly virtual: VirtualBrowser;
  /** What its pages and workers hold beyond empty ones, bytes: what limits are about. */
  readonly held: number;
  /** As V8 told at the last sample. */
  readonly heap: VirtualHeap;
}

/** What a browser holds, as it was last looked at. */
export interface BrowserFigures {
  readonly virtuals: readonly VirtualMemory[];
  /** What processes hold of which nobody knows whose they are, bytes. */
  readonly nobodys: number;
  /** All of it, bytes. */
  readonly held: number;
  /** Of all its processes, bytes; undefined for a remote one. */
  readonly resident: number | undefined;
}

/** Measures what the virtual browsers of one Chrome hold: of a launched one by its processes, of a remote one by what V8 tells. */
export class BrowserMemory {
  readonly #served: ServedBrowser;
  readonly #owners: ProcessOwners | undefined;
  /** One for each connection. */
  readonly #sessions = new Map<VirtualHost, TargetSessions>();
  readonly #heaps = new WeakMap<VirtualBrowser, VirtualHeap>();
  /** When owners are looked for next, after how long, and of how many. */
  #identify = { at: 0, delay: FIRST_IDENTIFY, unknown: 0 };
  /** When sessions were opened last, and how often targets had come or gone until then. */
  readonly #followed = { changes: -1, at: -Infinity };
  #sampling: Promise<void> | undefined;
  #figures: BrowserFigures = { virtuals: [], nobodys: 0, held: 0, resident: undefined };

  constructor(served: ServedBrowser) {
    this.#served = served;
    const { pid } = served;
    if (pid !== undefined) this.#owners = new ProcessOwners(pid, (targetId) => this.#processTime(targetId));
  }

  /** Whether processes can be seen, and so what V8 does not tell of. */
  get seesProcesses(): boolean {
    return this.#owners !== undefined;
  }

  /** Of a launched one: whose each renderer is, as far as that is known. */
  get processes(): readonly OwnedProcess[] {
    return this.#owners ? [...this.#owners.processes] : [];
  }

  get figures(): BrowserFigures {
    return this.#figures;
  }

  /** Counts each time that targets have come or gone. */
  get changes(): number {
    return this.#followed.changes;
  }

  /** Pages that did not answer in time when heaps were read last. */
  get silent(): number {
    return sumOf(this.#figures.virtuals.map(({ heap }) => heap)).silent;
  }

  /**
   * Reads what processes hold, and finds out whose they are, without a word to Chrome where all are known.
   * `withResident` reads the size of all processes too, which samples do otherwise; who holds `lostMb` has to go.
   */
  look(now: number, withResident: boolean, lostMb: number): BrowserFigures {
    const { virtuals } = this.#served;
    this.#follow(now);
    const held = this.#owners
      ? this.#heldInProcesses(this.#owners, virtuals, now, (lostMb || Infinity) * MB)
      : this.#heldInHeaps(virtuals);
    const resident = withResident ? this.#owners?.resident() : this.#figures.resident;
    const sizes = virtuals.map((virtual) => {
      const heap = this.#heaps.get(virtual) ?? noHeap;
      return { virtual, held: held.of.get(virtual) ?? 0, heap };
    });
    const all = sizes.reduce((sum, one) => sum + one.held, held.nobodys);
    this.#figures = { virtuals: sizes, nobodys: held.nobodys, held: all, resident };
    return this.#figures;
  }

  /** Reads V8's heaps and the size of all processes; one at a time. */
  sample(): Promise<void> {
    this.#sampling ??= this.#sample().finally(() => (this.#sampling = undefined));
    return this.#sampling;
  }

  /** Has V8 collect garbage in all pages of one; resolves when all have, or false when one of them is stuck. */
  async collectGarbage(virtual: VirtualBrowser): Promise<boolean> {
    const sessions = this.#sessions.get(virtual.host);
    const ids = targetsOf(virtual).map(({ targetId }) => targetId);
    if (!sessions) return false;
    const asked = ids.map((id) => sessions.ask(id, 'HeapProfiler.collectGarbage', undefined, COLLECTION));
    return (await Promise.all(asked)).every((answer) => answer !== undefined);
  }

  /** Ends the processes of a virtual browser whose pages are being closed. */
  endProcesses(virtual: VirtualBrowser): void {
    this.#owners?.killAll(virtual);
  }

  /** Detaches from all targets, until it is looked at again. */
  rest(): void {
    for (const sessions of this.#sessions.values()) sessions.close();
    this.#sessions.clear();
    this.#followed.at = -Infinity;
    this.#owners?.close();
    this.#figures = { ...this.#figures, virtuals: [], nobodys: 0, held: 0 };
  }

  /** Has sessions on all targets; it costs more than all else, so it is done when others are there, and now and then for what failed. */
  #follow(now: number): void {
    const { hosts } = this.#served;
    const changes = hosts.reduce((sum, host) => sum + host.targetChanges, 0);
    if (changes === this.#followed.changes && now - this.#followed.at < FOLLOW) return;
    Object.assign(this.#followed, { changes, at: now });
    for (const [host, sessions] of this.#sessions) {
      if (hosts.includes(host)) continue;
      sessions.close();
      this.#sessions.delete(host);
    }
    for (const host of hosts) {
      let sessions = this.#sessions.get(host);
      if (!sessions) this.#sessions.set(host, (sessions = new TargetSessions(host.upstream)));
      const targetIds = new Set([...host.virtuals].flatMap(targetsOf).map(({ targetId }) => targetId));
      if (!sessions.follow(targetIds)) this.#followed.at = -Infinity;
    }
  }

  #heldInProcesses(
    owners: ProcessOwners,
    virtuals: readonly VirtualBrowser[],
    now: number,
    lostAt: number,
  ): { of: ReadonlyMap<unknown, number>; nobodys: number } {
    // Of an exclusive Chrome all is one's own.
    owners.look(this.#served.hosts[0]?.exclusive === true ? virtuals[0] : undefined);
    const of = new Map<unknown, number>();
    const urgent = new Set<number>();
    const lost = new Set<number>();
    let nobodys = 0;
    let unknown = 0;
    for (const { pid, own, owner } of owners.processes) {
      const held = Math.max(0, own - EMPTY_PAGE);
      if (owner) of.set(owner, (of.get(owner) ?? 0) + held);
      else {
        unknown++;
        nobodys += held;
        if (own > URGENT) urgent.add(pid);
        if (held > lostAt) lost.add(pid);
      }
    }
    const next = this.#identify;
    if (unknown > next.unknown) Object.assign(next, { at: now + FIRST_IDENTIFY, delay: FIRST_IDENTIFY });
    next.unknown = unknown;
    if (urgent.size > 0 || (unknown > 0 && now >= next.at)) {
      next.delay = Math.min(LAST_IDENTIFY, next.delay * 2);
      next.at = now + next.delay;
      void owners.identify(virtuals.flatMap(withProcess), { urgent, lost });
    }
    return { of, nobodys };
  }

  #heldInHeaps(virtuals: readonly VirtualBrowser[]): { of: ReadonlyMap<unknown, number>; nobodys: number } {
    const of = virtuals.map((one) => [one, heldIn(this.#heaps.get(one) ?? noHeap)] as const);
    return { of: new Map<unknown, number>(of), nobodys: 0 };
  }

  async #sample(): Promise<void> {
    await Promise.all(
      this.#served.virtuals.map(async (virtual) => {
        const sessions = this.#sessions.get(virtual.host);
        if (sessions) this.#heaps.set(virtual, await heapOf(virtual, sessions));
      }),
    );
    this.#figures = { ...this.#figures, resident: this.#owners?.resident() };
  }

  async #processTime(targetId: string): Promise<number | undefined> {
    const host = this.#served.hosts.find((one) => one.target(targetId));
    const sessions = host && this.#sessions.get(host);
    const answer = await sessions?.ask(targetId, 'Performance.getMetrics', undefined, PROCESS_TIME);
    return answer?.metrics.find(({ name }) => name === 'ProcessTime')?.value;
  }
}

/** The targets of a virtual browser that can be asked. */
function targetsOf(virtual: VirtualBrowser): OwnedTarget[] {
  return owned(virtual, pageTypes);
}

/** Those that may have a process of their own; a worker outlives the page that started it. */
function withProcess(virtual: VirtualBrowser): OwnedTarget[] {
  return owned(virtual, processTypes);
}

function owned(virtual: VirtualBrowser, types: ReadonlySet<string>): OwnedTarget[] {
  const records = virtual.targets().filter(({ info }) => types.has(info.type));
  return records.map(({ info, movedAt }) => ({ targetId: info.targetId, owner: virtual, movedAt }));
}
