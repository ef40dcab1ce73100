import { randomUUID } from 'node:crypto';
import { browserLost } from '../cdp/errors.js';
import { CdpmuxError, hasCode } from '../errors.js';
import type { Tenant } from '../virtual/tenant.js';
import type { PreparedClient, VirtualBrowser } from '../virtual/virtual-browser.js';
import type { Directories } from './directories.js';
import type { Found, OpenBrowser } from './directory.js';
import { mustFit } from './fit.js';
import { Joins, type Opening } from './joins.js';
import type { OpenList } from './open-list.js';
import type { Opener, OpenRequest } from './opener.js';
import type { Pools } from './pools.js';
import type { Admission } from './types.js';

/** What letting clients in needs of the `Mux`. */
export interface EntranceSurroundings {
  readonly pools: Pools;
  readonly opener: Opener;
  readonly open: OpenList;
  readonly directories: Directories;
  /** How long those wait for a place who say nothing of it, ms. */
  readonly queueTimeout: () => number;
  /** Throws CLOSING once nobody is served any more. */
  readonly mustServe: () => void;
  /** Throws CLOSING once only what is open may be joined. */
  readonly mustTakeNew: () => void;
  /** When who is still there is closed, ms since 1970; undefined as long as nobody said so. */
  readonly drainDeadline: () => number | undefined;
}

/** A virtual browser with all that one more client of it needs. */
export interface LetIn {
  readonly virtual: VirtualBrowser;
  readonly prepared: PreparedClient;
}

/** One that was found: `isNew` where it was being opened then, for this request or for another one's. */
interface Got {
  readonly open: OpenBrowser;
  readonly isNew: boolean;
}

/** A Chrome may be lost so often under one who has only just been given a virtual browser in it. */
const MOST_TRIES = 3;

/** Where clients come in: finds or opens the virtual browser that a path means, and prepares them for it. */
export class Entrance {
  readonly #around: EntranceSurroundings;
  readonly #joins = new Joins();

  constructor(around: EntranceSurroundings) {
    this.#around = around;
  }

  /** What a name or an id means, opened where it is not; who comes while another one opens it waits with that one. */
  async find(path: { id?: string; name?: string }, request: OpenRequest): Promise<OpenBrowser> {
    const got = await this.#get(() => this.#lookUp(path, request.tenant), request, performance.now());
    return got.open;
  }

  /** Finds what a client asked for and prepares it as one more client of that; rejects with why it may not come in. */
  async letIn(request: Admission): Promise<LetIn> {
    const { path, tenant } = request;
    if (path.kind === 'page') {
      return this.#prepare(await this.#ownerOf(path, tenant), request, path.targetId);
    }
    const since = performance.now();
    let lookUp = (): Found => this.#lookUp(path, tenant);
    for (let tries = 1; ; tries++) {
      const { open, isNew } = await this.#get(lookUp, request, since);
      try {
        return await this.#prepare(open.virtual, request);
      } catch (error) {
        // Of what it joined, something is lost, of which it must hear.
        const isNothingLost = isNew && open.virtual.ended && hasCode(error, 'BROWSER_LOST');
        if (!isNothingLost || tries === MOST_TRIES || request.signal.aborted) throw error;
        lookUp = () => this.#around.directories.of(tenant).again(open.virtual.id, open.name);
      }
    }
  }

  async #prepare(virtual: VirtualBrowser, request: Admission, targetId?: string): Promise<LetIn> {
    if (request.signal.aborted) {
      virtual.idleUnlessUsed();
      throw new CdpmuxError('ABORTED', 'The client went away while it waited.');
    }
    // Whoever opened it may have been its last client, while this one waited for it.
    if (virtual.ended) throw new CdpmuxError('BROWSER_LOST', browserLost.message);
    const record = this.#around.open.get(virtual.id);
    if (record) mustFit(record, request);
    const deadline = this.#around.drainDeadline();
    // It was being opened when draining began.
    if (deadline !== undefined && virtual.drainDeadline === undefined) virtual.draining(deadline);
    const prepared = await virtual.prepare(targetId);
    if (request.keepAlive !== undefined) record?.keeping.set(request.keepAlive);
    return { virtual, prepared };
  }

  async #get(lookUp: () => Found, request: OpenRequest, since: number): Promise<Got> {
    const { signal, queueTimeout: timeout = this.#around.queueTimeout() } = request;
    const retryAfter = (): number => this.#around.pools.main.line.retryAfter;
    for (;;) {
      const found = lookUp();
      if (!('open' in found)) {
        const left = Math.max(0, Math.ceil(since + timeout - performance.now()));
        return { open: await this.#openNew(found, { ...request, queueTimeout: left }), isNew: true };
      }
      const isNew = this.#joins.isOpening(found.open);
      const open = await this.#joins.join(found.open, { signal, timeout, since, retryAfter });
      if (open) return { open, isNew };
      this.#around.mustServe();
    }
  }

  #lookUp({ id, name }: { id?: string; name?: string }, tenant: Tenant): Found {
    const directory = this.#around.directories.of(tenant);
    if (id !== undefined) return directory.resolve(id);
    return name !== undefined ? directory.named(name) : { unopened: randomUUID(), name: undefined };
  }

  #openNew(
    { unopened, name }: { unopened: string; name: string | undefined },
    request: OpenRequest,
  ): Promise<OpenBrowser> {
    const { directories, opener, mustTakeNew } = this.#around;
    mustTakeNew();
    const opening: Opening = { waits: false };
    const opened = directories
      .of(request.tenant)
      .open(unopened, name, (id, hooks) => opener.open({ id, name }, hooks, request, opening));
    return this.#joins.add(opened, opening);
  }

  async #ownerOf(path: { targetId: string; name?: string }, tenant: Tenant): Promise<VirtualBrowser> {
    for (const served of this.#around.pools.browsers) {
      const virtual = served.ownerOfTarget(path.targetId);
      if (virtual?.tenant.name !== tenant.name) continue;
      if (path.name === undefined || (await this.#isNamed(virtual, path.name))) return virtual;
    }
    throw new CdpmuxError('NOT_FOUND', `No such target id: ${path.targetId}`);
  }

  async #isNamed(virtual: VirtualBrowser, name: string): Promise<boolean> {
    const found = this.#around.directories.of(virtual.tenant).named(name);
    return 'open' in found && (await found.open).virtual === virtual;
  }
}
