import type { BrowserKind } from '../chrome/executable-types.js';
import type { Egress } from '../virtual/egress.js';
import type { VirtualLimits } from '../virtual/limits.js';
import type { ConnectionLimits } from './connection-policy.js';
import type { PerSecond } from './rate-limit.js';
import type { OutgoingOptions } from './file-root.js';

/** What a `Mux` is made with; `proxy/config` has the defaults and checks the ranges. */
export interface MuxOptions {
  /** Path of the Chrome to launch, or `embedded`; searched where not given. */
  readonly chrome?: string;
  /** The process's environment: `CHROME_PATH` and `PATH` are looked at, and Chrome inherits it. */
  readonly env: NodeJS.ProcessEnv;
  /** Where profiles are made. */
  readonly tmpDir: string;
  /** Launch without Chrome's sandbox; by default only as root or in a container, where it can't work. */
  readonly noSandbox?: boolean;
  readonly browsers: {
    readonly min: number;
    readonly max: number;
    readonly kind: BrowserKind;
    /** Virtual browsers that one Chrome may carry. */
    readonly virtualPerBrowser: number;
    /** Remote Chromes, `http(s)://` or `ws(s)://`; given some, none is launched. */
    readonly upstreams: readonly string[];
  };
  /** Connections to each remote Chrome; what is not given is as in `defaultConnectionLimits`. */
  readonly connections?: Partial<ConnectionLimits>;
  readonly queue: {
    readonly maxLength: number;
    /** Longest wait for a place, ms. */
    readonly timeout: number;
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
  };
  /** What of the machine strangers may reach. */
  readonly outgoing: OutgoingOptions;
}
