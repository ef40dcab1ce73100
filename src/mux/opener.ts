import { browserLost } from '../cdp/errors.js';
import { CdpmuxError, hasCode } from '../errors.js';
import type { Wish } from '../pool/pool.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { EgressGate, EgressOwner } from '../virtual/egress.js';
import type { About } from '../virtual/mux-domain.js';
import type { OutgoingPolicy } from '../virtual/outgoing-policy.js';
import type { VirtualBrowser } from '../virtual/virtual-browser.js';
import type { BrowserLease, WholeChrome } from './browser-pool.js';
import type { Hooks } from './directory.js';
import { exclusiveFlags } from './exclusive.js';
import type { FileRoot } from './file-root.js';
import { madeFor } from './fit.js';
import type { Opening } from './joins.js';
import type { OpenList } from './open-list.js';
import type { MuxOptions } from './options.js';
import type { Pools } from './pools.js';
import type { Quotas } from './quotas.js';
import { priorities, type Admission, type Caller } from './types.js';

/** What a virtual browser is opened with, beside its id. */
export type OpenRequest = Pick<
  Admission,
  | keyof Caller
  | 'initialPage'
  | 'mode'
  | 'launch'
  | 'affinity'
  | 'pool'
  | 'proxyServer'
  | 'proxyBypassList'
  | 'appearance'
  | 'queueTimeout'
  | 'timeout'
  | 'signal'
> &
  Partial<Pick<Admission, 'labels'>>;

/** What opening needs of the `Mux`. */
export interface OpenerSurroundings {
  readonly pools: Pools;
  readonly quotas: Quotas;
  readonly metrics: Metrics;
  readonly open: OpenList;
  readonly policy: () => OutgoingPolicy;
  readonly options: () => MuxOptions;
  readonly files: () => FileRoot | undefined;
}

/** Whose place it is to be. */
interface Who {
  readonly id: string;
  readonly name: string | undefined;
}

/** So many Chromes may be lost under one who is being let in. */
const MOST_TRIES = 3;

/** Opens virtual browsers: waits for a place, and gives it back when they end. */
export class Opener {
  readonly #around: OpenerSurroundings;

  constructor(around: OpenerSurroundings) {
    this.#around = around;
  }

  /** Opens one on a place that it holds until it ends; rejects with what `Pool.acquire` does, or OVER_QUOTA. */
  async open(who: Who, hooks: Hooks, request: OpenRequest, opening: Opening): Promise<VirtualBrowser> {
    // A Chrome may die under one who has only just been given a place in it, and has lost nothing yet.
    for (let tries = 1; ; tries++) {
      try {
        return await this.#openOnce(who, hooks, request, opening);
      } catch (error) {
        const isLost = hasCode(error, 'BROWSER_LOST');
        if (!isLost || tries === MOST_TRIES || request.signal.aborted) throw error;
      }
    }
  }

  async #openOnce(
    { id, name }: Who,
    { onEnd, onIdle, keeping }: Hooks,
    request: OpenRequest,
    opening: Opening,
  ): Promise<VirtualBrowser> {
    const { pools, quotas, metrics, options } = this.#around;
    const { tenant, quota = {} } = request;
    const pool = pools.get(request.pool ?? '');
    const onDenied = (): void => metrics.countEgressDenied();
    const egressOwner = { virtualBrowserId: id, tenant, onDenied };
    opening.waits = pool.line.mustWait({ whole: isWhole(request) ? { flags: [] } : undefined });
    const entry = quotas.enter(tenant, quota, opening.waits);
    let egress: EgressGate | undefined;
    let lease: BrowserLease;
    try {
      egress = options().egress?.open(egressOwner);
      lease = await pool.acquire(await wishOf(request, egress));
    } catch (error) {
      entry.left();
      egress?.close();
      if (hasCode(error, 'QUEUE_TIMEOUT')) metrics.countQueueTimeout();
      throw error;
    }
    opening.waits = false;
    entry.placed();
    metrics.observeWait(lease.waited / 1_000);
    const release = (): void => {
      lease.release();
      entry.left();
    };
    let state: 'opening' | 'open' = 'opening';
    const hooks: Hooks = {
      keeping,
      onIdle,
      // what ends before it was open has never been there
      onEnd: () => {
        if (state === 'open') onEnd();
      },
    };
    try {
      const { mode = 'shared', labels = {} } = request;
      const about = this.#about(lease, pool.name, { mode, labels });
      const virtual = await this.#openOn(lease, { id, hooks, request, egress, egressOwner, release, about });
      if (virtual.ended) throw new CdpmuxError('BROWSER_LOST', browserLost.message);
      state = 'open';
      const since = performance.now();
      this.#around.open.add({
        virtual,
        served: lease.resource,
        pool: pool.name,
        mode,
        made: madeFor(request),
        name,
        labels,
        since,
        keeping,
      });
      return virtual;
    } catch (error) {
      // Where there was a virtual browser it has done both already, which may be done twice.
      release();
      egress?.close();
      throw error;
    }
  }

  #about({ resource }: BrowserLease, pool: string, of: Pick<About, 'mode' | 'labels'>): About {
    const { version } = this.#around.options();
    const { product } = resource.version;
    return { ...of, version, product, browserId: resource.id, pool: pool === '' ? 'default' : pool };
  }

  #openOn(
    { resource }: BrowserLease,
    { id, hooks, request, egress, egressOwner, release, about }: Placed,
  ): Promise<VirtualBrowser> {
    const { limits, outgoing } = this.#around.options();
    const { tenant, initialPage, proxyServer, proxyBypassList, appearance, timeout = 0 } = request;
    const files = this.#around.files();
    return resource.open({
      id,
      tenant,
      limits,
      lifetime: shortest(limits.lifetime, timeout),
      initialPage,
      ...(proxyServer !== undefined && { proxyServer }),
      ...(proxyBypassList !== undefined && { proxyBypassList }),
      // a whole Chrome has flags for it
      ...(appearance && !isWhole(request) && { appearance }),
      ...(egress && { egress, egressOwner }),
      policy: this.#around.policy(),
      about,
      ...(files && { files: files.store(outgoing.limits) }),
      onEnd: () => {
        this.#around.open.remove(id);
        release();
        hooks.onEnd();
      },
      onIdle: hooks.onIdle,
      onCrash: () => this.#around.metrics.health.crashedPages.inc(),
    });
  }
}

/** What `#openOn` needs beside the lease. */
interface Placed {
  readonly id: string;
  readonly hooks: Hooks;
  readonly request: OpenRequest;
  readonly egress: EgressGate | undefined;
  readonly egressOwner: EgressOwner;
  readonly release: () => void;
  readonly about: About;
}

async function wishOf(request: OpenRequest, egress: EgressGate | undefined): Promise<Wish<WholeChrome>> {
  const { signal, queueTimeout, priority = 'normal', tenant, weight = 1, affinity } = request;
  return {
    signal,
    timeout: queueTimeout,
    priority: priorities.indexOf(priority),
    owner: tenant.name,
    weight,
    affinity,
    // Before its turn: what is wrong with the flags is no failed launch.
    whole: isWhole(request) ? { flags: await exclusiveFlags(request, egress) } : undefined,
  };
}

function isWhole({ mode }: OpenRequest): boolean {
  return mode === 'exclusive';
}

/** The shorter of two times, of which 0 is none. */
function shortest(one: number, other: number): number {
  return one === 0 || other === 0 ? one + other : Math.min(one, other);
}
