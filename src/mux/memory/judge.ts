import type { MemoryLimits } from './settings.js';

/** Bytes in what settings call MB. */
export const MB = 1024 * 1024;
/** Bytes in whole MB, for people. */
export function mbOf(bytes: number): number {
  return Math.round(bytes / MB);
}

/** What was above its soft limit must be below this part of it to be taken for well. */
const RECOVERED = 0.8;
/** How long a garbage collection that was asked for may take before its page is taken for stuck, ms. */
const COLLECTION = 100;
/** One collection is good for so long, ms. */
const COLLECTED_FOR = 2_000;
/** Who is past the hard limit by so much has no time for a collection. */
const FAR_PAST = 1.5;

/** Something whose memory is judged: a browser or a virtual browser. */
export interface Judged {
  /** Above its soft limit, and not yet well again. */
  isWarned: boolean;
  /** When a collection was asked for last, and when it was done; on the clock of `judge`. */
  collection: { readonly askedAt: number; doneAt: number | undefined } | undefined;
}

/** What is to be done about one. */
export type Verdict =
  /** Nothing, or not yet. */
  | 'well'
  /** It has just passed its soft limit. */
  | 'warn'
  /** It is past its hard limit; what is garbage of it is to be told from what is held, and then to be looked at again. */
  | 'collect'
  /** It is past its hard limit, and has to go. */
  | 'evict'
  /** It was warned and is below its limit again. */
  | 'recovered';

/** A newcomer, of which nothing is known. */
export function unjudged(): Judged {
  return { isWarned: false, collection: undefined };
}

/** Judges what one holds, bytes, and takes note of it; the time is in ms. */
export function judge(judged: Judged, held: number, limits: MemoryLimits, now: number): Verdict {
  const [soft, hard] = [limits.softLimitMb * MB, limits.hardLimitMb * MB];
  if (hard > 0 && held > hard) {
    judged.isWarned = true;
    if (held > hard * FAR_PAST || isCollected(judged, now)) return 'evict';
    return 'collect';
  }
  if (soft > 0 && held > soft) {
    if (judged.isWarned) return 'well';
    judged.isWarned = true;
    return 'warn';
  }
  // Without any limit nobody is above it, whoever was before a reload.
  if (!judged.isWarned || held > (soft || hard || Infinity) * RECOVERED) return 'well';
  judged.isWarned = false;
  return 'recovered';
}

/** Whether a collection need not be waited for any more. */
function isCollected({ collection }: Judged, now: number): boolean {
  if (!collection || now - collection.askedAt > COLLECTED_FOR) return false;
  return collection.doneAt !== undefined || now - collection.askedAt >= COLLECTION;
}

/** Whether one may be asked for, again. */
export function mayCollect({ collection }: Judged, now: number): boolean {
  return !collection || now - collection.askedAt > COLLECTED_FOR;
}

/** Who must go until all together hold less than the limit: the largest first. */
export function largest<T extends { readonly held: number }>(all: readonly T[], excess: number): T[] {
  const sorted = [...all].sort((a, b) => b.held - a.held);
  const chosen: T[] = [];
  for (let left = excess; left > 0 && sorted.length > 0;) {
    const next = sorted.shift()!;
    if (next.held === 0) break;
    chosen.push(next);
    left -= next.held;
  }
  return chosen;
}

/** Those who cause it that all together hold too much: who holds no less than an equal share. */
export function causing<T extends { readonly held: number }>(all: readonly T[]): T[] {
  const sum = all.reduce((total, { held }) => total + held, 0);
  return all.filter(({ held }) => held > 0 && held * all.length >= sum);
}
