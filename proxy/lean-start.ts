import { setFlagsFromString } from 'node:v8';

/**
 * Tells V8 that what runs while modules load runs once, and that what they make stays: it would optimise the one in worker threads, whose
 * malloc keeps what that took at its peak, and answer the other by making the space for what is new eight times as large, for good.
 * V8 reads both flags each time that it decides; `npm run bench -- --suite memory` shows what it brings.
 */
export function beginLeanStart(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Has V8 optimise and make room for itself as ever: from here on code runs often. */
export function endLeanStart(): void {
  setFlagsFromString('--opt');
  setFlagsFromString('--semi-space-growth-factor=2');
}
