import { CdpmuxError } from '../errors.js';
import type { Backoff } from './backoff.js';

/**
 * Where a slot is in its life.
 *
 *     launching ──▶ ready ◀──▶ cordoned
 *         │           │  ╲        │
 *         │           │   ╲▶ draining
 *         ▼           ▼      │    │
 *       broken ◀─────────────┘    │
 *         └────────▶ gone ◀───────┘
 */
export type SlotState<R> =
  | { readonly kind: 'launching'; readonly ready: Promise<R> }
  | { readonly kind: 'ready'; readonly resource: R }
  /** Takes nobody new; who is there stays. */
  | { readonly kind: 'cordoned'; readonly resource: R; readonly reason: string }
  /** Closed with its last lease, or when `deadline` (on the pool's clock) passes. */
  | { readonly kind: 'draining'; readonly resource: R; readonly reason: string; readonly deadline: number }
  /** Lost, or never came: all leases are void. */
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'gone' };

const next: Record<SlotState<unknown>['kind'], readonly SlotState<unknown>['kind'][]> = {
  launching: ['ready', 'broken', 'gone'],
  ready: ['cordoned', 'draining', 'broken', 'gone'],
  cordoned: ['ready', 'draining', 'broken', 'gone'],
  draining: ['broken', 'gone'],
  broken: ['gone'],
  gone: [],
};

/** A source of resources: an executable of which several can be launched, or one endpoint. */
export interface Supply {
  readonly name: string;
  /** Those that are always there, and the most that may be. */
  readonly min: number;
  readonly max: number;
  /** Whether what it makes can be given away whole: made for one, and closed after it. */
  readonly exclusive: boolean;
}

/** A supply with what became of it so far. */
export interface SupplyState {
  supply: Supply;
  readonly backoff: Backoff;
}

/** What a slot begins with. */
export interface NewSlot<R> {
  readonly id: string;
  readonly from: SupplyState;
  readonly exclusive: boolean;
  /** Settles with the launch. */
  readonly ready: Promise<R>;
}

/** The place of one resource, from its launch on: what the pool knows of it. */
export class Slot<R> {
  readonly id: string;
  readonly from: SupplyState;
  /** Made for one client, who has all of it. */
  readonly exclusive: boolean;
  /** When it became what it is, and when it was launched, on the pool's clock. */
  since: number;
  readonly launchedAt: number;
  /** Leases on it now, and ever. */
  used = 0;
  uses = 0;
  /** When its last lease was given back. */
  idleSince: number;
  /** To be replaced, and why: too old, used too often, or ordered. */
  stale: string | undefined;
  /** Who keeps newcomers from it beside operators, with the reason; whoever put one in takes it out again. */
  readonly bars = new Map<string, string>();
  /** Takes nobody new until it holds less memory, and why; set and taken back by who watches memory. */
  tooHeavy: string | undefined;
  #state: SlotState<R>;

  constructor({ id, from, exclusive, ready }: NewSlot<R>, now: number) {
    this.id = id;
    this.from = from;
    this.exclusive = exclusive;
    this.#state = { kind: 'launching', ready };
    this.since = now;
    this.launchedAt = now;
    this.idleSince = now;
  }

  get state(): SlotState<R> {
    return this.#state;
  }

  get resource(): R | undefined {
    return 'resource' in this.#state ? this.#state.resource : undefined;
  }

  /** Launching, or with a resource that lives. */
  get alive(): boolean {
    return this.#state.kind !== 'broken' && this.#state.kind !== 'gone';
  }

  /** Somebody found it unfit for newcomers; who is there stays. */
  get isBarred(): boolean {
    return this.bars.size > 0;
  }

  /** Counts towards the most that there may be: alive, and not just about to be closed. */
  get counts(): boolean {
    return this.alive && !(this.#state.kind === 'draining' && this.used === 0);
  }

  /** The one place where a state changes; throws for a change that there is not. */
  move(to: SlotState<R>, now: number): void {
    if (!next[this.#state.kind].includes(to.kind)) {
      const message = `A browser that is ${this.#state.kind} can't become ${to.kind}.`;
      throw new CdpmuxError('CONFLICT', message);
    }
    this.#state = to;
    this.since = now;
  }
}
