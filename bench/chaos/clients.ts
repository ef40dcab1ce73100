// The clients of the chaos, in a process of their own: what cdpmux's process has is cdpmux's alone.
import { setTimeout as delay } from 'node:timers/promises';

import type { News, Order, Unit } from './messages.js';
import { openUnitSite, type UnitSite } from './site.js';
import { Tap } from './tap.js';
import { doUnit, kinds, WrongResult } from './work.js';

/** What a client library may take to notice that its connection has gone, ms: some of them wait for ever. */
const NOTICE = 3_000;
/** The longest text of an error that is of use. */
const LONGEST_ERROR = 400;

const tell = (news: News): void => void process.send?.(news);

/** Clients at work through one tap. */
class Crew {
  readonly #tap: Tap;
  readonly #site: UnitSite;
  #left: number;
  static #lastUnit = 0;

  private constructor(tap: Tap, site: UnitSite, units: number) {
    this.#tap = tap;
    this.#site = site;
    this.#left = units;
  }

  static async start(wsUrl: string, clients: number, units: number): Promise<Crew> {
    const crew = new Crew(await Tap.open(wsUrl), await openUnitSite(), units);
    void crew.#work(clients);
    return crew;
  }

  cut(part: number): number | undefined {
    return this.#tap.cut(part);
  }

  /** Lets each client end what it does. */
  stop(): void {
    this.#left = 0;
  }

  async #work(clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#client()));
    await Promise.all([this.#tap.close(), this.#site.close()]);
    tell({ news: 'done' });
  }

  async #client(): Promise<void> {
    while (this.#left > 0) {
      this.#left--;
      const unit = await this.#unit(++Crew.#lastUnit);
      tell({ news: 'unit', unit });
      const { retryAfter } = unit.wire;
      // what every refusal asks for
      if (retryAfter !== undefined && this.#left > 0) await delay(retryAfter * 1000);
    }
  }

  async #unit(unit: number): Promise<Unit> {
    const kind = kinds[unit % kinds.length] ?? 'raw CDP';
    const began = Date.now();
    let error: Error | undefined;
    const deaf = this.#tap.ended(unit).then(async () => {
      await delay(NOTICE, undefined, { ref: false });
      throw new Error(`${kind} did not notice within ${NOTICE} ms that its connection had gone`);
    });
    try {
      const done = doUnit(kind, { unit, wsUrl: this.#tap.urlOf(unit), url: this.#site.urlOf(unit) });
      await Promise.race([done, deaf]);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    return {
      unit,
      kind,
      began,
      ended: Date.now(),
      ...(error && { error: `${error.name}: ${error.message}`.slice(0, LONGEST_ERROR) }),
      wrong: error instanceof WrongResult,
      wire: this.#tap.taken(unit),
    };
  }
}

let crew: Crew | undefined;

async function obey(order: Order): Promise<void> {
  if (order.order === 'work') crew = await Crew.start(order.wsUrl, order.clients, order.units ?? Infinity);
  else if (order.order === 'stop') crew?.stop();
  else tell({ news: 'cut', unit: crew?.cut(order.part) });
}

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());
// a client library whose connection was cut may throw where nobody waits: it is the unit's error that counts
process.on('unhandledRejection', () => undefined);
tell({ news: 'ready' });
