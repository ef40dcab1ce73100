import { makePage, roundTrip } from '../../chrome/probes.js';
import { hasCode } from '../../errors.js';
import type { BrowserConnection } from '../browser-connection.js';
import type { ServedBrowser } from '../served-browser.js';
import { Breaker, Failure, type Circuit } from './breaker.js';
import { ejectionTime, isOutlier, LONGEST_EJECTION, slowStart } from './policy.js';
import type { HealthSettings } from './settings.js';

/** A round trip that looks too long is made so many times more, and the shortest counts. */
const SECOND_LOOKS = 2;
/** So many renderers that died since the last check make a closer look worth it. */
const MANY_CRASHES = 3;
/** A round trip that takes this part of the timeout tells of a queue, in which pages wait as well. */
const BUSY = 0.1;

/** What a browser that is watched tells, and what it asks of those beside it. */
export interface PatientSurroundings {
  readonly settings: () => HealthSettings;
  readonly isRemote: boolean;
  /** It has one client, which would see what is made in it. */
  readonly isExclusive: boolean;
  /** Round trips of the remote ones beside it that are well, ms. */
  readonly others: () => readonly number[];
  readonly mayEject: () => boolean;
  /** A circuit changed: of one connection where that is given. */
  readonly onChange: (to: Circuit, reason: string, connection?: BrowserConnection) => void;
  /** A connection gave no sign of life for `timeout` ms. */
  readonly onSilent: (connection: BrowserConnection, reason: string) => void;
  /** Pages can't be made in it, twice in a row. */
  readonly onUnfit: (reason: string) => void;
  readonly observe: (seconds: number) => void;
}

/** One browser that is watched: a circuit for each of its connections, and one for the whole. */
export class Patient {
  readonly served: ServedBrowser;
  readonly #around: PatientSurroundings;
  readonly #whole: Breaker;
  readonly #links = new WeakMap<BrowserConnection, Breaker>();
  #state: 'watched' | 'dropped' = 'watched';
  #checking: Promise<void> | undefined;
  #roundTrip: number | undefined;
  #madePageAt = performance.now();
  #failedPages = 0;
  #seen = { crashes: 0, gpuDeaths: 0 };
  /** How often it was ejected, until it has been well for long enough; the last time, by `performance.now`. */
  #ejections = { count: 0, at: 0, isOut: false };

  constructor(served: ServedBrowser, around: PatientSurroundings) {
    this.served = served;
    this.#around = around;
    this.#whole = new Breaker((to, reason) => {
      if (this.#state === 'dropped') return;
      if (to === 'closed') this.#isBack();
      around.onChange(to, reason);
    });
  }

  /** Of the last check, ms; undefined before the first answer. */
  get roundTrip(): number | undefined {
    return this.#roundTrip;
  }

  get isEjected(): boolean {
    return this.#ejections.isOut;
  }

  /** Of the whole: that of its connections where they are all of one mind. */
  get circuit(): Circuit {
    if (this.#whole.state !== 'closed') return this.#whole.state;
    const links = this.served.links.map(({ health }) => health);
    return links.every((one) => one !== 'closed') ? (links[0] ?? 'closed') : 'closed';
  }

  /** Why it is given nobody; undefined when it is well. */
  get reason(): string | undefined {
    if (this.circuit === 'closed') return undefined;
    const [first] = this.served.links;
    return this.#whole.reason ?? (first && this.#links.get(first)?.reason) ?? 'its connections are lost';
  }

  /** Nobody looks at it any more: it counts as well, whatever a check that is under way still finds. */
  drop(): void {
    this.#state = 'dropped';
    this.served.health = 'closed';
    for (const link of this.served.links) link.health = 'closed';
  }

  /** From now on it is given few clients at first. */
  startSlowly(): void {
    const since = performance.now();
    this.served.handicap = () => slowStart(performance.now() - since, this.#around.settings().slowStart);
  }

  /** Checks it, unless that is being done; never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  async #check(): Promise<void> {
    await Promise.all(this.served.links.map((link) => this.#checkLink(link)));
    const link = this.served.links.find(({ health }) => health === 'closed');
    if (!link) return;
    const passed = await this.#whole.passes(() => this.#checkWhole(link));
    // One failure may be an accident: it is given nobody, and is looked at again at once.
    if (!passed) await this.#whole.passes(() => this.#checkWhole(link));
  }

  /** Half of the timeout until it is given nobody, and half of it until it is given up. */
  async #checkLink(link: BrowserConnection): Promise<void> {
    const breaker = this.#breakerOf(link);
    const half = this.#around.settings().timeout / 2;
    const probe = async (): Promise<void> => {
      try {
        this.#roundTrip = await this.#measure(link, half);
      } catch (error) {
        // It ended by itself, which is nothing to be found out any more.
        if (!hasCode(error, 'BROWSER_LOST')) throw error;
      }
    };
    if (await breaker.passes(probe)) return;
    if (await breaker.passes(probe)) return;
    if (this.#state === 'watched') this.#around.onSilent(link, breaker.reason ?? '');
  }

  async #measure(link: BrowserConnection, timeout: number): Promise<number> {
    const took = await roundTrip(link.connection, timeout);
    this.#around.observe(took / 1_000);
    return took;
  }

  async #checkWhole(link: BrowserConnection): Promise<void> {
    try {
      if (this.#isPageDue()) await this.#tryPage(link);
      if (this.#around.isRemote) await this.#compare(link);
    } catch (error) {
      if (!hasCode(error, 'BROWSER_LOST')) throw error;
    }
  }

  #isPageDue(): boolean {
    const { isExclusive, settings } = this.#around;
    const { pageInterval } = settings();
    if (pageInterval === 0 || isExclusive) return false;
    const { crashes, gpuDeaths } = this.served;
    const looksIll = crashes - this.#seen.crashes >= MANY_CRASHES || gpuDeaths > this.#seen.gpuDeaths;
    this.#seen = { crashes, gpuDeaths };
    return looksIll || this.#failedPages > 0 || performance.now() - this.#madePageAt >= pageInterval;
  }

  async #tryPage(link: BrowserConnection): Promise<void> {
    const { settings, onUnfit } = this.#around;
    const { timeout, interval } = settings();
    try {
      await makePage(link.connection, timeout);
      this.#madePageAt = performance.now();
      this.#failedPages = 0;
    } catch (error) {
      if (hasCode(error, 'BROWSER_LOST')) return;
      if (hasCode(error, 'TIMEOUT') && (await this.#isBusy(link, timeout))) return;
      const nth = ++this.#failedPages;
      const reason = `a blank page could not be made: ${(error as Error).message}`;
      if (nth === 2 && this.#state === 'watched') onUnfit(reason);
      throw new Failure(reason, nth === 1 ? 0 : Math.min(LONGEST_EJECTION, interval * 2 ** (nth - 2)));
    }
  }

  /** One that does not answer at all is not busy: that its page could not be made counts. */
  async #isBusy(link: BrowserConnection, timeout: number): Promise<boolean> {
    try {
      return (await this.#measure(link, timeout)) > timeout * BUSY;
    } catch (error) {
      if (hasCode(error, 'TIMEOUT')) return false;
      throw error;
    }
  }

  async #compare(link: BrowserConnection): Promise<void> {
    const { others, mayEject, settings } = this.#around;
    const { outlierFactor, interval, timeout } = settings();
    if (this.#roundTrip === undefined) return;
    let shortest = this.#roundTrip;
    // Meanwhile the others are measured anew: where all have become slow, none is an outlier.
    for (let look = 0; look < SECOND_LOOKS && isOutlier(shortest, others(), outlierFactor); look++) {
      shortest = Math.min(shortest, await this.#measure(link, timeout));
    }
    this.#roundTrip = shortest;
    if (!isOutlier(shortest, others(), outlierFactor)) return;
    if (!this.isEjected && !mayEject()) return;
    const now = performance.now();
    const isForgiven = now - this.#ejections.at > LONGEST_EJECTION + ejectionTime(1, interval);
    const count = isForgiven ? 1 : this.#ejections.count + 1;
    this.#ejections = { count, at: now, isOut: true };
    const reason = `its round trip takes ${Math.round(shortest)} ms, more than ${outlierFactor} times that of the others`;
    throw new Failure(reason, ejectionTime(count, interval));
  }

  #isBack(): void {
    if (!this.#ejections.isOut) return;
    this.#ejections.isOut = false;
    this.startSlowly();
  }

  #breakerOf(link: BrowserConnection): Breaker {
    let breaker = this.#links.get(link);
    if (!breaker) {
      breaker = new Breaker((to, reason) => {
        if (this.#state === 'dropped') return;
        link.health = to;
        this.#around.onChange(to, reason, link);
      });
      this.#links.set(link, breaker);
    }
    return breaker;
  }
}
