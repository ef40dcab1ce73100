import { ChromeBrowser } from '../chrome/browser.js';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import type { LaunchOptions } from '../chrome/process.js';
import type { VirtualBrowser, VirtualBrowserOptions } from '../virtual/virtual-browser.js';
import { VirtualHost } from '../virtual/virtual-host.js';
import type { ConnectionReport } from './reports.js';
import type { ChromeVersion } from './types.js';

/** Where a Chrome comes from: an executable of this machine, or the URL of one that runs elsewhere. */
export type BrowserSource =
  | {
      readonly kind: 'launch';
      readonly executable: ChromeExecutable;
      readonly options: Omit<LaunchOptions, 'executable'>;
    }
  | { readonly kind: 'connect'; readonly url: string };

/** What a Chrome is served as. */
export interface ServeOptions {
  /** Its own, for as long as cdpmux runs. */
  readonly id: string;
  /** For one virtual browser alone, which has all of it. */
  readonly exclusive: boolean;
}

/** How long a Chrome that could not be used may take to end, ms. */
const CLOSE_DEADLINE = 2_000;

/** A Chrome with the virtual browsers that it serves. */
export class ServedBrowser {
  readonly id: string;
  readonly hosts: readonly VirtualHost[];
  readonly #chrome: ChromeBrowser;
  readonly #since = performance.now();

  constructor(id: string, chrome: ChromeBrowser, host: VirtualHost) {
    this.id = id;
    this.#chrome = chrome;
    this.hosts = [host];
  }

  /** What Chrome says of itself. */
  get version(): ChromeVersion {
    return this.#chrome.version;
  }

  /** Of a launched one. */
  get pid(): number | undefined {
    return this.#chrome.pid;
  }

  get virtuals(): VirtualBrowser[] {
    return this.hosts.flatMap(({ virtuals }) => [...virtuals]);
  }

  /** Commands that it has not answered. */
  get pendingCount(): number {
    return this.#chrome.connection.pendingCount;
  }

  open(options: VirtualBrowserOptions): Promise<VirtualBrowser> {
    return this.hosts[0]!.open(options);
  }

  /** The virtual browser that a target is in. */
  ownerOfTarget(targetId: string): VirtualBrowser | undefined {
    for (const host of this.hosts) {
      const owner = host.target(targetId)?.owner;
      if (owner) return owner;
    }
    return undefined;
  }

  /** The id of the connection that a virtual browser is on. */
  connectionOf(_virtual: VirtualBrowser): string {
    return `${this.id}-1`;
  }

  connections(): ConnectionReport[] {
    const { virtuals } = this;
    const { connection, pid } = this.#chrome;
    return [
      {
        id: `${this.id}-1`,
        browser: this.id,
        transport: pid === undefined ? 'websocket' : 'pipe',
        state: 'open',
        virtualBrowsers: virtuals.length,
        clients: virtuals.reduce((sum, { clients }) => sum + clients.size, 0),
        pendingCommands: connection.pendingCount,
        backlogBytes: connection.backlog,
        ageMs: Math.round(performance.now() - this.#since),
      },
    ];
  }

  close(deadline: number): Promise<void> {
    return this.#chrome.close(deadline);
  }
}

/**
 * Launches or connects to a Chrome and makes it ready for virtual browsers. `onLost` comes at most once, after this
 * has resolved; by then all virtual browsers in it have ended.
 */
export async function serveBrowser(
  source: BrowserSource,
  { id }: ServeOptions,
  onLost: (served: ServedBrowser, reason: string) => void,
): Promise<ServedBrowser> {
  let served: ServedBrowser | undefined;
  const onClose = (reason: string): void => {
    if (!served) return;
    for (const host of served.hosts) host.lost();
    onLost(served, reason);
  };
  const chrome =
    source.kind === 'launch'
      ? await ChromeBrowser.launch({ ...source.options, executable: source.executable }, onClose)
      : await ChromeBrowser.connect(source.url, onClose);
  try {
    const isShell = chrome.version.product.startsWith('HeadlessChrome/');
    served = new ServedBrowser(id, chrome, await VirtualHost.start(chrome.connection, isShell));
    return served;
  } catch (error) {
    await chrome.close(CLOSE_DEADLINE);
    throw error;
  }
}
