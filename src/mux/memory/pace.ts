/** How often processes are looked at, ms: a runaway page makes 450 MB in between. */
const LOOK = 250;
const FASTEST_LOOK = 50;
/** How soon to look at who has only just come, ms: until then it is busy with its first page, which looking would make wait. */
export const FIRST_LOOK = 150;
/** How soon to look again at what is collecting garbage, ms. */
export const URGENT_LOOK = 50;
/** How often V8's heaps are read at most, ms. */
const FASTEST_SAMPLE = 100;
/** Without any change heaps are read so much more seldom. */
const IDLE = 4;
/** So many looks are to come before a limit is met. */
const LOOKS_BEFORE = 4;

/** How soon to look again, ms, when a limit will be met in `left` ms as things go now (Infinity: not at all). */
export function lookDelay(left: number): number {
  return Math.min(LOOK, Math.max(FASTEST_LOOK, left / LOOKS_BEFORE));
}

/** How soon to read heaps again, ms. */
export function sampleDelay(interval: number, left: number, isIdle: boolean): number {
  if (isIdle) return interval * IDLE;
  return Math.min(interval, Math.max(FASTEST_SAMPLE, left / LOOKS_BEFORE));
}
