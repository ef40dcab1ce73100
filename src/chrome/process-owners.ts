import { kill } from './proc.js';
import { Renderers, type Renderer } from './renderers.js';
import { timesOf, TICKS_PER_SECOND } from './resident.js';

/** Whose targets and processes are: a process never has pages of two. */
export interface Owner {
  readonly id: string;
  /** Since when there is anything of it, by `performance.now`: an older process is not its. */
  readonly openedAt: number;
}

/** A target that has a process of Chrome's, and whose it is. */
export interface OwnedTarget {
  readonly targetId: string;
  readonly owner: Owner;
}

/** A renderer process, and whose it is as far as that is known. */
export interface OwnedProcess {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: number;
  /** Memory of its own, bytes. */
  readonly own: number;
  /** Undefined where nothing tells yet: those are idle pages, or processes without one. */
  readonly owner: Owner | undefined;
  /** Targets that were found in it; there may be more. */
  readonly targetIds: ReadonlySet<string>;
}

/** `ProcessTime` of a target's `Performance.getMetrics`, s; undefined when it does not answer soon. */
export type AskProcessTime = (targetId: string) => Promise<number | undefined>;

/** A process that is started for a page may be older than what Chrome says of its context, by the clock's ticks, ms. */
const SLACK = 50;

/** What is known of one process. */
interface Known {
  readonly renderer: Renderer;
  owner: Owner | undefined;
  /** Whose the last round said it is. */
  guess: Owner | undefined;
  readonly targetIds: Set<string>;
}

/**
 * Which renderer process of a launched Chrome is whose. Chrome tells of no target's process; but the processor time that a page says
 * its process has used is the one that the system has for it. Who owns a process owns it until it ends, so each is asked for
 * but once, as a rule; idle pages can't be told apart, and have nothing to be told of.
 */
export class ProcessOwners {
  readonly #renderers: Renderers;
  readonly #ask: AskProcessTime;
  /** By pid; a process that ended is taken off at the next look. */
  readonly #known = new Map<number, Known>();
  #identifying: Promise<void> | undefined;

  constructor(browserPid: number, ask: AskProcessTime) {
    this.#renderers = new Renderers(browserPid);
    this.#ask = ask;
  }

  /** All renderers, with what each held at the last look. */
  get processes(): OwnedProcess[] {
    return [...this.#known.values()].map(({ renderer: { pid, startTime, own }, owner, targetIds }) => {
      return { pid, startTime, own, owner, targetIds };
    });
  }

  /** Reads which processes there are and what they hold. With `only` all that is new is that one's. */
  look(only?: Owner): void {
    this.#renderers.look();
    const all = this.#renderers.all;
    for (const renderer of all) {
      if (this.#known.get(renderer.pid)?.renderer !== renderer) {
        this.#known.set(renderer.pid, { renderer, owner: undefined, guess: undefined, targetIds: new Set() });
      }
    }
    const pids = new Set(all.map(({ pid }) => pid));
    for (const [pid, known] of this.#known) {
      if (!pids.has(pid)) this.#known.delete(pid);
      else if (only && isPossible(known, only)) known.owner ??= only;
    }
  }

  /** Memory of all processes of the Chrome, bytes. */
  resident(): number {
    return this.#renderers.resident();
  }

  /** Ends the processes of one whose pages are being closed: a page in a loop would go on for most of a second. */
  killAll(owner: Owner): void {
    for (const { renderer, owner: theirs } of this.#known.values()) {
      const { pid, startTime } = renderer;
      // The number may be another's by now.
      if (theirs === owner && timesOf(pid)?.startTime === startTime) kill(pid);
    }
  }

  /** Forgets that a target is where it was found: it is gone, or went elsewhere. */
  forgetTarget(targetId: string): void {
    for (const { targetIds } of this.#known.values()) targetIds.delete(targetId);
  }

  /** Finds whose those processes are that are nobody's yet; `growing` ones are somebody's who does not answer, where only one such is left. */
  identify(targets: readonly OwnedTarget[], growing: ReadonlySet<number>): Promise<void> {
    this.#identifying ??= this.#identify(targets, growing).finally(() => (this.#identifying = undefined));
    return this.#identifying;
  }

  async #identify(targets: readonly OwnedTarget[], growing: ReadonlySet<number>): Promise<void> {
    const unknown = [...this.#known.values()].filter(({ owner }) => owner === undefined);
    if (unknown.length === 0) return;
    const before = new Map([...this.#known.keys()].map((pid) => [pid, timesOf(pid)?.ticks ?? Infinity]));
    const fits = new Map<Known, OwnedTarget[]>();
    const silent: OwnedTarget[] = [];
    const onAnswer = (target: OwnedTarget, seconds: number | undefined): void => {
      if (seconds === undefined) silent.push(target);
      else this.#match(target, Math.round(seconds * TICKS_PER_SECOND), before, fits);
    };
    await Promise.all(targets.map(async (target) => onAnswer(target, await this.#ask(target.targetId))));
    this.#renderers.look();
    // The page of a process that was not looked at may have been taken for one of another.
    if (this.#renderers.all.some(({ pid }) => !before.has(pid))) return;
    for (const known of unknown) this.#settle(known, fits.get(known) ?? [], growing);
    this.#giveToSilent(unknown, silent, growing);
  }

  /** Notes in which process a target may be; one that fits several tells nothing. */
  #match(
    target: OwnedTarget,
    ticks: number,
    before: ReadonlyMap<number, number>,
    fits: Map<Known, OwnedTarget[]>,
  ): void {
    const fitting = [...this.#known.values()].filter((known) => {
      const { pid } = known.renderer;
      const isTheirs =
        known.owner === undefined ? isPossible(known, target.owner) : known.owner === target.owner;
      return isTheirs && (before.get(pid) ?? Infinity) <= ticks && ticks <= (timesOf(pid)?.ticks ?? -1);
    });
    const [one] = fitting;
    if (one === undefined || fitting.length > 1) return;
    if (one.owner === target.owner) {
      this.forgetTarget(target.targetId);
      one.targetIds.add(target.targetId);
    } else fits.set(one, [...(fits.get(one) ?? []), target]);
  }

  /** What has used little time may have used the same by chance: so two rounds must agree, unless it is urgent. */
  #settle(known: Known, targets: readonly OwnedTarget[], growing: ReadonlySet<number>): void {
    const owners = new Set(targets.map(({ owner }) => owner));
    const owner = owners.size === 1 ? targets[0]?.owner : undefined;
    const isSure = owner === known.guess || growing.has(known.renderer.pid);
    known.guess = owner;
    if (owner === undefined || !isSure) return;
    known.owner = owner;
    for (const { targetId } of targets) {
      this.forgetTarget(targetId);
      known.targetIds.add(targetId);
    }
  }

  /** What grows, and belongs to nobody who answers, belongs to those who don't; each to whom it is nearest in age. */
  #giveToSilent(
    unknown: readonly Known[],
    silent: readonly OwnedTarget[],
    growing: ReadonlySet<number>,
  ): void {
    const found = new Set([...this.#known.values()].flatMap(({ targetIds }) => [...targetIds]));
    const lost = silent.filter(({ targetId }) => !found.has(targetId));
    const owners = [...new Set(lost.map(({ owner }) => owner))].sort((a, b) => a.openedAt - b.openedAt);
    const left = unknown
      .filter(({ owner, renderer: { pid } }) => owner === undefined && growing.has(pid))
      .sort((a, b) => a.renderer.startedAt - b.renderer.startedAt);
    // With fewer of those than of silent ones somebody would be taken who only is busy.
    if (left.length < owners.length && owners.length > 1) return;
    for (const known of left) {
      const possible = owners.filter((owner) => isPossible(known, owner));
      const owner = left.length === 1 || possible.length === 1 ? possible[0] : possible.pop();
      if (owner === undefined) continue;
      known.owner = owner;
      for (const { targetId } of lost.filter((one) => one.owner === owner)) known.targetIds.add(targetId);
    }
  }
}

function isPossible({ renderer }: Known, { openedAt }: Owner): boolean {
  return renderer.startedAt >= openedAt - SLACK;
}
