import { setTimeout as delay } from 'node:timers/promises';

import type { News, Order, Unit, Wire } from './messages.js';
import { openUnitSite, type UnitSite } from './site.js';
import { Tap } from './tap.js';
import { WrongResult, type Job } from './work.js';

/** What a client library may take to notice that its connection has gone, ms: some of them wait for ever. */
const NOTICE = 3_000;
/** The longest text of an error that is of use. */
const LONGEST_ERROR = 400;

/** What the clients of a process do. */
export interface Trade {
  /** What kind of unit that one is. */
  kindOf(unit: number): string;
  /** Does it; rejects with WrongResult, or with what went wrong on the way. */
  doUnit(kind: string, job: Job): Promise<void>;
  /** Whether a unit of that kind was to end like this, though its client saw an error. */
  isMeant?(kind: string, wire: Wire): boolean;
}

const tell = (news: News): void => void process.send?.(news);

/** Clients at work through one tap. */
class Crew {
  readonly #trade: Trade;
  readonly #tap: Tap;
  readonly #site: UnitSite;
  #left: number;
  static #lastUnit = 0;

  private constructor(trade: Trade, tap: Tap, site: UnitSite, units: number) {
    this.#trade = trade;
    this.#tap = tap;
    this.#site = site;
    this.#left = units;
  }

  static async start(trade: Trade, wsUrl: string, clients: number, units: number): Promise<Crew> {
    const crew = new Crew(trade, await Tap.open(wsUrl), await openUnitSite(), units);
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
    const kind = this.#trade.kindOf(unit);
    const began = Date.now();
    const connections = [unit];
    let error: Error | undefined;
    let isOver = false;
    let onDeaf: (error: Error) => void = () => undefined;
    const deaf = new Promise<void>((_resolve, reject) => (onDeaf = reject));
    const watch = async (connection: number): Promise<void> => {
      await this.#tap.ended(connection);
      await delay(NOTICE, undefined, { ref: false });
      if (isOver || connections.at(-1) !== connection) return;
      onDeaf(new Error(`${kind} did not notice within ${NOTICE} ms that its connection had gone`));
    };
    void watch(unit);
    const job: Job = {
      unit,
      wsUrl: this.#tap.urlOf(unit),
      url: this.#site.urlOf(unit),
      fileUrl: this.#site.fileOf(unit),
      further: (path, query) => {
        const connection = ++Crew.#lastUnit;
        connections.push(connection);
        void watch(connection);
        return this.#tap.urlOf(connection, path, query);
      },
    };
    try {
      await Promise.race([this.#trade.doUnit(kind, job), deaf]);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    isOver = true;
    const wire = joined(connections.map((connection) => this.#tap.taken(connection)));
    if (error && this.#trade.isMeant?.(kind, wire)) error = undefined;
    return {
      unit,
      kind,
      began,
      ended: Date.now(),
      ...(error && { error: `${error.name}: ${error.message}`.slice(0, LONGEST_ERROR) }),
      wrong: error instanceof WrongResult,
      wire,
    };
  }
}

/** How the connections of a unit went: the last that was answered says how it ended. */
function joined(wires: readonly Wire[]): Wire {
  const last = wires.findLast(({ status }) => status !== undefined) ?? { cut: false };
  return { ...last, cut: wires.some(({ cut }) => cut) };
}

/** Obeys the orders of the process that has started this one. */
export function serve(trade: Trade): void {
  let crew: Crew | undefined;
  const obey = async (order: Order): Promise<void> => {
    if (order.order === 'work') {
      crew = await Crew.start(trade, order.wsUrl, order.clients, order.units ?? Infinity);
    } else if (order.order === 'stop') crew?.stop();
    else tell({ news: 'cut', unit: crew?.cut(order.part) });
  };
  process.on('message', (order: Order) => void obey(order));
  process.on('disconnect', () => process.exit());
  // a client library whose connection was cut may throw where nobody waits: it is the unit's error that counts
  process.on('unhandledRejection', () => undefined);
  tell({ news: 'ready' });
}
