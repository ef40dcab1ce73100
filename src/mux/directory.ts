import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { CdpmuxError } from '../errors.js';
import { RecentIds } from '../virtual/recent-ids.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import { flat } from './flat.js';
import { Keeping } from './keeping.js';

/** An id of `/json/version` that nobody came with is forgotten after this, ms. */
const MINTED_LIFETIME = 60_000;
/** How long a virtual browser with a name lives after its last use, where no client said otherwise, ms. */
const NAME_LIFETIME = 10 * 60 * 1000;
/** How many minted and ended ids are remembered. */
const MOST = 100_000;
/** As a size, for which `lru-cache` takes no memory in advance. */
const REMEMBERED = { maxSize: MOST, sizeCalculation: () => 1 };

/** A virtual browser that is open, and the name it has if any. */
export interface OpenBrowser {
  readonly virtual: VirtualBrowser;
  readonly name: string | undefined;
  readonly keeping: Keeping;
}

/** What a virtual browser tells the directory, and how long it is kept. */
export interface Hooks {
  readonly keeping: Keeping;
  readonly onEnd: () => void;
  readonly onIdle: (virtual: VirtualBrowser) => void;
}

/** What an id or a name means: open or being opened, or to be opened under that id. */
export type Found =
  { readonly open: Promise<OpenBrowser> } | { readonly unopened: string; readonly name: string | undefined };

/** Makes the virtual browser of an id. */
export type Make = (id: string, hooks: Hooks) => Promise<VirtualBrowser>;

/** Which virtual browser an id or a name of one tenant means: minted, being opened, open, or ended. */
export class Directory {
  /** Value: the name it was minted under, or ''. */
  readonly #minted = new LRUCache<string, string>({ ...REMEMBERED, ttl: MINTED_LIFETIME });
  /** The last id that was minted under a name, which it is opened under. */
  readonly #mintedOfName = new LRUCache<string, string>({ ...REMEMBERED, ttl: MINTED_LIFETIME });
  /** By `shortOf`: these are what a busy cdpmux remembers most of. */
  readonly #ended = new RecentIds<number>(MOST);
  /** Added when opening begins, taken off when that failed or the virtual browser has ended. */
  readonly #open = new Map<string, Promise<OpenBrowser>>();
  /** The id that a name means; the same life. */
  readonly #idOfName = new Map<string, string>();

  /** An id for `/json/version`: a new one, or that of the name. */
  mint(name?: string): string {
    const known = name === undefined ? undefined : (this.#idOfName.get(name) ?? this.#mintedOf(name));
    if (known !== undefined && this.#open.has(known)) return known;
    const id = known ?? flat(randomUUID());
    this.#minted.set(id, name ?? '');
    if (name !== undefined) this.#mintedOfName.set(name, id);
    return id;
  }

  /** What an id means; throws NOT_FOUND or ENDED. */
  resolve(id: string): Found {
    const open = this.#open.get(id);
    if (open) return { open };
    const name = this.#minted.get(id);
    if (name !== undefined) return this.#fresh(id, name);
    if (this.#ended.has(shortOf(id))) {
      throw new CdpmuxError(
        'ENDED',
        `The virtual browser ${id} has ended; connect without an id for a new one.`,
      );
    }
    const message = `No virtual browser has the id ${id}; ids of /json/version are good for 60 s.`;
    throw new CdpmuxError('NOT_FOUND', message);
  }

  /** What a name means, opened or not. */
  named(name: string): Found {
    const id = this.#idOfName.get(name);
    const open = id === undefined ? undefined : this.#open.get(id);
    return open ? { open } : { unopened: id ?? this.#mintedOf(name) ?? randomUUID(), name };
  }

  /** The same of one that was lost before its first client was there. */
  again(id: string, name: string | undefined): Found {
    if (name !== undefined) return this.named(name);
    const open = this.#open.get(id);
    return open ? { open } : { unopened: id, name };
  }

  /** Opens a virtual browser under an id; whoever asks for the same meanwhile shares it. */
  open(id: string, name: string | undefined, make: Make): Promise<OpenBrowser> {
    const opening = this.#make(id, name, make);
    this.#open.set(id, opening);
    if (name !== undefined) this.#idOfName.set(name, id);
    const wasMinted = this.#minted.delete(id);
    opening.catch(() => {
      this.#remove(id, name);
      // Whoever has the id may try again.
      if (wasMinted) this.#minted.set(id, name ?? '');
    });
    return opening;
  }

  /** A use without a client (HTTP): one that is kept is kept anew. */
  used({ keeping, virtual }: OpenBrowser): void {
    keeping.used(virtual);
  }

  async #make(id: string, name: string | undefined, make: Make): Promise<OpenBrowser> {
    const keeping = new Keeping(name === undefined ? 0 : NAME_LIFETIME);
    const onEnd = (): void => {
      keeping.close();
      this.#remove(id, name);
      this.#ended.add(shortOf(id));
    };
    const onIdle = (virtual: VirtualBrowser): void => keeping.idle(virtual);
    return { virtual: await make(id, { onEnd, onIdle, keeping }), name, keeping };
  }

  /** An id that was given out for a name, and that nobody has come with. */
  #mintedOf(name: string): string | undefined {
    const id = this.#mintedOfName.get(name);
    return id !== undefined && this.#minted.has(id) ? id : undefined;
  }

  #fresh(id: string, name: string): Found {
    if (name === '') return { unopened: id, name: undefined };
    // Another id of the same name may have been opened since.
    const known = this.named(name);
    return 'open' in known ? known : { unopened: id, name };
  }

  #remove(id: string, name: string | undefined): void {
    this.#open.delete(id);
    if (name === undefined || this.#idOfName.get(name) !== id) return;
    this.#idOfName.delete(name);
  }
}

/** The first 48 bits of an id, which take less memory than its text; an id that has not ended has those of 100,000 others once in 10⁹ times. */
function shortOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
