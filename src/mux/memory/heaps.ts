import type { TargetSessions } from '../../chrome/target-sessions.js';
import type { VirtualBrowser } from '../../virtual/virtual-browser.js';

/** V8 heaps as Chrome tells of them, bytes. Memory of wasm and of workers is not in them, nor typed arrays of a stuck page. */
export interface HeapFigures {
  readonly used: number;
  readonly total: number;
  /** Typed arrays and the like. */
  readonly backing: number;
  /** DOM nodes and what else is Chrome's beside V8. */
  readonly embedder: number;
}

/** The heap of one target, by its isolate: targets may share one. */
interface TargetHeap extends HeapFigures {
  readonly isolate: string;
}

/** The heaps of one virtual browser, each isolate once. */
export interface VirtualHeap extends HeapFigures {
  readonly isolates: number;
  /** Pages that gave no answer in time. */
  readonly silent: number;
}

/** Nothing, to begin a sum with. */
export const noHeap: VirtualHeap = { used: 0, total: 0, backing: 0, embedder: 0, isolates: 0, silent: 0 };

/** Longest that a page may take to tell of its heap, ms; a stuck one never does. */
const ANSWER = 500;

/** Types of targets that have a main frame, and so sessions of cdpmux's own. */
export const pageTypes: ReadonlySet<string> = new Set(['page', 'iframe', 'webview']);

/** Reads the heaps of one virtual browser's pages and frames. */
export async function heapOf(virtual: VirtualBrowser, sessions: TargetSessions): Promise<VirtualHeap> {
  const ids = virtual.targets().flatMap(({ info }) => (pageTypes.has(info.type) ? [info.targetId] : []));
  const heaps = await Promise.all(ids.map((targetId) => targetHeap(targetId, sessions)));
  const isolates = new Map(heaps.flatMap((heap) => (heap ? [[heap.isolate, heap]] : [])));
  const silent = heaps.filter((heap) => heap === undefined).length;
  return [...isolates.values()].reduce(add, { ...noHeap, isolates: isolates.size, silent });
}

/** Heaps of several together. */
export function sumOf(all: readonly VirtualHeap[]): VirtualHeap {
  return all.reduce<VirtualHeap>(
    (sum, one) => ({
      ...add(sum, one),
      isolates: sum.isolates + one.isolates,
      silent: sum.silent + one.silent,
    }),
    noHeap,
  );
}

/** All that counts of a heap, bytes. */
export function heldIn({ used, backing, embedder }: HeapFigures): number {
  return used + backing + embedder;
}

async function targetHeap(targetId: string, sessions: TargetSessions): Promise<TargetHeap | undefined> {
  const [isolate, usage] = await Promise.all([
    sessions.ask(targetId, 'Runtime.getIsolateId', undefined, ANSWER),
    sessions.ask(targetId, 'Runtime.getHeapUsage', undefined, ANSWER),
  ]);
  if (usage) {
    const { usedSize, totalSize, backingStorageSize, embedderHeapUsedSize } = usage;
    return {
      isolate: isolate?.id ?? targetId,
      used: usedSize,
      total: totalSize,
      backing: backingStorageSize,
      embedder: embedderHeapUsedSize,
    };
  }
  // Stuck in a loop it still answers this one.
  const answer = await sessions.ask(targetId, 'Performance.getMetrics', undefined, ANSWER);
  const metrics = new Map(answer?.metrics.map(({ name, value }) => [name, value]));
  const used = metrics.get('JSHeapUsedSize');
  if (used === undefined) return undefined;
  return { isolate: targetId, used, total: metrics.get('JSHeapTotalSize') ?? used, backing: 0, embedder: 0 };
}

function add<T extends HeapFigures>(sum: T, one: HeapFigures): T {
  return {
    ...sum,
    used: sum.used + one.used,
    total: sum.total + one.total,
    backing: sum.backing + one.backing,
    embedder: sum.embedder + one.embedder,
  };
}
