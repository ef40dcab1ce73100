import type { Slot } from '../../pool/slot.js';
import type { EventFeed, FeedEvent } from '../../telemetry/event-feed.js';
import type { BrowserConnection } from '../browser-connection.js';
import { FAILED_CHECKS, type BrowserPool } from '../browser-pool.js';
import type { ServedBrowser } from '../served-browser.js';
import type { Circuit } from './breaker.js';
import { Patient } from './patient.js';
import { isPanic, mayEject } from './policy.js';
import type { HealthSettings } from './settings.js';

/** Whose bar it is that keeps newcomers from a browser. */
const HEALTH = 'health';
/** So many checks in a row are doubted; what does not answer after them serves nobody anyway. */
const MOST_DOUBTS = 3;

/** What watching needs of the `Mux`. */
export interface MonitorSurroundings {
  readonly pools: () => readonly BrowserPool[];
  readonly settings: () => HealthSettings;
  readonly feed: EventFeed;
  /** A round trip took so many seconds. */
  readonly observe: (seconds: number) => void;
}

/** Checks all browsers now and then: keeps newcomers from those that look ill, and gives up those that are dead. */
export class HealthMonitor {
  readonly #around: MonitorSurroundings;
  readonly #patients = new WeakMap<ServedBrowser, Patient>();
  /** Remote ones that were lost, by pool and URL: they start slowly when they are back. Bounded by the configuration. */
  readonly #lost = new Set<string>();
  /** Pools whose checks are doubted, with how often each browser was spared. */
  readonly #doubts = new Map<BrowserPool, WeakMap<BrowserConnection, number>>();
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(around: MonitorSurroundings) {
    this.#around = around;
  }

  start(): void {
    this.#stopListening ??= this.#around.feed.listen((event) => this.#onEvent(event));
    this.rearm();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  /** The settings are others. */
  rearm(): void {
    clearInterval(this.#timer);
    const { enabled, interval } = this.#around.settings();
    if (enabled) this.#timer = setInterval(() => this.#tick(), interval).unref();
    else this.#drop();
  }

  /** Nobody looks any more, so what was found keeps nobody away. */
  #drop(): void {
    for (const pool of this.#around.pools()) {
      for (const patient of this.#watched(pool)) {
        patient.drop();
        this.#patients.delete(patient.served);
        pool.line.upkeep.unbar(patient.served, HEALTH);
      }
    }
    this.#doubts.clear();
  }

  #tick(): void {
    for (const pool of this.#around.pools()) {
      for (const slot of pool.slots) {
        if (slot.resource) void this.#patientOf(pool, slot, slot.resource).check();
      }
    }
  }

  #patientOf(pool: BrowserPool, slot: Slot<ServedBrowser>, served: ServedBrowser): Patient {
    const known = this.#patients.get(served);
    if (known) return known;
    const { settings, observe } = this.#around;
    const patient: Patient = new Patient(served, {
      settings,
      observe,
      isRemote: served.endpoint !== undefined,
      isExclusive: slot.exclusive,
      others: () => this.#others(pool, patient),
      mayEject: () => this.#mayEject(pool),
      onChange: (to, reason, connection) => this.#onChange(pool, patient, { to, reason, connection }),
      onSilent: (connection, reason) => this.#onSilent(pool, connection, reason),
      onUnfit: (reason) => {
        if (served.endpoint === undefined) pool.line.upkeep.replace(served, `${FAILED_CHECKS}: ${reason}`);
      },
    });
    this.#patients.set(served, patient);
    return patient;
  }

  #watched(pool: BrowserPool): Patient[] {
    return pool.browsers.flatMap((served) => this.#patients.get(served) ?? []);
  }

  #others(pool: BrowserPool, patient: Patient): number[] {
    return this.#watched(pool).flatMap((one) => {
      const counts = one !== patient && one.served.endpoint !== undefined && one.circuit === 'closed';
      return counts && one.roundTrip !== undefined ? [one.roundTrip] : [];
    });
  }

  #mayEject(pool: BrowserPool): boolean {
    const remote = pool.browsers.filter(({ endpoint }) => endpoint !== undefined);
    const ejected = this.#watched(pool).filter(({ isEjected }) => isEjected).length;
    return mayEject(ejected, remote.length, this.#around.settings().maxEjected);
  }

  #onChange(
    pool: BrowserPool,
    { served }: Patient,
    { to, reason, connection }: { to: Circuit; reason: string; connection?: BrowserConnection | undefined },
  ): void {
    const what =
      connection && served.endpoint !== undefined ? `Connection ${connection.id}` : `Browser ${served.id}`;
    const message = {
      open: `${what} is given nobody: ${reason}`,
      'half-open': `${what} is looked at again`,
      closed: `${what} is well again`,
    }[to];
    this.#around.feed.emit(to === 'open' ? 'warn' : 'info', `browser.health-${to}`, message, {
      browser: served.id,
      ...(connection && { connection: connection.id }),
      pool: pool.name,
      ...(to !== 'closed' && { reason }),
    });
    this.#settle(pool);
  }

  /** Bars those that look ill, unless too many do. */
  #settle(pool: BrowserPool): void {
    const patients = this.#watched(pool);
    const isDoubted = this.#doubt(pool, patients);
    for (const patient of patients) {
      const { reason, served } = patient;
      served.health = patient.circuit;
      const isBarred = reason !== undefined && (!isDoubted || patient.isEjected);
      if (isBarred) pool.line.upkeep.bar(served, HEALTH, `${FAILED_CHECKS}: ${reason}`);
      else pool.line.upkeep.unbar(served, HEALTH);
    }
  }

  #doubt(pool: BrowserPool, patients: readonly Patient[]): boolean {
    const ill = patients.filter(({ circuit, isEjected }) => circuit !== 'closed' && !isEjected).length;
    const isDoubted = isPanic(ill, pool.browsers.length, this.#around.settings().panicShare);
    if (isDoubted === this.#doubts.has(pool)) return isDoubted;
    if (isDoubted) this.#doubts.set(pool, new WeakMap());
    else this.#doubts.delete(pool);
    const message = isDoubted
      ? `${ill} of ${pool.browsers.length} browsers look ill: the checks are doubted, and the browsers stay`
      : 'Health checks are believed again';
    const type = isDoubted ? 'pool.health-doubted' : 'pool.health-believed';
    this.#around.feed.emit(isDoubted ? 'warn' : 'info', type, message, { pool: pool.name });
    return isDoubted;
  }

  #onSilent(pool: BrowserPool, connection: BrowserConnection, reason: string): void {
    const doubts = this.#doubts.get(pool);
    if (doubts) {
      const times = (doubts.get(connection) ?? 0) + 1;
      doubts.set(connection, times);
      if (times <= MOST_DOUBTS) return;
    }
    connection.abort(`${FAILED_CHECKS}: ${reason}, twice in a row`);
  }

  #onEvent({ type, fields }: FeedEvent): void {
    const key = `${fields['pool']} ${fields['supply']}`;
    if (type === 'browser.lost') this.#lost.add(key);
    if (type !== 'browser.ready' || !this.#lost.delete(key)) return;
    const pool = this.#around.pools().find(({ name }) => name === fields['pool']);
    const slot = pool?.slots.find(({ id }) => id === fields['browser']);
    if (pool && slot?.resource?.endpoint !== undefined)
      this.#patientOf(pool, slot, slot.resource).startSlowly();
  }
}
