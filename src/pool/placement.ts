/** How full a resource is. */
export interface Load {
  /** Places taken of those it has, 0..1. */
  readonly places: number;
  /** What else weighs on it, as its owner sees it; 0 for nothing, 1 for as much as it should carry. */
  readonly other: number;
}

/** What weighs on it beside places counts less: places are what it is given by. */
const OTHER_WEIGHT = 0.5;

/** How loaded a resource is, for comparison only. */
export function score({ places, other }: Load): number {
  return places + OTHER_WEIGHT * other;
}

/**
 * Power of two choices: of two taken at random the less loaded. Nearly as even as the least loaded of all, and with figures that
 * are a moment old it does not send everybody to the same one.
 */
export function choose<T>(
  candidates: readonly T[],
  loadOf: (candidate: T) => Load,
  random: () => number,
): T | undefined {
  const first = Math.floor(random() * candidates.length);
  const [one, other] = [candidates[first], candidates[another(first, candidates.length, random)]];
  if (one === undefined || other === undefined) return one;
  return score(loadOf(other)) < score(loadOf(one)) ? other : one;
}

/** An index that is not `first`, where there is one. */
function another(first: number, length: number, random: () => number): number {
  if (length < 2) return first;
  return (first + 1 + Math.floor(random() * (length - 1))) % length;
}

/** Whether so few places are free that one more resource should be made before they are asked for. */
export function isScarce(free: number, total: number, freeShare: number): boolean {
  return total > 0 && free / total < freeShare;
}
