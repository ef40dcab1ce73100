import type { EventFeed } from '../../telemetry/event-feed.js';
import { checkPage } from '../../virtual/page-check.js';
import { VirtualClient } from '../../virtual/virtual-client.js';
import type { ClientCommand } from '../../virtual/client-command.js';
import type { BrowserConnection } from '../browser-connection.js';
import type { ServedBrowser } from '../served-browser.js';

/** What is done about a page that hangs: its clients are told in any case. */
export type HangAction = 'tell' | 'terminate' | 'close';

/** When a page hangs, and what is done; times in ms. */
export interface HangSettings {
  /** A page with a command unanswered for so long is looked at; 0 for never. */
  readonly pageHang: number;
  readonly pageHangAction: HangAction;
  /** Between two looks, at most. */
  readonly interval: number;
  /** How long a page may take for the answer that shows that it lives. */
  readonly timeout: number;
}

/** What watching pages needs of the `Mux`. */
export interface PageWatchSurroundings {
  readonly browsers: () => readonly ServedBrowser[];
  readonly settings: () => HangSettings;
  readonly feed: EventFeed;
}

/** The pages that can be asked whether they live. */
const TYPES: readonly string[] = ['page', 'iframe'];

/** One page that was looked at. */
interface Watched {
  /** When it is worth another look, by `performance.now`. */
  nextAt: number;
  isTold: boolean;
}

/**
 * Finds pages that hang. Commands are not timed one by one: now and then the old ones are looked at, and a page that has one is asked
 * whether it lives, since much may take long on purpose.
 */
export class PageWatch {
  readonly #around: PageWatchSurroundings;
  /** By target id; taken off when it has no old command any more. */
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(around: PageWatchSurroundings) {
    this.#around = around;
  }

  /** Starts, or goes on with other settings. */
  rearm(): void {
    this.stop();
    const { pageHang, interval } = this.#around.settings();
    if (pageHang > 0) this.#timer = setInterval(() => this.#walk(), Math.min(interval, pageHang / 2)).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #walk(): void {
    const seen = new Set<string>();
    for (const served of this.#around.browsers()) {
      for (const link of served.links) {
        for (const [targetId, command] of this.#oldest(link)) {
          seen.add(targetId);
          void this.#look(served, targetId, command);
        }
      }
    }
    for (const targetId of this.#watched.keys()) if (!seen.has(targetId)) this.#watched.delete(targetId);
  }

  /** The oldest command of each page that has one that is too old. */
  #oldest({ connection }: BrowserConnection): Map<string, ClientCommand> {
    const found = new Map<string, ClientCommand>();
    const limit = performance.now() - this.#around.settings().pageHang;
    for (const pending of connection.pending()) {
      if (!(pending.owner instanceof VirtualClient)) continue;
      const command = pending as ClientCommand;
      // They are in the order in which they were sent.
      if (command.startedAt > limit) break;
      const { type, targetId, waiting } = command.session;
      if (TYPES.includes(type) && !waiting && !found.has(targetId)) found.set(targetId, command);
    }
    return found;
  }

  async #look(served: ServedBrowser, targetId: string, command: ClientCommand): Promise<void> {
    const { pageHang, timeout } = this.#around.settings();
    let watched = this.#watched.get(targetId);
    if (watched && performance.now() < watched.nextAt) return;
    if (!watched) this.#watched.set(targetId, (watched = { nextAt: 0, isTold: false }));
    watched.nextAt = performance.now() + Math.max(pageHang, timeout);
    const { virtual } = command.session.client;
    const state = await checkPage(virtual, targetId, timeout);
    if (state !== 'hung') watched.isTold = false;
    else if (!watched.isTold && !virtual.ended) {
      watched.isTold = true;
      this.#found(served, targetId, command);
    }
  }

  #found(served: ServedBrowser, targetId: string, { session, startedAt }: ClientCommand): void {
    const { virtual } = session.client;
    const { pageHangAction: action } = this.#around.settings();
    const pendingMs = Math.round(performance.now() - startedAt);
    for (const client of virtual.clients) client.tellOfMux('Mux.pageHung', { targetId, pendingMs, action });
    const message = `A page has not answered for ${pendingMs} ms and does not answer cdpmux either (limits.pageHang)${deeds[action]}`;
    const fields = { browser: served.id, virtualBrowser: virtual.id, target: targetId, pendingMs, action };
    this.#around.feed.emit('warn', 'page.hung', message, fields);
    // In a session that was there before: a page that is stuck lets no new one in.
    if (action === 'terminate') session.tell('Runtime.terminateExecution', undefined);
    else if (action === 'close')
      virtual.host.upstream.call('Target.closeTarget', { targetId }, virtual.rootId);
  }
}

const deeds: Record<HangAction, string> = {
  tell: '',
  terminate: ': its script is terminated',
  close: ': it is closed',
};
