import type { Protocol } from 'devtools-protocol';
import { CdpmuxError, hasCode } from '../errors.js';
import { openPage } from '../virtual/page-making.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { NamedBrowser, PageEntry } from './types.js';
import { refusalOfUrl } from '../virtual/rules-url.js';

/** What Chrome's HTTP endpoints do, done in one virtual browser. */
export class NamedPageList implements NamedBrowser {
  readonly #virtual: VirtualBrowser;

  constructor(virtual: VirtualBrowser) {
    this.#virtual = virtual;
  }

  async list(forTab: boolean): Promise<PageEntry[]> {
    // As Chrome lists: pages in place of their tabs, or tabs in place of their pages.
    const hidden = forTab ? 'page' : 'tab';
    const { targetInfos } = await this.#virtual.host.upstream.request(
      'Target.getTargets',
      { filter: [{ type: 'browser', exclude: true }, { type: hidden, exclude: true }, {}] },
      this.#virtual.rootId,
    );
    return targetInfos.filter((info) => this.#virtual.host.ownerOf(info) === this.#virtual).map(entryOf);
  }

  async open(url: string, forTab: boolean): Promise<PageEntry> {
    const why = refusalOfUrl(this.#virtual, url);
    if (why !== undefined) throw new CdpmuxError('FORBIDDEN', why);
    const id = await openPage(this.#virtual, url, forTab);
    const entry = await this.#entry(id);
    if (!entry) throw new CdpmuxError('NOT_FOUND', `The new page ${id} was closed before it could be shown.`);
    // Full Chrome may not have begun the navigation yet, and shows where it goes.
    return entry.url === '' ? { ...entry, url: new URL(url).href } : entry;
  }

  async activate(targetId: string): Promise<boolean> {
    if (!this.#virtual.owns(targetId)) return false;
    return this.#tell('Target.activateTarget', targetId);
  }

  async closeTarget(targetId: string): Promise<boolean> {
    if (!this.#virtual.owns(targetId)) return false;
    return this.#tell('Target.closeTarget', targetId);
  }

  async #entry(targetId: string): Promise<PageEntry | undefined> {
    const entries = [...(await this.list(false)), ...(await this.list(true))];
    return entries.find(({ id }) => id === targetId);
  }

  async #tell(method: 'Target.activateTarget' | 'Target.closeTarget', targetId: string): Promise<boolean> {
    this.#virtual.front.settle();
    try {
      await this.#virtual.host.upstream.request(method, { targetId }, this.#virtual.rootId);
      return true;
    } catch (error) {
      // It went by itself in between.
      if (hasCode(error, 'PROTOCOL')) return false;
      throw error;
    }
  }
}

function entryOf({ targetId, type, title, url }: Protocol.Target.TargetInfo): PageEntry {
  return { id: targetId, type, title, url };
}
