/** Why what was gathered was written: the turn of the event loop was over, an earlier write was out, it was full, its window was over. */
export const flushReasons = ['turn', 'idle', 'size', 'window'] as const;

/** One of {@link flushReasons}. */
export type FlushReason = (typeof flushReasons)[number];

/** Upper bounds of the waits that are told apart, s; the last one is the longest window. */
export const WAIT_BOUNDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 10,
];
/** Upper bounds of the numbers of commands in a write that are told apart. */
export const SIZE_BOUNDS = [1, 2, 3, 5, 7, 10, 20, 35, 50, 100];

/** Counts in buckets with upper bounds, as a Prometheus histogram has them, in plain numbers. */
export class Buckets {
  readonly bounds: readonly number[];
  /** How many fell into each bucket and no smaller one; the last is beyond all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    const { bounds, counts } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    counts[at]!++;
    this.sum += value;
  }
}

/** What was written to browsers since start. Added to once for each write, never for each command. */
export class WriteCounts {
  /** Commands in each write. */
  readonly sizes = new Buckets(SIZE_BOUNDS);
  /** How long the first command of each write had waited for it, s: its others waited less. */
  readonly waits = new Buckets(WAIT_BOUNDS);
  readonly #reasons: Record<FlushReason, number> = { turn: 0, idle: 0, size: 0, window: 0 };

  /** One write of so many commands, of which the first had waited so many ms. */
  add(reason: FlushReason, commands: number, wait: number): void {
    this.#reasons[reason]++;
    this.sizes.add(commands);
    this.waits.add(wait / 1_000);
  }

  /** Writes for that reason. */
  of(reason: FlushReason): number {
    return this.#reasons[reason];
  }
}
