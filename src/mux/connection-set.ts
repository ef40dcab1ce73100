import { CdpmuxError } from '../errors.js';
import type { ConnectionCounts } from '../telemetry/connection-counts.js';
import type { VirtualBrowser, VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import { BrowserConnection, type ConnectionMaker } from './browser-connection.js';
import { dueChanges, isAnotherWanted, leastLoaded } from './connection-policy.js';
import type { ConnectionSettings } from './options.js';
import type { ConnectionReport } from './reports.js';

/** What a set of connections is made with. */
export interface ConnectionSetOptions {
  /** Id of the browser. */
  readonly browser: string;
  readonly transport: ConnectionReport['transport'];
  readonly maker: ConnectionMaker;
  /** As they are now: a reload may change them. */
  readonly settings: () => ConnectionSettings;
  readonly counts: ConnectionCounts;
  /** Comes once, when the last connection was lost, and before the virtual browsers on it end. */
  readonly onLost: (reason: string) => void;
}

/** How often ages are looked at, ms: a few times within the idle time. */
const SLOWEST_TICK = 1_000;
const FASTEST_TICK = 20;
/** How long to wait before another connection is tried again, ms: at first, and in the end. */
const FIRST_RETRY = 250;
const LAST_RETRY = 30_000;

/**
 * The connections to one browser: a pipe for ever, or 1 to `maxPerBrowser` WebSockets. Virtual browsers go to the least
 * loaded one; further ones are opened in the background, and closed when they are idle or old.
 */
export class ConnectionSet {
  readonly #options: ConnectionSetOptions;
  /** Added when a connection can serve, taken off when it is gone. */
  readonly #all = new Set<BrowserConnection>();
  #state: 'live' | 'lost' | 'closed' = 'live';
  /** One at a time; whoever comes meanwhile is served by those that are there. */
  #opening = false;
  #failures = 0;
  #retryAt = 0;
  #lastNumber = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: ConnectionSetOptions) {
    this.#options = options;
  }

  /** Opens the first connection. */
  static async open(options: ConnectionSetOptions): Promise<ConnectionSet> {
    const set = new ConnectionSet(options);
    await set.#add();
    if (options.transport === 'websocket') {
      const tick = Math.min(SLOWEST_TICK, Math.max(FASTEST_TICK, options.settings().idleTimeout / 4));
      set.#timer = setInterval(() => set.#tick(), tick).unref();
    }
    return set;
  }

  /** Those that are there, the oldest first. */
  get connections(): readonly BrowserConnection[] {
    return [...this.#all];
  }

  reports(): ConnectionReport[] {
    const { browser, transport } = this.#options;
    return this.connections.map((one) => one.report(browser, transport));
  }

  /** Opens a virtual browser on the least loaded connection. */
  async openVirtual(options: VirtualBrowserOptions): Promise<VirtualBrowser> {
    const open = this.connections.filter(({ isOpen }) => isOpen);
    // Where all are past their lifetime and a successor can't be had, an old one is better than none.
    const well = open.filter(({ health }) => health === 'closed');
    const one = leastLoaded([well, open, this.connections].find(({ length }) => length > 0) ?? []);
    if (!one) throw new CdpmuxError('BROWSER_LOST', 'The browser was lost; connect again.');
    if (
      this.#mayGrow() &&
      isAnotherWanted(
        well.map(({ load }) => load),
        this.#options.settings(),
      )
    )
      this.#openAnother();
    return one.openVirtual(options, () => this.#closeIfOver(one));
  }

  /** Closes all; their virtual browsers end. */
  async close(): Promise<void> {
    if (this.#state === 'live') this.#state = 'closed';
    clearInterval(this.#timer);
    await Promise.all(this.connections.map((one) => one.close()));
  }

  async #add(): Promise<void> {
    const { browser, maker, counts } = this.#options;
    const id = `${browser}-${++this.#lastNumber}`;
    const one = await BrowserConnection.open(id, maker, (ended, lost, reason) =>
      this.#onEnd(ended, lost, reason),
    );
    counts.addOpened();
    this.#all.add(one);
    // What it was opened for is no more.
    if (this.#state !== 'live') await one.close();
  }

  #mayGrow(): boolean {
    return this.#options.transport === 'websocket' && !this.#opening && performance.now() >= this.#retryAt;
  }

  #openAnother(): void {
    this.#opening = true;
    this.#add()
      .then(
        () => (this.#failures = 0),
        () => (this.#retryAt = performance.now() + Math.min(FIRST_RETRY * 2 ** this.#failures++, LAST_RETRY)),
      )
      .finally(() => (this.#opening = false));
  }

  #tick(): void {
    const { connections } = this;
    for (const one of connections) one.look();
    const due = dueChanges(connections, this.#options.settings());
    for (const one of due.retire) one.retire();
    for (const one of due.close) void one.close();
    if (due.needsSuccessor && this.#mayGrow()) this.#openAnother();
    for (const one of due.retire) this.#closeIfOver(one);
  }

  #closeIfOver(one: BrowserConnection): void {
    if (one.state.kind === 'retiring' && !one.isInUse) void one.close();
  }

  #onEnd(one: BrowserConnection, lost: boolean, reason: string): void {
    this.#all.delete(one);
    this.#options.counts.addEnded(lost ? 'lost' : 'closed');
    if (this.#all.size > 0 || this.#state !== 'live') return;
    this.#state = 'lost';
    clearInterval(this.#timer);
    this.#options.onLost(reason);
  }
}
