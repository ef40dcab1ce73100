import { kill } from './proc.js';
import { Renderers, type Renderer } from './renderers.js';
import { timesOf, TICKS_PER_SECOND } from './resident.js';

/** Whose targets and processes are: a process never has pages of two. */
export interface Owner {
  readonly id: string;
  /** Since when there is anything of it, by `performance.now`: an older process is not its. */
  readonly openedAt: number;
}

/** A target that has a process of Chrome's, perhaps of its own, and whose it is. */
export interface OwnedTarget {
  readonly targetId: string;
  readonly owner: Owner;
  /** When it was made or last went elsewhere, by `performance.now`: it is in no process that was started after that. */
  readonly movedAt: number;
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
/** On a busy machine the process may be started so long after Chrome has told of its target, ms. */
const STARTING = 5_000;

/** What can't wait, by pid. */
export interface Urgency {
  /** It is large. */
  readonly urgent: ReadonlySet<number>;
  /** It is so large that whoever has it has to go. */
  readonly lost: ReadonlySet<number>;
}

/** One round of questions. */
interface Round {
  /** What each process had used before it, in ticks. */
  readonly before: ReadonlyMap<Known, number>;
  /** Targets that fit one process only. */
  readonly fits: Map<Known, OwnedTarget[]>;
  /** Processes that fit any. */
  readonly claimed: Set<Known>;
  /** Targets that did not answer. */
  readonly silent: OwnedTarget[];
}

/** What is known of one process. */
class Known implements OwnedProcess {
  readonly renderer: Renderer;
  owner: Owner | undefined;
  /** Whose the last round said it is. */
  guess: Owner | undefined;
  readonly targetIds = new Set<string>();

  constructor(renderer: Renderer) {
    this.renderer = renderer;
  }

  get pid(): number {
    return this.renderer.pid;
  }

  get startTime(): number {
    return this.renderer.startTime;
  }

  get own(): number {
    return this.renderer.own;
  }
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
  get processes(): Iterable<OwnedProcess> {
    return this.#known.values();
  }

  /** Reads which processes there are and what they hold. With `only` all that is new is that one's. */
  look(only?: Owner): void {
    if (this.#renderers.look()) this.#sync();
    if (!only) return;
    for (const known of this.#known.values()) if (isPossible(known, only)) known.owner ??= only;
  }

  /** Gives back the files that it keeps open; it may look again. */
  close(): void {
    this.#renderers.close();
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

  /**
   * Finds whose those processes are that are nobody's yet. An `urgent` one is also taken for that of the only owner who does not
   * answer; one that is `lost` anyway, whoever's it is, for that of any such.
   */
  identify(targets: readonly OwnedTarget[], urgency: Urgency): Promise<void> {
    this.#identifying ??= this.#identify(targets, urgency).finally(() => (this.#identifying = undefined));
    return this.#identifying;
  }

  /** Others are there than before. */
  #sync(): void {
    const pids = new Set<number>();
    for (const renderer of this.#renderers.all) {
      const { pid } = renderer;
      pids.add(pid);
      if (this.#known.get(pid)?.renderer !== renderer) this.#known.set(pid, new Known(renderer));
    }
    for (const pid of this.#known.keys()) if (!pids.has(pid)) this.#known.delete(pid);
  }

  async #identify(targets: readonly OwnedTarget[], urgency: Urgency): Promise<void> {
    const unknown = [...this.#known.values()].filter(({ owner }) => owner === undefined);
    if (unknown.length === 0) return;
    const all = [...this.#known.values()];
    const before = new Map(all.map((known) => [known, timesOf(known.pid)?.ticks ?? Infinity]));
    const round: Round = { before, fits: new Map(), claimed: new Set(), silent: [] };
    const onAnswer = (target: OwnedTarget, seconds: number | undefined): void => {
      if (seconds === undefined) round.silent.push(target);
      else this.#match(target, Math.round(seconds * TICKS_PER_SECOND), round);
    };
    await Promise.all(targets.map(async (target) => onAnswer(target, await this.#ask(target.targetId))));
    if (this.#renderers.look()) this.#sync();
    // The page of a process that was not looked at may have been taken for one of another.
    if ([...this.#known.values()].some((known) => !before.has(known))) return;
    const left = unknown.filter((known) => !this.#settle(known, round, urgency));
    this.#giveToSilent(left, round, urgency);
  }

  /** Notes in which process a target may be; one that fits several tells nothing. */
  #match(target: OwnedTarget, ticks: number, { before, fits, claimed }: Round): void {
    const fitting = [...before].filter(([known, least]) => {
      const isTheirs =
        known.owner === undefined ? isPossible(known, target.owner) : known.owner === target.owner;
      // One that has ended since may be the one that answered.
      return isTheirs && least <= ticks && ticks <= (timesOf(known.pid)?.ticks ?? Infinity);
    });
    for (const [known] of fitting) claimed.add(known);
    const [one] = fitting[0] ?? [];
    if (one === undefined || fitting.length > 1) return;
    if (one.owner === target.owner) {
      this.forgetTarget(target.targetId);
      one.targetIds.add(target.targetId);
    } else fits.set(one, [...(fits.get(one) ?? []), target]);
  }

  /** What has used little time may have used the same by chance: so two rounds must agree, unless it is urgent. */
  #settle(known: Known, { fits, claimed }: Round, { urgent }: Urgency): boolean {
    const targets = fits.get(known) ?? [];
    const owners = new Set(targets.map(({ owner }) => owner));
    const owner = owners.size === 1 ? targets[0]?.owner : undefined;
    const isSure = owner === known.guess || urgent.has(known.renderer.pid);
    // What nobody who answers may have is judged by who does not.
    if (claimed.has(known)) known.guess = owner;
    if (owner === undefined || !isSure) return false;
    this.#own(known, owner, targets);
    return true;
  }

  #own(known: Known, owner: Owner, targets: readonly OwnedTarget[]): void {
    known.owner = owner;
    for (const { targetId } of targets) {
      this.forgetTarget(targetId);
      known.targetIds.add(targetId);
    }
  }

  /**
   * What fits nobody who answers belongs to one who does not, of whom no process is known. Many are silent for a moment only: so
   * it must be one and the same in two rounds. Workers never answer: one who has some may have a process that no page is in.
   */
  #giveToSilent(left: readonly Known[], { claimed, silent }: Round, { urgent, lost }: Urgency): void {
    const found = new Set([...this.#known.values()].flatMap(({ targetIds }) => [...targetIds]));
    const missing = silent.filter(({ targetId }) => !found.has(targetId));
    const rest = left.filter((known) => urgent.has(known.renderer.pid) && !claimed.has(known));
    // Where there are as many as targets, each of these is in one of them.
    const areAllLost = rest.length >= missing.length && rest.every(({ renderer }) => lost.has(renderer.pid));
    for (const known of rest) {
      const possible = missing.filter((target) => mayBeIn(known, target));
      const [one] = possible;
      const isOnes = areAllLost || possible.every(({ owner }) => owner === one?.owner);
      const owner = isOnes ? one?.owner : undefined;
      const isSure = owner === known.guess;
      known.guess = owner;
      if (one === undefined || owner === undefined || !isSure) continue;
      // Of several nobody knows which is in it, and the others may be in processes of their own.
      this.#own(known, owner, possible.length === 1 ? possible : []);
      missing.splice(missing.indexOf(one), 1);
    }
  }
}

function mayBeIn(known: Known, { owner, movedAt }: OwnedTarget): boolean {
  return isPossible(known, owner) && known.renderer.startedAt <= movedAt + STARTING;
}

function isPossible({ renderer }: Known, { openedAt }: Owner): boolean {
  return renderer.startedAt >= openedAt - SLACK;
}
