import { browserLost } from '../../src/cdp/errors.js';
import type { Unit } from './messages.js';
import type { Sightings } from './sightings.js';

/** Of refusals, before the upgrade, with what their JSON may say to a client that has done nothing wrong. */
const REFUSALS: ReadonlyMap<number, readonly string[]> = new Map([
  [429, ['OVER_QUOTA', 'LIMIT']],
  // an id that is come back to
  [404, ['ENDED']],
  [503, ['QUEUE_FULL', 'QUEUE_TIMEOUT', 'CLOSING', 'LAUNCH_FAILED', 'BROWSER_LOST']],
]);
/** With which cdpmux may close a client that has done nothing wrong. */
const CLOSES: readonly number[] = [1001, 4502, 4503];
/** How long after a loss its clients may still be told of it, ms. */
const TOLD = 30_000;

/** Interval and timeout of the health checks that a chaos runs with, and what a busy machine adds, ms. */
const FOUND = 10_000;

/** How long after a kill its pipe's end is known, ms: what is kept ready is given without asking Chrome, that of a dead one too. */
const HEARD = 1_000;

/** A browser or a connection that is lost, and when. */
interface Loss {
  readonly at: number;
  /** So much later it is known at the latest, ms: who comes before may still be given a place in it. */
  readonly knownAfter?: number;
}

/** What became of all units. */
export interface Verdict {
  readonly units: number;
  readonly done: number;
  /** Not done, on a browser that was killed. */
  readonly onKilled: number;
  /** Not done, on an upstream connection that was cut. */
  readonly onCut: number;
  /** Not done, because their own connection was cut. */
  readonly cutThemselves: number;
  /** Not done, waiting for a browser when one was lost: they never were on any. */
  readonly beforeAny: number;
  /** Not done, for no such reason. */
  readonly others: readonly string[];
  /** Of those that no loss explains, the part that was done. */
  readonly share: number;
  /** How units that failed were told of it, with how often. */
  readonly endings: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

/** Knows what was done to the pool, and what clients may therefore have seen. */
export class Judge {
  readonly #sightings: Sightings;
  readonly #killed = new Map<string, Loss>();
  readonly #cut = new Map<string, Loss>();
  readonly #units: Unit[] = [];
  readonly #problems: string[] = [];

  constructor(sightings: Sightings) {
    this.#sightings = sightings;
  }

  /** The verdict on all units since it was last asked for, which are forgotten: for those that come for hours. */
  take(): Verdict {
    const verdict = this.verdict();
    this.#units.length = 0;
    this.#problems.length = 0;
    this.#sightings.moved.length = 0;
    return verdict;
  }

  get count(): number {
    return this.#units.length;
  }

  killed(browser: string): void {
    this.#killed.set(browser, { at: Date.now(), knownAfter: HEARD });
  }

  /** It answers nobody any more, and health checks are to find it. */
  stopped(browser: string): void {
    this.#killed.set(browser, { at: Date.now(), knownAfter: FOUND });
  }

  /** Whether its end is on its way. */
  isKilled(browser: string): boolean {
    return this.#killed.has(browser);
  }

  cut(connection: string, at: number): void {
    this.#cut.set(connection, { at });
  }

  /** An order of an operator's was not taken. */
  refused(what: string): void {
    this.#problems.push(what);
  }

  add(unit: Unit): void {
    this.#units.push(unit);
  }

  verdict(): Verdict {
    const problems = [...this.#problems, ...this.#sightings.moved];
    const endings = new Map<string, number>();
    const counts = { done: 0, onKilled: 0, onCut: 0, cutThemselves: 0, beforeAny: 0 };
    const others: string[] = [];
    for (const unit of this.#units) {
      const cause = this.#causeOf(unit);
      if (unit.wrong) problems.push(`wrong: ${this.#describe(unit)}`);
      if (cause === 'none') others.push(this.#describe(unit));
      else counts[cause] += 1;
      if (cause === 'done' || cause === 'cutThemselves') continue;
      const ending = endingOf(unit);
      endings.set(ending, (endings.get(ending) ?? 0) + 1);
      if (!isDocumented(unit)) problems.push(`undocumented: ${this.#describe(unit)}`);
    }
    const units = this.#units.length;
    const share = counts.done / (counts.done + others.length);
    return { units, ...counts, others, share, endings, problems };
  }

  #causeOf(unit: Unit): 'done' | 'cutThemselves' | 'onKilled' | 'onCut' | 'beforeAny' | 'none' {
    if (unit.error === undefined) return 'done';
    if (unit.wire.cut) return 'cutThemselves';
    const place = this.#sightings.of(unit.unit);
    if (!place) {
      const losses = [...this.#killed.values(), ...this.#cut.values()];
      return losses.some((loss) => isDuring(unit, loss)) ? 'beforeAny' : 'none';
    }
    const [killed, cut] = [this.#killed.get(place.browser), this.#cut.get(place.connection)];
    if (killed && isDuring(unit, killed)) return 'onKilled';
    return cut && isDuring(unit, cut) ? 'onCut' : 'none';
  }

  #describe(unit: Unit): string {
    const place = this.#sightings.of(unit.unit);
    const where = place ? `browser ${place.browser}, connection ${place.connection}` : 'on no browser';
    return `unit ${unit.unit} (${unit.kind}, ${where}, ${unit.ended - unit.began} ms): ${endingOf(unit)}; ${unit.error}`;
  }
}

/** Whether a unit was under way at a loss, and ended soon after. */
function isDuring({ began, ended }: Unit, { at, knownAfter = 0 }: Loss): boolean {
  return began <= at + knownAfter && at <= ended && ended - at <= knownAfter + TOLD;
}

function isDocumented(unit: Unit): boolean {
  const { status = 0, refusal = '', retryAfter, close } = unit.wire;
  if (close) return CLOSES.includes(close.code);
  if (status === 101) return isTold(unit);
  return (REFUSALS.get(status)?.includes(refusal) ?? false) && (retryAfter !== undefined || status === 404);
}

/** Whether a command was answered with the loss: some libraries then close before they read that cdpmux does. */
function isTold({ error = '' }: Unit): boolean {
  return error.includes(browserLost.message);
}

function endingOf(unit: Unit): string {
  const { status, refusal, retryAfter, close } = unit.wire;
  if (close) return `close ${close.code} ${close.reason}`;
  if (status === 101) return isTold(unit) ? `answer to a command: ${browserLost.message}` : 'nothing';
  if (status === undefined) return 'no answer';
  return `${status} ${refusal}${retryAfter === undefined ? '' : `, Retry-After ${retryAfter}`}`;
}
