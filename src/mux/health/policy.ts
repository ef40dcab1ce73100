/** Below this no round trip is slow, ms: nearby browsers differ by more than any factor. */
const NEVER_SLOW = 50;
/** The first ejection lasts so many intervals; each further one twice as long, up to the longest, ms. */
const FIRST_EJECTION = 3;
/** The longest ejection; one that was well for so long is forgiven what was before. */
export const LONGEST_EJECTION = 5 * 60_000;
/** With fewer browsers than this most of them is no word that means something. */
const FEWEST_FOR_PANIC = 3;

/** Whether a round trip, ms, is so many times as long as it usually is for the others. */
export function isOutlier(roundTrip: number, others: readonly number[], factor: number): boolean {
  if (others.length === 0) return false;
  return roundTrip > Math.max(NEVER_SLOW, factor * medianOf(others));
}

/** Whether one more of `total` may be ejected, of which so many are already. */
export function mayEject(ejected: number, total: number, share: number): boolean {
  return total > 1 && ejected < Math.max(1, Math.floor(total * share));
}

/** How long the n-th ejection (from 1) lasts, ms. */
export function ejectionTime(nth: number, interval: number): number {
  return Math.min(LONGEST_EJECTION, FIRST_EJECTION * interval * 2 ** (nth - 1));
}

/** Whether so many look ill that the check is to be doubted, and not the pool. */
export function isPanic(ill: number, total: number, share: number): boolean {
  return total >= FEWEST_FOR_PANIC && ill > total * share;
}

/** What weighs on one that came back so long ago, ms: 1 at first, 0 in the end. */
export function slowStart(age: number, duration: number): number {
  return duration === 0 ? 0 : Math.max(0, 1 - age / duration);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}
