import type { Circuit } from './health/breaker.js';
import type { Priority } from './types.js';

/** Where a browser is in its life; `src/pool` says what leads from one to the next. */
export type BrowserState = 'launching' | 'ready' | 'cordoned' | 'draining' | 'broken';

/** What a browser or a virtual browser holds in memory, MB of 1,048,576 bytes; what is told by V8 is of the last sample. */
export interface MemoryReport {
  /** What pages and workers hold beyond empty ones: arrays, strings, typed arrays, wasm, DOM. Limits are about this. */
  readonly heldMb: number;
  /** V8's heaps, each once: used, and taken for it. */
  readonly heapUsedMb: number;
  readonly heapTotalMb: number;
  /** Typed arrays and the like. */
  readonly backingMb: number;
  /** DOM nodes and what else pages hold outside of V8. */
  readonly embedderMb: number;
  readonly isolates: number;
  /** Pages that did not tell of their heap in time. */
  readonly timeouts: number;
  /** Of all processes of a launched browser. */
  readonly residentMb?: number;
  /** What can't be seen of a remote one. */
  readonly unseen?: string;
}

/** What all processes of the container that cdpmux is in may use of memory, and use, MB. */
export interface ContainerReport {
  readonly limitMb: number;
  /** Without files that the kernel can let go of at once. */
  readonly usedMb: number;
}

/** One browser of a pool, as an operator sees it. */
export interface BrowserReport {
  /** Its own, for as long as cdpmux runs; not Chrome's. */
  readonly id: string;
  readonly pool: string;
  readonly state: BrowserState;
  /** Why it is cordoned, draining or broken. */
  readonly reason?: string;
  /** `remote` where cdpmux did not launch it. */
  readonly source: 'launched' | 'remote';
  readonly mode: 'shared' | 'exclusive';
  /** What Chrome says of itself, `Chrome/156.0.…`; once it has answered. */
  readonly product?: string;
  /** Of a launched one. */
  readonly pid?: number;
  /** Of a remote one. */
  readonly endpoint?: string;
  readonly ageMs: number;
  /** Virtual browsers that it has served, those of now included. */
  readonly uses: number;
  readonly virtualBrowsers: number;
  /** How many it may carry. */
  readonly capacity: number;
  readonly targets: number;
  readonly connections: number;
  /** Virtual browsers kept ready for those who come next; they count nowhere else. */
  readonly stock: number;
  /** How many of them there should be now. */
  readonly stockWanted: number;
  /** The circuit breaker of its health checks: given nobody unless it is closed. */
  readonly health: Circuit;
  /** Why it is given nobody, for its health or for what else was found. */
  readonly barred?: string;
  /** Pages whose renderer died in it. */
  readonly crashes: number;
  /** How long nobody has been in it; 0 while somebody is. */
  readonly idleMs: number;
  /** Once somebody has been in it, and while memory is watched. */
  readonly memory?: MemoryReport;
}

/** One virtual browser, as an operator or its owner sees it. */
export interface VirtualBrowserReport {
  readonly id: string;
  /** Of `/name/<name>/…`. */
  readonly name?: string;
  /** Name of its token; '' where there are no tokens. */
  readonly tenant: string;
  readonly browser: string;
  readonly connection: string;
  readonly pool: string;
  readonly mode: 'shared' | 'exclusive';
  readonly clients: number;
  readonly contexts: number;
  readonly targets: number;
  readonly sessions: number;
  /** Pages of its own whose renderer died. */
  readonly crashes: number;
  /** Processor time that its renderers have used, s; in launched browsers, once it is known which are its own. */
  readonly processorSeconds?: number;
  /** Of the client that opened it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly ageMs: number;
  /** While nobody is there: when it ends unless somebody comes, in ISO 8601. */
  readonly keptUntil?: string;
  /** While memory is watched. */
  readonly memory?: MemoryReport;
}

/** One connection to a browser. */
export interface ConnectionReport {
  readonly id: string;
  readonly browser: string;
  readonly transport: 'pipe' | 'websocket';
  /** `retiring`: past its lifetime, and closed with its last client. */
  readonly state: 'open' | 'retiring';
  /** The circuit breaker of its health checks: given nobody unless it is closed, where there is another. */
  readonly health: Circuit;
  readonly virtualBrowsers: number;
  readonly clients: number;
  readonly pendingCommands: number;
  /** Bytes that wait to be written. */
  readonly backlogBytes: number;
  readonly ageMs: number;
}

/** One who waits for a place. */
export interface WaitingReport {
  readonly pool: string;
  /** From 1: who is served next, as things are now. */
  readonly place: number;
  readonly tenant: string;
  readonly priority: Priority;
  readonly mode: 'shared' | 'exclusive';
  readonly ageMs: number;
}

/** The waiting queue. */
export interface QueueReport {
  readonly length: number;
  /** Age of the one that waits longest, ms; 0 with nobody. The best signal to scale on. */
  readonly maxwaitMs: number;
  /** New clients wait until `resume`. */
  readonly paused: boolean;
  /** When one more would be served, s, from the rate at which places came free lately. */
  readonly retryAfterSeconds: number;
  readonly waiting: readonly WaitingReport[];
}
