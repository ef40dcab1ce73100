import type { VirtualBrowser } from './virtual-browser.js';

/** A page brings itself to nobody's notice for longer, ms: those behind it are told by then that they are hidden. */
const LATEST = 1_000;

/** What libraries send when they meet a new page, and what has the same answer and effect whichever page is in front. */
const blind: ReadonlySet<string> = new Set([
  ...['Audits', 'Log', 'Network', 'Page', 'Performance', 'Runtime', 'WebMCP'].map(
    (domain) => `${domain}.enable`,
  ),
  ...['Browser.close', 'Browser.getVersion', 'Target.setAutoAttach', 'Target.setDiscoverTargets'],
  ...['Target.getBrowserContexts', 'Target.getTargetInfo', 'Target.getTargets', 'Fetch.disable'],
  ...['Page.addScriptToEvaluateOnNewDocument', 'Page.createIsolatedWorld', 'Page.getFrameTree'],
  ...['Page.setFontFamilies', 'Page.setLifecycleEventsEnabled', 'Network.setCacheDisabled'],
  ...['Emulation.setDeviceMetricsOverride', 'Emulation.setTouchEmulationEnabled'],
  ...['Emulation.setEmulatedMedia', 'Emulation.setFocusEmulationEnabled'],
  ...['Target.attachToTarget', 'Target.attachToBrowserTarget', 'Target.detachFromTarget'],
  'Runtime.runIfWaitingForDebugger',
]);

/**
 * A page that was kept ready and is given away comes to the front, as a new one would: Chrome takes some 45 ms of the
 * processor for it (full Chrome; in the headless shell all pages are in front). So it is done when the first command comes
 * that could tell, beside which it often costs nobody any time, and at the latest after a second.
 */
export class LateFront {
  readonly #virtual: VirtualBrowser;
  #late: { readonly targetId: string; readonly timer: NodeJS.Timeout } | undefined;

  constructor(virtual: VirtualBrowser) {
    this.#virtual = virtual;
  }

  /** Whether a page is not in front yet that should be. */
  get isLate(): boolean {
    return this.#late !== undefined;
  }

  /** This page comes to the front when it can be seen. */
  bring(targetId: string): void {
    this.settle();
    const timer = setTimeout(() => this.settle(), LATEST).unref();
    this.#late = { targetId, timer };
  }

  /** A client sends this command next. */
  before(method: string): void {
    if (!blind.has(method)) this.settle();
  }

  /** Brings it there now: before anything that depends on which page is in front. */
  settle(): void {
    const targetId = this.#late?.targetId;
    this.clear();
    const { host, rootId } = this.#virtual;
    if (targetId !== undefined) host.upstream.call('Target.activateTarget', { targetId }, rootId);
  }

  /** The virtual browser has ended: nobody looks any more. */
  clear(): void {
    clearTimeout(this.#late?.timer);
    this.#late = undefined;
  }
}
