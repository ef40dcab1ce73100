import { ChromeBrowser } from '../chrome/browser.js';
import type { Connection } from '../chrome/connection.js';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import type { BatchSettings } from '../chrome/write-batch.js';
import type { LaunchOptions } from '../chrome/process.js';
import { CdpmuxError } from '../errors.js';
import type { ConnectionCounts } from '../telemetry/connection-counts.js';
import { TraceLock } from '../virtual/trace-lock.js';
import type { VirtualBrowser, VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import { VirtualHost } from '../virtual/virtual-host.js';
import type { BrowserConnection } from './browser-connection.js';
import { ConnectionSet } from './connection-set.js';
import type { Circuit } from './health/breaker.js';
import type { ConnectionSettings } from './options.js';
import type { ConnectionReport } from './reports.js';
import type { StockKeeper } from './stock.js';
import type { ChromeVersion } from './types.js';

/** Where a Chrome comes from: an executable of this machine, or the URL of one that runs elsewhere. */
export type BrowserSource =
  | {
      readonly kind: 'launch';
      readonly executable: ChromeExecutable;
      readonly options: Omit<LaunchOptions, 'executable'>;
    }
  | { readonly kind: 'connect'; readonly url: string };

/** What a Chrome is served with. */
export interface ServeOptions {
  /** Its own, for as long as cdpmux runs. */
  readonly id: string;
  /** For one virtual browser alone, which has all of it. */
  readonly exclusive: boolean;
  /** Of a remote one's connections, as they are now; a launched Chrome has its pipe only. */
  readonly connections: () => ConnectionSettings;
  /** How commands to it are gathered into writes, as it is now. */
  readonly batch: () => BatchSettings;
  readonly counts: ConnectionCounts;
  readonly stock: StockKeeper;
  /** Told of errors of cdpmux's own with messages of this Chrome's. */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** How long a Chrome that could not be used may take to end, ms. */
const CLOSE_DEADLINE = 2_000;

/** A Chrome with the virtual browsers that it serves, over one connection or several. */
export class ServedBrowser {
  readonly id: string;
  readonly version: ChromeVersion;
  /** Of a launched one. */
  readonly pid: number | undefined;
  /** The WebSocket URL of a remote one. */
  readonly endpoint: string | undefined;
  /** What weighs on it beside what it carries, 0 to 1; set by whoever watches its health. */
  handicap: () => number = () => 0;
  /** The circuit breaker of its health checks. */
  health: Circuit = 'closed';
  readonly #chrome: ChromeBrowser;
  readonly #set: ConnectionSet;

  constructor(id: string, chrome: ChromeBrowser, set: ConnectionSet) {
    this.id = id;
    this.version = chrome.version;
    this.pid = chrome.pid;
    this.endpoint = chrome.url;
    this.#chrome = chrome;
    this.#set = set;
  }

  get links(): readonly BrowserConnection[] {
    return this.#set.connections;
  }

  /** Pages whose renderer died in it. */
  get crashes(): number {
    return this.hosts.reduce((sum, { crashes }) => sum + crashes, 0);
  }

  /** How often a launched one said that its GPU process died. */
  get gpuDeaths(): number {
    return this.#chrome.gpuDeaths;
  }

  /** One for each connection. */
  get hosts(): readonly VirtualHost[] {
    return this.#set.connections.map(({ host }) => host);
  }

  get virtuals(): VirtualBrowser[] {
    return this.hosts.flatMap((host) => [...host.virtuals]);
  }

  /** Virtual browsers that are kept ready in it. */
  get stocked(): number {
    return this.#set.connections.reduce((sum, { stocked }) => sum + stocked, 0);
  }

  /** How many should be. */
  get stockWanted(): number {
    return this.#set.connections.reduce((sum, { stockWanted }) => sum + stockWanted, 0);
  }

  /** Commands that Chrome has not answered yet. */
  get pendingCount(): number {
    return this.#set.connections.reduce((sum, { connection }) => sum + connection.pendingCount, 0);
  }

  /** The virtual browser that a target is in. */
  ownerOfTarget(targetId: string): VirtualBrowser | undefined {
    for (const host of this.hosts) {
      const owner = host.target(targetId)?.owner;
      if (owner) return owner;
    }
    return undefined;
  }

  /** The id of the connection that a virtual browser is on; '' when it has ended. */
  connectionOf({ host }: VirtualBrowser): string {
    return this.#set.connections.find((one) => one.host === host)?.id ?? '';
  }

  /** Opens a virtual browser, which stays on one connection. */
  open(options: VirtualBrowserOptions): Promise<VirtualBrowser> {
    return this.#set.openVirtual(options);
  }

  connections(): ConnectionReport[] {
    return this.#set.reports();
  }

  /** Closes its connections, and with them a launched Chrome, whose processes and profile are gone afterwards. */
  async close(deadline: number): Promise<void> {
    // A pipe's end needs Chrome's help, which the process's own end does not.
    const closing = this.#set.close();
    await this.#chrome.close(deadline);
    await closing;
  }
}

/**
 * Launches or connects to a Chrome and makes it ready for virtual browsers. `onLost` comes at most once, after this
 * has resolved, with its last connection and before the virtual browsers on that end.
 */
export async function serveBrowser(
  source: BrowserSource,
  { id, exclusive, connections, batch, counts, stock, onFault }: ServeOptions,
  onLost: (served: ServedBrowser, reason: string) => void,
): Promise<ServedBrowser> {
  let chrome: ChromeBrowser | undefined;
  let served: ServedBrowser | undefined;
  const tracing = new TraceLock();
  const batching = { settings: batch, counts: counts.writes };
  const connect = async (onClose: (reason: string) => void): Promise<Connection> => {
    if (chrome) return chrome.connectAgain(onClose);
    chrome =
      source.kind === 'launch'
        ? await ChromeBrowser.launch({ ...source.options, executable: source.executable }, onClose, batching)
        : await ChromeBrowser.connect(source.url, onClose, batching);
    return chrome.connection;
  };
  const startHost = (connection: Connection): Promise<VirtualHost> => {
    if (onFault) connection.onFault = onFault;
    const isShell = chrome?.version.product.startsWith('HeadlessChrome/') === true;
    return VirtualHost.start(connection, { isShell, exclusive, tracing });
  };
  try {
    const set = await ConnectionSet.open({
      browser: id,
      transport: source.kind === 'launch' ? 'pipe' : 'websocket',
      maker: { connect, startHost, stock },
      settings: connections,
      counts,
      onLost: (reason) => served && onLost(served, reason),
    });
    if (!chrome || set.connections.length === 0) {
      throw new CdpmuxError('BROWSER_LOST', 'The browser was lost as soon as it was there.');
    }
    served = new ServedBrowser(id, chrome, set);
    return served;
  } catch (error) {
    await chrome?.close(CLOSE_DEADLINE);
    throw error;
  }
}
