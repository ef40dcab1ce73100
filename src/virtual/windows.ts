import type { Protocol } from 'devtools-protocol';
import type { Unchecked } from './rule.js';
import type { VirtualBrowser } from './virtual-browser.js';
import type { VirtualHost } from './virtual-host.js';

/** Where a window is, and how large, in device-independent pixels. */
export type WindowBounds = Required<Pick<Protocol.Browser.Bounds, 'left' | 'top' | 'width' | 'height'>>;

/** A client that says any of these has its own way. */
const SAID = ['left', 'top', 'width', 'height', 'windowState', 'hidden'] as const;

/**
 * Where the windows of full Chrome open. By itself it opens them as large as the last one was that somebody closed, and
 * beside those that are open: a virtual browser would see what its neighbours do.
 */
export class Windows {
  readonly #host: VirtualHost;
  /** That of a window which opened when nobody had moved any. */
  #own: WindowBounds | undefined;

  constructor(host: VirtualHost) {
    this.#host = host;
  }

  /** Takes note of where a page is that was opened without a word of where, in a Chrome that is as it started. */
  learn({ targetId }: { readonly targetId: string }): void {
    if (this.#own || this.#isPlain) return;
    this.#host.upstream.call('Browser.getWindowForTarget', { targetId }, '', (_gone, found) => {
      if (found) this.offer(found.bounds);
    });
  }

  /** The same of bounds that are known. */
  offer({ left = 0, top = 0, width, height }: Protocol.Browser.Bounds): void {
    if (width !== undefined && height !== undefined) this.#own ??= { left, top, width, height };
  }

  /** What the making of a page of a virtual browser is to say beside `params`. */
  placeIn(virtual: VirtualBrowser, params: Unchecked): Partial<Unchecked> {
    if (this.#isPlain) return {};
    const { browserContextId = virtual.defaultContextId } = params;
    const isThere = virtual
      .targets()
      .some(({ info }) => info.type === 'page' && info.browserContextId === browserContextId);
    return this.placeOf(params, !isThere, virtual.looks?.windowSize);
  }

  /** What a page's making is to say beside `params`; nothing for one that goes into a window which is there. */
  placeOf(params: Unchecked, isFirst: boolean, wish?: Partial<WindowBounds>): Partial<Unchecked> {
    const opensWindow = isFirst || params['newWindow'] === true;
    if (this.#isPlain || !this.#own || !opensWindow || SAID.some((name) => params[name] !== undefined)) {
      return {};
    }
    return { ...this.#own, ...wish, newWindow: true };
  }

  /** In the shell each page is a window as large as the first; who has a whole Chrome has its windows, too. */
  get #isPlain(): boolean {
    return this.#host.isShell || this.#host.exclusive;
  }
}
