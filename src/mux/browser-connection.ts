import type { Connection } from '../chrome/connection.js';
import { CdpmuxError } from '../errors.js';
import type { VirtualBrowser, VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import type { VirtualHost } from '../virtual/virtual-host.js';
import type { ConnectionLoad } from './connection-policy.js';
import type { Circuit } from './health/breaker.js';
import type { ConnectionReport } from './reports.js';
import { Stock, type StockKeeper } from './stock.js';

/** Where a connection is in its life; `retiring` takes nobody new, and is closed with its last virtual browser. */
export type ConnectionState =
  | { readonly kind: 'open' }
  | { readonly kind: 'retiring' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'closed'; readonly reason: string };

/** How a connection is made. */
export interface ConnectionMaker {
  connect(onClose: (reason: string) => void): Promise<Connection>;
  startHost(connection: Connection): Promise<VirtualHost>;
  readonly stock: StockKeeper;
}

/** Longest time from an open connection to roots that serve virtual browsers, ms: a slow link and a busy Chrome included. */
const READY_DEADLINE = 30_000;

/** One connection to a browser, with the virtual browsers that stay on it for all their life. */
export class BrowserConnection {
  readonly id: string;
  readonly connection: Connection;
  readonly host: VirtualHost;
  /** As health checks see it: one that is not closed is given nobody where there is another. */
  health: Circuit = 'closed';
  readonly #openedAt = performance.now();
  readonly #ended: Promise<void>;
  readonly #stock: Stock;
  #state: ConnectionState = { kind: 'open' };
  /** Virtual browsers that are being opened on it. */
  #opening = 0;
  /** Bytes that Chrome had sent at the last look, when that was, and how fast they came before it. */
  #seen = { bytes: 0, at: performance.now(), perSecond: 0 };
  /** When it last had a virtual browser. */
  #usedAt = performance.now();

  private constructor(
    id: string,
    connection: Connection,
    host: VirtualHost,
    ended: Promise<void>,
    stock: StockKeeper,
  ) {
    this.id = id;
    this.connection = connection;
    this.host = host;
    this.#ended = ended;
    this.#stock = new Stock({ ...stock, host, pendingCommands: () => connection.pendingCount });
  }

  /**
   * Connects and makes the roots; rejects with what it failed of. `onEnd` comes once after this has resolved, when the
   * connection is gone and before what was on it ends; `lost` says that nobody had asked for it.
   */
  static async open(
    id: string,
    maker: ConnectionMaker,
    onEnd: (one: BrowserConnection, lost: boolean, reason: string) => void,
  ): Promise<BrowserConnection> {
    let ended = (): void => undefined;
    const whenEnded = new Promise<void>((resolve) => (ended = resolve));
    let one: BrowserConnection | undefined;
    let early: string | undefined;
    const connection = await maker.connect((reason) => {
      if (one) {
        const lost = one.#onClosed(reason);
        // Whoever hears of the end of what was on it must find this one gone, or would be placed on it again.
        onEnd(one, lost, reason);
        one.host.lost();
        ended();
      } else early = reason;
    });
    const late = setTimeout(() => connection.close(), READY_DEADLINE);
    try {
      const host = await maker.startHost(connection);
      if (early !== undefined) throw new CdpmuxError('BROWSER_LOST', `The connection was lost: ${early}`);
      one = new BrowserConnection(id, connection, host, whenEnded, maker.stock);
      return one;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  /** Virtual browsers that are kept ready on it. */
  get stocked(): number {
    return this.#stock.size;
  }

  /** How many should be. */
  get stockWanted(): number {
    return this.#stock.wanted;
  }

  get load(): ConnectionLoad {
    return {
      virtualBrowsers: this.host.virtuals.size + this.#opening,
      pendingCommands: this.connection.pendingCount,
      backlogBytes: this.connection.backlog,
      receivedPerSecond: this.#seen.perSecond,
      ageMs: performance.now() - this.#openedAt,
      idleMs: this.isInUse ? 0 : performance.now() - this.#usedAt,
    };
  }

  get isInUse(): boolean {
    return this.host.virtuals.size + this.#opening > 0;
  }

  /** Opens a virtual browser here; `onLeft` is called whenever one has gone or did not come about. */
  async openVirtual(options: VirtualBrowserOptions, onLeft: () => void): Promise<VirtualBrowser> {
    this.#opening++;
    const left = (): void => {
      this.#usedAt = performance.now();
      onLeft();
    };
    const onEnd = (): void => {
      options.onEnd();
      left();
    };
    try {
      return await this.#stock.open(options, (ready) => this.host.open({ ...options, onEnd }, ready));
    } finally {
      this.#opening--;
      left();
    }
  }

  /** Measures how much Chrome sends; called now and then. */
  look(): void {
    const { received: bytes } = this.connection;
    const at = performance.now();
    const perSecond = ((bytes - this.#seen.bytes) / Math.max(1, at - this.#seen.at)) * 1_000;
    this.#seen = { bytes, at, perSecond };
  }

  retire(): void {
    if (!this.isOpen) return;
    this.#state = { kind: 'retiring' };
    this.#stock.close();
  }

  /** Ends it at once, as lost: nothing is heard of it any more. */
  abort(reason: string): void {
    this.connection.abort(reason);
  }

  /** Closes it and waits until it is gone; what is on it ends. */
  close(): Promise<void> {
    if (this.#state.kind === 'open' || this.#state.kind === 'retiring') {
      this.#state = { kind: 'closing' };
      this.connection.close();
    }
    return this.#ended;
  }

  report(browser: string, transport: ConnectionReport['transport']): ConnectionReport {
    const { pendingCommands, backlogBytes, ageMs } = this.load;
    return {
      id: this.id,
      browser,
      transport,
      state: this.isOpen ? 'open' : 'retiring',
      health: this.health,
      virtualBrowsers: this.host.virtuals.size,
      clients: [...this.host.virtuals].reduce((sum, { clients }) => sum + clients.size, 0),
      pendingCommands,
      backlogBytes,
      ageMs: Math.round(ageMs),
    };
  }

  #onClosed(reason: string): boolean {
    const lost = this.isOpen || this.#state.kind === 'retiring';
    this.#state = { kind: 'closed', reason };
    this.#stock.close();
    return lost;
  }
}
