import PQueue from 'p-queue';
import { CdpmuxError } from '../errors.js';

/** What the pool holds; made and closed by whoever knows what it is. */
export interface Factory<R> {
  create(): Promise<R>;
  close(resource: R, deadline: number): Promise<void>;
}

/** Sizes and waits of a pool. */
export interface PoolOptions {
  /** Made at start, and kept. */
  readonly min: number;
  readonly max: number;
  /** Leases that one resource can carry. */
  readonly perResource: number;
  readonly maxWaiting: number;
  /** Longest wait for a place, ms. */
  readonly timeout: number;
}

/** A place on a resource; given back once. */
export interface Lease<R> {
  readonly resource: R;
  release(): void;
}

/** Where a place is: its resource is being made, is there, or failed and left. */
type Slot<R> = { used: number } & (
  { kind: 'launching'; ready: Promise<R> } | { kind: 'ready'; resource: R } | { kind: 'gone' }
);

/** How long to wait before a failed launch is tried again, ms: at first, and in the end. */
const FIRST_RETRY = 250;
const LAST_RETRY = 30_000;

/** Hands out places on a bounded number of resources; the rest wait in order, with a deadline. */
export class Pool<R> {
  readonly #factory: Factory<R>;
  readonly #options: PoolOptions;
  readonly #queue: PQueue;
  /** Added when a launch begins, taken off when it failed or its resource is lost. */
  readonly #slots = new Set<Slot<R>>();
  /** Who waits: added when one comes, taken off when its turn comes or it gives up. */
  readonly #waits = new Set<AbortController>();
  readonly #closing = new AbortController();
  #state: 'open' | 'closing' = 'open';

  constructor(factory: Factory<R>, options: PoolOptions) {
    this.#factory = factory;
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.max * options.perResource });
  }

  /** Makes the resources that are always there; rejects with the first failure. */
  async start(): Promise<void> {
    const missing = this.#options.min - this.#slots.size;
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => ready(this.#launch())));
  }

  get resources(): R[] {
    return [...this.#slots].flatMap((slot) => (slot.kind === 'ready' ? [slot.resource] : []));
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Whether the next one would have to wait for somebody to leave. */
  get full(): boolean {
    return this.#queue.pending >= this.#queue.concurrency;
  }

  /** Places in use. */
  get leased(): number {
    return [...this.#slots].reduce((sum, { used }) => sum + used, 0);
  }

  /** Resources that could take one more. */
  get available(): number {
    return [...this.#slots].filter((slot) => slot.kind === 'ready' && slot.used < this.#options.perResource)
      .length;
  }

  /**
   * A place, at once or after waiting at most `timeout` ms, the highest priority first. Rejects with QUEUE_FULL, QUEUE_TIMEOUT, ABORTED, CLOSING,
   * or with what the launch failed of.
   */
  acquire(signal: AbortSignal, timeout = this.#options.timeout, priority = 0): Promise<Lease<R>> {
    if (this.#state === 'closing') return Promise.reject(closing());
    if (this.full && (timeout === 0 || this.#queue.size >= this.#options.maxWaiting)) {
      const message = `All ${this.#queue.concurrency} places are taken and ${this.#queue.size} clients wait; try later, or raise browsers.max or queue.maxLength.`;
      return Promise.reject(new CdpmuxError('QUEUE_FULL', message));
    }
    return new Promise((resolve, reject) => {
      const waited = new AbortController();
      const timer = setTimeout(() => waited.abort(timedOut(timeout)), timeout);
      const abort = (): void =>
        waited.abort(new CdpmuxError('ABORTED', 'The client went away while it waited.'));
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
      this.#waits.add(waited);
      const arrived = (): void => {
        this.#waits.delete(waited);
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const serve = async (): Promise<void> => {
        arrived();
        await this.#serve(resolve);
      };
      this.#queue.add(serve, { signal: waited.signal, priority }).catch((error: unknown) => {
        arrived();
        reject(waited.signal.aborted ? (waited.signal.reason as Error) : (error as Error));
      });
    });
  }

  /** A resource is no more: its leases are void, and its place is free. */
  lost(resource: R): void {
    for (const slot of this.#slots) {
      if (slot.kind === 'ready' && slot.resource === resource) this.#drop(slot);
    }
    void this.#refill();
  }

  /** Makes what is missing of `min`; who fails is tried again, ever more seldom, until it comes or the pool closes. */
  async #refill(): Promise<void> {
    for (let attempt = 0; this.#state === 'open' && this.#slots.size < this.#options.min; attempt++) {
      try {
        await this.start();
      } catch {
        await this.#pause(Math.min(FIRST_RETRY * 2 ** attempt, LAST_RETRY));
      }
    }
  }

  /** Ends early when the pool closes. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }

  /** Takes nobody new, closes every resource; launches under way are closed as they arrive. */
  async close(deadline: number): Promise<void> {
    this.#state = 'closing';
    this.#closing.abort();
    // Clearing the queue would leave those who wait without an answer.
    for (const waited of [...this.#waits]) waited.abort(closing());
    await Promise.all(
      [...this.#slots].map(async (slot) => {
        const resource = await ready(slot).catch(() => undefined);
        this.#drop(slot);
        if (resource !== undefined) await this.#factory.close(resource, deadline);
      }),
    );
  }

  /** Runs for as long as the place is taken, since that is what the queue counts. */
  async #serve(give: (lease: Lease<R>) => void): Promise<void> {
    this.#mustBeOpen();
    const slot = this.#place();
    slot.used++;
    try {
      const resource = await ready(slot);
      this.#mustBeOpen();
      await new Promise<void>((release) => give({ resource, release }));
    } finally {
      slot.used--;
    }
  }

  #mustBeOpen(): void {
    if (this.#state === 'closing') throw closing();
  }

  /** The least used slot, or a new one while all are busy and there may be more. */
  #place(): Slot<R> {
    const open = [...this.#slots].filter((slot) => slot.used < this.#options.perResource);
    const least = open.sort((a, b) => a.used - b.used)[0];
    return least ?? this.#launch();
  }

  #launch(): Slot<R> {
    const slot: Slot<R> = { kind: 'launching', used: 0, ready: this.#factory.create() };
    this.#slots.add(slot);
    slot.ready.then(
      (resource) => Object.assign(slot, { kind: 'ready', resource }),
      () => this.#drop(slot),
    );
    return slot;
  }

  #drop(slot: Slot<R>): void {
    this.#slots.delete(slot);
    Object.assign(slot, { kind: 'gone' });
  }
}

function ready<R>(slot: Slot<R>): Promise<R> {
  if (slot.kind === 'launching') return slot.ready;
  if (slot.kind === 'ready') return Promise.resolve(slot.resource);
  return Promise.reject(closing());
}

function closing(): CdpmuxError {
  return new CdpmuxError('CLOSING', 'cdpmux is stopping; connect to another one, or again once it is back.');
}

function timedOut(timeout: number): CdpmuxError {
  return new CdpmuxError(
    'QUEUE_TIMEOUT',
    `No place came free within ${timeout} ms; try later, or raise queue.timeout.`,
  );
}
