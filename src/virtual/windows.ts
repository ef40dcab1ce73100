import type { Protocol } from 'devtools-protocol';
import type { Unchecked } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { VirtualHost } from './virtual-host.js';

/** Where a window is, and how large, in device-independent pixels. */
export type WindowBounds = Required<Pick<Protocol.Browser.Bounds, 'left' | 'top' | 'width' | 'height'>>;

/** A page that is about to be made. */
export interface PageBegun {
  /** What Chrome is asked with, beside what was asked for. */
  readonly more: Unchecked;
  /** To be called with Chrome's answer. */
  readonly done: (targetId: string | undefined) => void;
}

/** A client that says any of these has its own way. */
const SAID = ['left', 'top', 'width', 'height', 'windowState', 'hidden'] as const;

/** Whether a client says itself where a page is to be, or how large. */
export function isSaid(params: Unchecked): boolean {
  return SAID.some((name) => params[name] !== undefined);
}

/**
 * Where the windows of full Chrome open. By itself it opens them as large as the last one was that somebody closed, and
 * beside those that are open: a virtual browser would see what its neighbours do. So all open where the first one did that
 * this connection made, or of a Chrome that others had used before, where that one was then.
 */
export class Windows {
  readonly #host: VirtualHost;
  /** That of a window which opened when nobody had moved any. */
  #own: WindowBounds | undefined;
  /** Contexts whose first page is on its way: what is asked for meanwhile goes into its window. */
  readonly #opening = new WeakMap<VirtualBrowser, Set<unknown>>();

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  /** Takes note of the bounds of a window that opened without a word of where, in a Chrome that nobody has used. */
  offer({ left = 0, top = 0, width, height }: Protocol.Browser.Bounds): void {
    if (width !== undefined && height !== undefined) this.#own ??= { left, top, width, height };
  }

  /** A page of a virtual browser is about to be made: what is to be said beside `params`, and what is to be called when Chrome has answered. */
  begin(virtual: VirtualBrowser, params: Unchecked): PageBegun {
    if (this.#isPlain) return { more: {}, done: () => undefined };
    const { browserContextId: contextId = virtual.defaultContextId } = params;
    const opening = this.#opening.get(virtual) ?? new Set();
    this.#opening.set(virtual, opening);
    const isFirst =
      !opening.has(contextId) &&
      // a spare page has a window already, into which Chrome puts the next one of its context
      (contextId !== virtual.defaultContextId || virtual.spares.isEmpty) &&
      !virtual.targets().some(({ info }) => info.type === 'page' && info.browserContextId === contextId);
    if (isFirst) opening.add(contextId);
    return {
      more: this.placeOf(params, isFirst, virtual.looks?.windowSize),
      done: (targetId) => {
        if (isFirst) opening.delete(contextId);
        if (isFirst && targetId !== undefined && !isSaid(params)) this.learn(targetId);
      },
    };
  }

  /** Takes note of where a page is that was opened without a word of where, in a window of its own. */
  learn(targetId: string): void {
    if (this.#own || this.#isPlain) return;
    this.#host.upstream.call('Browser.getWindowForTarget', { targetId }, '', (_gone, found) => {
      if (found) this.offer(found.bounds);
    });
  }

  /** What a page's making is to say beside `params`; nothing for one that goes into a window which is there. */
  placeOf(params: Unchecked, isFirst: boolean, wish?: Partial<WindowBounds>): Partial<Unchecked> {
    const opensWindow = isFirst || params['newWindow'] === true;
    if (this.#isPlain || !this.#own || !opensWindow || isSaid(params)) {
      return {};
    }
    return { ...this.#own, ...wish, newWindow: true };
  }

  /** In the shell each page is a window as large as the first; who has a whole Chrome has its windows, too. */
  get #isPlain(): boolean {
    return this.#host.isShell || this.#host.exclusive;
  }
}
