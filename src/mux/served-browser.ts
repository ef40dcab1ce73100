import { ChromeBrowser } from '../chrome/browser.js';
import type { ChromeExecutable } from '../chrome/executable-types.js';
import type { LaunchOptions } from '../chrome/process.js';
import { VirtualHost } from '../virtual/virtual-host.js';

/** A Chrome with the virtual browsers that it serves. */
export interface ServedBrowser {
  readonly chrome: ChromeBrowser;
  readonly host: VirtualHost;
}

/** Where a Chrome comes from: an executable of this machine, or the URL of one that runs elsewhere. */
export type BrowserSource =
  | {
      readonly kind: 'launch';
      readonly executable: ChromeExecutable;
      readonly options: Omit<LaunchOptions, 'executable'>;
    }
  | { readonly kind: 'connect'; readonly url: string };

/** How long a Chrome that could not be used may take to end, ms. */
const CLOSE_DEADLINE = 2_000;

/**
 * Launches or connects to a Chrome and makes it ready for virtual browsers. `onLost` comes at most once, after this
 * has resolved; by then all virtual browsers in it have ended.
 */
export async function serveBrowser(
  source: BrowserSource,
  onLost: (served: ServedBrowser, reason: string) => void,
): Promise<ServedBrowser> {
  let served: ServedBrowser | undefined;
  const onClose = (reason: string): void => {
    if (!served) return;
    served.host.lost();
    onLost(served, reason);
  };
  const chrome =
    source.kind === 'launch'
      ? await ChromeBrowser.launch({ ...source.options, executable: source.executable }, onClose)
      : await ChromeBrowser.connect(source.url, onClose);
  try {
    const isShell = chrome.version.product.startsWith('HeadlessChrome/');
    served = { chrome, host: await VirtualHost.start(chrome.connection, isShell) };
    return served;
  } catch (error) {
    await chrome.close(CLOSE_DEADLINE);
    throw error;
  }
}
