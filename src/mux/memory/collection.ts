import { mayCollect, type Judged } from './judge.js';

/** Has garbage collected, unless that was done a moment ago; each of `ask` resolves to false when a page of it is stuck. */
export function collect(judged: Judged, now: number, ask: () => readonly Promise<boolean>[]): void {
  if (!mayCollect(judged, now)) return;
  const collection = { askedAt: now, doneAt: undefined };
  judged.collection = collection;
  void Promise.all(ask()).then((done) => {
    if (!done.every(Boolean) || judged.collection !== collection) return;
    judged.collection = { askedAt: now, doneAt: performance.now() };
  });
}
