/** What the process of the probes is told. */
export type ProbeOrder =
  | {
      readonly order: 'probe';
      readonly cdpmux: string;
      readonly direct: string;
      /** Commands a second to each. */
      readonly perSecond: number;
    }
  | { readonly order: 'stop' };

/** What the probes met since they were started; times in ms. */
export interface Probed {
  readonly cdpmux: Latency;
  readonly direct: Latency;
  /** From opening a WebSocket to the first answer, one after the other each second. */
  readonly entry: Latency;
  /** The page's connection to cdpmux ended so often, by close code. */
  readonly ends: Readonly<Record<string, number>>;
  /** From each such end until a new page had answered, ms. */
  readonly outages: readonly number[];
  /** Upgrades that failed, by what was said. */
  readonly refusals: Readonly<Record<string, number>>;
}

/** Percentiles in ms, NaN where nothing was measured. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** What it tells. */
export type ProbeNews = { readonly news: 'ready' } | { readonly news: 'probed'; readonly probed: Probed };
