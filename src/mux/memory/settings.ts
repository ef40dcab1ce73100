/** A limit in MB; `auto` depends on how many virtual browsers a Chrome may carry. */
export type MegabyteLimit = number | 'auto';

/** A pair of limits in MB; 0 is none. */
export interface MemoryLimits {
  /** Past it those who cause it are warned, and a browser takes nobody new. */
  readonly softLimitMb: number;
  /** Past it the largest have to go. */
  readonly hardLimitMb: number;
}

/** What browsers and virtual browsers may hold in memory, and how it is watched. */
export interface MemorySettings {
  readonly enabled: boolean;
  /** How often V8's heaps are read, ms; more often the nearer a limit is. */
  readonly interval: number;
  /** Of each browser: what all pages in it hold. */
  readonly softLimitMb: MegabyteLimit;
  readonly hardLimitMb: MegabyteLimit;
  /** Of each virtual browser. */
  readonly virtual: MemoryLimits;
  /** Of each browser's processes together, as the system counts them. */
  readonly rss: MemoryLimits;
  /** Shares, 0 to 1, of what the container may use that cdpmux is in, if there is such a limit; 0 is none. */
  readonly container: {
    /** Past it those who cause it are warned. */
    readonly softShare: number;
    /** Past it the largest have to go. */
    readonly hardShare: number;
  };
  /** Of each V8 isolate of launched Chromes, by V8 itself, which kills the page; 0 leaves it at V8's 4 GB. */
  readonly isolateMb: number;
  /** Virtual browsers and browsers that may have to go per minute, or a wrong limit would empty the pool. */
  readonly evictionsPerMinute: number;
}

/** What one virtual browser alone in its Chrome may hold, MB. */
const ALONE = { soft: 400, hard: 500 };
/** What each further one adds, MB: some heavy web pages, on the average of all. */
const FURTHER = { soft: 80, hard: 100 };
/** Where only the hard limit is given, the soft one is this part of it. */
const SOFT_SHARE = 0.8;

/** The limits of a browser that may carry so many virtual browsers, MB. */
export function limitsOf(
  { softLimitMb, hardLimitMb }: Pick<MemorySettings, 'softLimitMb' | 'hardLimitMb'>,
  capacity: number,
): MemoryLimits {
  const scaled = (of: 'soft' | 'hard'): number => ALONE[of] + (capacity - 1) * FURTHER[of];
  const hard = hardLimitMb === 'auto' ? Math.max(scaled('hard'), above(softLimitMb)) : hardLimitMb;
  if (softLimitMb !== 'auto') return { softLimitMb, hardLimitMb: hard };
  // 0 is no limit
  const soft = hard === 0 ? scaled('soft') : Math.min(scaled('soft'), SOFT_SHARE * hard);
  return { softLimitMb: soft, hardLimitMb: hard };
}

function above(soft: MegabyteLimit): number {
  return soft === 'auto' ? 0 : soft / SOFT_SHARE;
}
