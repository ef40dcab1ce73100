import type { BrowserKind } from '../chrome/executable-types.js';
import type { BatchSettings } from '../chrome/write-batch.js';
import type { Egress } from '../virtual/egress.js';
import type { VirtualLimits } from '../virtual/limits.js';
import type { HangAction } from './health/page-watch.js';
import type { HealthSettings } from './health/settings.js';
import type { MemorySettings } from './memory/settings.js';
import type { PerSecond } from './rate-limit.js';
import type { OutgoingOptions } from './file-root.js';
import type { StockSettings } from './stock-policy.js';

/** The browsers of one pool. */
export interface BrowserSettings {
  /** Launched Chromes that are always there, and how many there may be; remote ones come on top. */
  readonly min: number;
  readonly max: number;
  readonly kind: BrowserKind;
  /** Virtual browsers that one Chrome may carry. */
  readonly virtualPerBrowser: number;
  /** Remote Chromes, `http(s)://` or `ws(s)://`. */
  readonly upstreams: readonly string[];
  /** Further flags for launched Chromes. */
  readonly flags: readonly string[];
  /** Recycled after so many virtual browsers, and after so long, ms. */
  readonly maxUses: number;
  readonly maxAge: number;
  /** One above `min` that has had no client for so long is closed, ms. */
  readonly idleTimeout: number;
  /** With a smaller share of places free than this, one more is launched; 0 to 1. */
  readonly freeShare: number;
  /** How long one that is drained may wait for its last client, ms. */
  readonly drainTimeout: number;
}

/** One named pool. */
export interface PoolSettings {
  /** As `MuxOptions.chrome`. */
  readonly chrome?: string;
  readonly browsers: BrowserSettings;
}

/** The connections to each remote Chrome. */
export interface ConnectionSettings {
  /** Open at a time; those past their lifetime, which take nobody new, are not counted. */
  readonly maxPerBrowser: number;
  /** One that has had no client for so long is closed, ms; the last one stays. */
  readonly idleTimeout: number;
  /** One this old takes nobody new, and goes with its last client, ms. */
  readonly maxLifetime: number;
}

/** What a `Mux` is made with; `proxy/config` has the defaults and checks the ranges. */
export interface MuxOptions {
  /** cdpmux's own, for clients that ask. */
  readonly version: string;
  /** Path of the Chrome to launch, or `embedded`; searched where not given. */
  readonly chrome?: string;
  /** The process's environment: `CHROME_PATH` and `PATH` are looked at, and Chrome inherits it. */
  readonly env: NodeJS.ProcessEnv;
  /** Where profiles are made. */
  readonly tmpDir: string;
  /** The directory in which `/proc` and `/sys` are, where a container's memory limit is read; `/` where not given. */
  readonly systemRoot?: string;
  /** Launch without Chrome's sandbox; by default only as root or in a container, where it can't work. */
  readonly noSandbox?: boolean;
  readonly browsers: BrowserSettings;
  /** Further pools, by the names that clients ask for; complete in themselves. */
  readonly pools: Readonly<Record<string, PoolSettings>>;
  readonly connections: ConnectionSettings;
  /** What is kept ready in each browser. */
  readonly stock: StockSettings;
  readonly batch: BatchSettings;
  readonly health: HealthSettings;
  readonly queue: {
    readonly maxLength: number;
    /** Longest wait for a place, ms. */
    readonly timeout: number;
    /** Waiting for so long counts as one priority more, ms. */
    readonly aging: number;
  };
  /** Looks at what goes out of virtual browsers; without it all goes out freely. */
  readonly egress?: Egress;
  readonly limits: VirtualLimits & {
    /** Commands per second of each tenant; more wait in their sockets. 0 for no limit. */
    readonly commandsPerSecond: PerSecond;
    /** A client with no CDP frame either way for so long is closed, ms; 0 for no limit. */
    readonly idle: number;
    /** Longest life of a virtual browser, ms; 0 for no limit. */
    readonly lifetime: number;
    /** A page that leaves a command unanswered for so long is looked at, ms; 0 for no limit. */
    readonly pageHang: number;
    readonly pageHangAction: HangAction;
  };
  /** What browsers and virtual browsers may hold in memory. */
  readonly memory: MemorySettings;
  /** Told of errors of cdpmux's own, which end whom they concern; by default they are warnings of Node's. */
  readonly onFault?: (error: unknown) => void;
  /** What of the machine strangers may reach. */
  readonly outgoing: OutgoingOptions;
}

/** What can be changed while it runs. */
export type LiveOptions = Partial<
  Pick<
    MuxOptions,
    | 'browsers'
    | 'pools'
    | 'queue'
    | 'limits'
    | 'connections'
    | 'stock'
    | 'batch'
    | 'health'
    | 'outgoing'
    | 'memory'
  >
>;
