import type { Protocol } from 'devtools-protocol';
import type { Incoming } from './client-command.js';
import { objectParams } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';

/** It is brought there after so long in any case, ms: the pages behind it must be told that they are hidden. */
const LATEST = 1_000;

const EARLY_SCRIPT = 'Page.addScriptToEvaluateOnNewDocument';

/** What libraries send when they meet a new page, and what has the same answer and effect whichever page is in front. */
const blind: ReadonlySet<string> = new Set([
  ...['Audits', 'Log', 'Network', 'Page', 'Performance', 'Runtime', 'WebMCP'].map(
    (domain) => `${domain}.enable`,
  ),
  ...['Browser.close', 'Browser.getVersion', 'Target.setAutoAttach', 'Target.setDiscoverTargets'],
  ...['Target.getBrowserContexts', 'Target.getTargetInfo', 'Target.getTargets', 'Fetch.disable'],
  ...[EARLY_SCRIPT, 'Page.createIsolatedWorld', 'Page.getFrameTree'],
  ...['Page.setFontFamilies', 'Page.setLifecycleEventsEnabled', 'Network.setCacheDisabled'],
  ...['Emulation.setDeviceMetricsOverride', 'Emulation.setTouchEmulationEnabled'],
  ...['Emulation.setEmulatedMedia', 'Emulation.setFocusEmulationEnabled'],
  ...['Target.attachToTarget', 'Target.attachToBrowserTarget', 'Target.detachFromTarget'],
  'Runtime.runIfWaitingForDebugger',
]);

/**
 * A page that was kept ready and is given away comes to the front, as a new one would. Full Chrome lays its window out anew
 * for that, in its main thread; in the headless shell all pages are in front. So it is done when the first command comes that
 * could tell, and at the latest after a second.
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
  before(incoming: Incoming): void {
    const { frame, scan } = incoming;
    if (scan.method === 'Target.closeTarget' && this.#goesUnseen(incoming)) return;
    const runsNow = scan.method === EARLY_SCRIPT && frame.includes('runImmediately');
    if (runsNow || !blind.has(scan.method)) this.settle();
  }

  /** A page has come by itself, as those do that pages open: it is in front, of the late one where both are in one window. */
  opened({ type, targetId }: Protocol.Target.TargetInfo): void {
    if (!this.#late || type !== 'page' || targetId === this.#late.targetId) return;
    this.settle();
    this.#activate(targetId);
  }

  /** It need not come any more where it is the one that has gone. */
  gone(targetId: string): void {
    if (targetId === this.#late?.targetId) this.clear();
  }

  /** Brings it there now: before anything that depends on which page is in front. */
  settle(): void {
    const targetId = this.#late?.targetId;
    this.clear();
    if (targetId !== undefined) this.#activate(targetId);
  }

  /** The virtual browser has ended: nobody looks any more. */
  clear(): void {
    clearTimeout(this.#late?.timer);
    this.#late = undefined;
  }

  #activate(targetId: string): void {
    const { host, rootId } = this.#virtual;
    host.upstream.call('Target.activateTarget', { targetId }, rootId);
  }

  /**
   * It is closed before it has come, and the one page that stays is in front then either way; among more, Chrome would
   * choose. The page that stays is not told that it was hidden in between.
   */
  #goesUnseen(incoming: Incoming): boolean {
    const isLast = this.#virtual.quota.count('targets') <= 2;
    return isLast && objectParams(incoming)['targetId'] === this.#late?.targetId;
  }
}
