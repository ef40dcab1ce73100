import type { Mux } from '../src/index.js';

/** It is looked so often within the time. */
const LOOKS = 10;

/** Calls `onIdle` once, when nobody has been there or waited for `after` ms; gives what stops looking. */
export function watchIdle(mux: Mux, after: number, onIdle: () => void): () => void {
  if (after === 0) return () => undefined;
  let since = performance.now();
  const timer = setInterval(() => {
    const { clients, waiting } = mux.stats();
    if (clients + waiting > 0) since = performance.now();
    else if (performance.now() - since >= after) {
      clearInterval(timer);
      onIdle();
    }
  }, after / LOOKS).unref();
  return () => clearInterval(timer);
}
