/** How much is kept ready in each browser; a reload may change it. */
export interface StockSettings {
  readonly enabled: boolean;
  /** Virtual browsers kept ready in each browser, at most. */
  readonly max: number;
  /** What they may take of memory in each browser, MB. */
  readonly memoryMb: number;
  /** What has waited for so long is made anew, ms. */
  readonly maxAge: number;
}

/** How lately clients must have come to count, ms: after this long a rate has fallen to a third. */
const RATE_SPAN = 10_000;
/** Clients who come within so long of the first of them have come at once, ms. */
const GROUP_SPAN = 250;
/** As many as came at once are expected again for so long, ms. */
const EXPECTED_ALL = 60_000;
/** From then on fewer and fewer, ms: after this long a third of them. */
const EXPECTED_SPAN = 300_000;
/** A client that is being let in, or has only just been, is not disturbed, ms. */
export const QUIET = 100;
/** Of those who came at once so many count for that. */
const MOST_COUNTED = 20;
/** So long after that their commands are let pass first, ms; later there may always be some. */
const CALM = 400;

/** Clients who came at once, and when the first of them did. */
export interface Group {
  readonly since: number;
  readonly count: number;
}

/** Nobody has come yet. */
export const noGroup: Group = { since: -Infinity, count: 0 };

/** One more has come: with those who came last, or the first of others. */
export function withOneMore({ since, count }: Group, now: number): Group {
  return now - since < GROUP_SPAN ? { since, count: count + 1 } : { since: now, count: 1 };
}

/** How often clients come, by the moment of the last one. */
export interface Arrivals {
  readonly perSecond: number;
  /** By `performance.now`. */
  readonly at: number;
  readonly lastGroup: Group;
  /** The group after which most are expected now. */
  readonly largest: Group;
}

/** Nobody has come yet. */
export function noArrivals(now: number): Arrivals {
  return { perSecond: 0, at: now, lastGroup: noGroup, largest: noGroup };
}

/** One more client has come: what was before counts the less the longer ago it was. */
export function withArrival(before: Arrivals, now: number): Arrivals {
  const lastGroup = withOneMore(before.lastGroup, now);
  return {
    perSecond: rateAt(before, now) + 1_000 / RATE_SPAN,
    at: now,
    lastGroup,
    largest: lastGroup.count >= expectedAtOnce(before, now) ? lastGroup : before.largest,
  };
}

/** Clients per second, as it looks at a moment. */
export function rateAt({ perSecond, at }: Arrivals, now: number): number {
  return perSecond * Math.exp((at - now) / RATE_SPAN);
}

/** How many are expected at once, as it looks at a moment: as many as came so, the fewer the longer ago that was. */
export function expectedAtOnce({ largest: { since, count } }: Arrivals, now: number): number {
  return count === 0 ? 0 : count * Math.min(1, Math.exp((EXPECTED_ALL - (now - since)) / EXPECTED_SPAN));
}

/** What sizes a stock. */
export interface Demand {
  readonly perSecond: number;
  /** How many are expected to come at once. */
  readonly atOnce: number;
  /** How long one takes to make, ms. */
  readonly makingMs: number;
  /** What one takes of memory, MB. */
  readonly itemMb: number;
}

/** How many may be kept ready altogether. */
export function atMost({ enabled, max, memoryMb }: StockSettings, itemMb: number): number {
  return enabled ? Math.max(0, Math.min(max, Math.floor(memoryMb / itemMb))) : 0;
}

/** How many to keep ready: those who will come while one is made and one for whoever comes next, or as many as will come at once; no more than may be. */
export function wanted(settings: StockSettings, demand: Demand): number {
  return Math.min(
    Math.max(whileMaking(demand) + 1, Math.ceil(demand.atOnce)),
    atMost(settings, demand.itemMb),
  );
}

/** Those who will come one by one while one is made. */
function whileMaking({ perSecond, makingMs }: Demand): number {
  return Math.ceil((perSecond * makingMs) / 1_000);
}

/** Shares out what there may be: one for each who wants any, in this order, and then more in the same order. */
export function shares(most: number, wishes: readonly number[]): number[] {
  let left = most;
  const firsts = wishes.map((wish) => {
    const first = Math.min(1, wish, left);
    left -= first;
    return first;
  });
  return wishes.map((wish, index) => {
    const first = firsts[index] ?? 0;
    const more = first === 0 ? 0 : Math.min(wish - first, left);
    left -= more;
    return first + more;
  });
}

/** How clients with a proxy of their own came, all with the same one. */
export interface OwnWay {
  /** Clients. */
  readonly seen: number;
  /** Since the last one, ms. */
  readonly sinceLast: number;
}

/** So long after the last client with a proxy of its own that proxy is kept in mind, ms. */
const OWN_KEPT = 60_000;

/** Whether nobody is expected any more to bring that proxy. */
export function isForgotten({ sinceLast }: OwnWay): boolean {
  return sinceLast > OWN_KEPT;
}

/** How many to keep ready for a proxy that clients bring: none before it has come twice, since many bring another one each. */
export function wantedOnOwnWay(settings: StockSettings, way: OwnWay, demand: Demand): number {
  if (way.seen < 2 || isForgotten(way)) return 0;
  return Math.min(
    Math.max(1, whileMaking(demand), Math.ceil(demand.atOnce)),
    atMost(settings, demand.itemMb),
  );
}

/** What a browser is about at a moment. */
export interface Moment {
  /** Whether it takes new clients, and goes on taking them. */
  readonly serves: boolean;
  /** Clients that are being let in. */
  readonly opening: number;
  /** Since one was last let in, ms. */
  readonly sinceOpening: number;
  /** How many were let in at once with that one. */
  readonly lastGroup: number;
  readonly pendingCommands: number;
}

/** How long to wait before one more may be made, ms; 0: now. While clients are let in, and while they have only just begun, nothing is. */
export function waitToMake({ serves, opening, sinceOpening, lastGroup, pendingCommands }: Moment): number {
  if (!serves || opening > 0) return CALM;
  // Many who came at once need as many times as long to begin.
  const quiet = QUIET * Math.min(Math.max(1, lastGroup), MOST_COUNTED);
  if (sinceOpening < quiet) return Math.ceil(quiet - sinceOpening);
  return pendingCommands > 0 && sinceOpening < quiet + CALM ? QUIET : 0;
}
