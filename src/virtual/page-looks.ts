import type { Protocol } from 'devtools-protocol';
import { targetCrashed } from '../cdp/errors.js';
import type { MessageScanner } from '../cdp/message-scanner.js';
import type { EventSink, Upstream } from '../cdp/upstream.js';
import type { Unchecked } from './rule.js';
import { asChromeReads } from './url-policy.js';
import { isSaid, type PageBegun } from './windows.js';
import type { VirtualHost } from './virtual-host.js';
import type { Appearance, ChromeLooks, WindowSize } from './appearance.js';

type Attached = Protocol.Target.AttachedToTargetEvent;

/** A session of cdpmux's own on a target, for as long as the target lives. */
interface Kept {
  readonly targetId: string;
  /** The session in which it came; undefined for those of a shared root. */
  readonly parent: string | undefined;
}

/**
 * Gives all targets of one virtual browser the looks that were asked for, before they run. A user agent holds as long as
 * the session that set it, and gives way to those that are set in later sessions: so these are the first, and stay.
 */
export class PageLooks implements EventSink {
  readonly userAgent: string | undefined;
  readonly windowSize: WindowSize | undefined;
  readonly #isShell: boolean;
  readonly #upstream: Upstream;
  readonly #chrome: ChromeLooks;
  /** Added when Chrome attaches, taken off when the target has gone. */
  readonly #kept = new Map<string, Kept>();
  /** Pages that commands on their way ask for, and of those the ones that begin as blank ones. */
  #making = 0;
  #later = 0;
  /** Pages that wait until it is known what they are for; added while there are such, taken off with the answer and when they have gone. */
  readonly #blank = new Map<string, Attached>();

  private constructor(host: VirtualHost, { userAgent, windowSize }: Appearance, chrome: ChromeLooks) {
    this.#upstream = host.upstream;
    this.#isShell = host.isShell;
    this.userAgent = userAgent;
    this.windowSize = windowSize;
    this.#chrome = chrome;
  }

  /** Rejects as `looksOfChrome` does. */
  static async of(host: VirtualHost, appearance: Appearance): Promise<PageLooks> {
    const chrome = await host.answers.looks(host.upstream);
    host.windows.offer(chrome.bounds);
    return new PageLooks(host, appearance, chrome);
  }

  /** Whether targets must be met in a session before they run. */
  get dresses(): boolean {
    return this.userAgent !== undefined || this.#isShell;
  }

  /** A target that waits in a session of a shared root: `letGo` ends the session and lets the target run. */
  dress(event: Attached, letGo: () => void): void {
    const { sessionId, targetInfo } = event;
    const { type, openerId, targetId } = targetInfo;
    if (this.userAgent !== undefined) this.#keep(event, undefined);
    const done = this.userAgent === undefined ? letGo : () => this.#letRun(event);
    const isPage = type === 'page';
    // what a command asks for has its size by the command
    const isSized = this.#making > 0 && openerId === undefined;
    if (this.#later > 0 && isPage && openerId === undefined) this.#blank.set(targetId, event);
    else if (this.windowSize && isPage && this.#isShell && !isSized) {
      this.#resize(sessionId, this.windowSize, done);
    } else done();
  }

  /** A page is about to be made. */
  begin(asked: Unchecked): PageBegun {
    const url = this.#blankFirst(asked);
    const isSized = this.#isShell && this.windowSize && !isSaid(asked);
    this.#making++;
    if (url !== undefined) this.#later++;
    return {
      more: { ...(isSized && this.windowSize), ...(url !== undefined && { url: 'about:blank' }) },
      done: (targetId) => {
        this.#making--;
        if (url !== undefined) this.#goOn(asked['forTab'] === true ? this.#newest : targetId, url);
      },
    };
  }

  /** Full Chrome asks for the URL of a page before anybody can say as whom: the one with which such a page is to begin. */
  #blankFirst({ url }: Unchecked): string | undefined {
    if (this.userAgent === undefined || this.#isShell || typeof url !== 'string') return undefined;
    return /^(?:https?|view-source):/i.test(asChromeReads(url)) && URL.canParse(url) ? url : undefined;
  }

  /** The page of a tab that Chrome has just made: it tells of pages in their order, and of each before it answers. */
  get #newest(): string | undefined {
    return [...this.#blank.keys()].at(-1);
  }

  /** Lets a page run that began as a blank one, on its way to what it is for. */
  #goOn(targetId: string | undefined, url: string): void {
    this.#later--;
    for (const [id, event] of this.#blank) {
      if (id !== targetId && this.#later > 0) continue;
      this.#blank.delete(id);
      if (id === targetId) this.#upstream.call('Page.navigate', { url }, event.sessionId);
      this.#letRun(event);
    }
  }

  /** A session of its own has ended, and with it those below, of which Chrome says nothing. */
  gone(sessionId: string): void {
    const kept = this.#kept.get(sessionId);
    if (!kept) return;
    this.#kept.delete(sessionId);
    this.#blank.delete(kept.targetId);
    this.#upstream.unroute(sessionId);
    for (const [child, { parent }] of [...this.#kept]) if (parent === sessionId) this.gone(child);
  }

  /** A renderer has died. */
  crashed(crashedId: string): void {
    for (const [sessionId, { targetId }] of this.#kept) {
      if (targetId === crashedId) this.#upstream.failSession(sessionId, targetCrashed);
    }
  }

  /** The virtual browser has ended; its targets go, and these with them. */
  close(): void {
    for (const sessionId of [...this.#kept.keys()]) this.gone(sessionId);
  }

  /** What frames and workers of a target do. */
  onEvent(message: Buffer, scan: MessageScanner): void {
    const method = scan.method(message);
    if (method === 'Target.attachedToTarget') {
      const { params, sessionId } = JSON.parse(message.toString()) as { params: Attached; sessionId: string };
      this.#keep(params, sessionId);
      this.#letRun(params);
    } else if (method === 'Target.detachedFromTarget') {
      const { params } = JSON.parse(message.toString()) as {
        params: Protocol.Target.DetachedFromTargetEvent;
      };
      this.gone(params.sessionId);
    }
  }

  #keep({ sessionId, targetInfo: { targetId } }: Attached, parent: string | undefined): void {
    const { userAgent = '' } = this;
    const { metadata } = this.#chrome;
    this.#kept.set(sessionId, { targetId, parent });
    this.#upstream.route(sessionId, this);
    const override = { userAgent, ...(metadata && { userAgentMetadata: metadata }) };
    this.#upstream.call('Emulation.setUserAgentOverride', override, sessionId);
    const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: true };
    this.#upstream.call('Target.setAutoAttach', attach, sessionId);
  }

  #letRun({ sessionId, waitingForDebugger }: Attached): void {
    if (waitingForDebugger) this.#upstream.call('Runtime.runIfWaitingForDebugger', undefined, sessionId);
  }

  /** What a page of the shell opens is a window as large as the Chrome's own, unless it says itself how large. */
  #resize(sessionId: string, { width, height }: WindowSize, done: () => void): void {
    const { bounds: own } = this.#chrome;
    this.#upstream.call('Browser.getWindowForTarget', {}, sessionId, (_gone, found) => {
      if (found && found.bounds.width === own.width && found.bounds.height === own.height) {
        const { windowId } = found;
        this.#upstream.call('Browser.setWindowBounds', { windowId, bounds: { width, height } }, sessionId);
      }
      done();
    });
  }
}
