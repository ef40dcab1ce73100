import { setTimeout as pause } from 'node:timers/promises';

/** Waits until a condition on something outside of this process, or without events, is true; looks every so many ms. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  { within = 5_000, every = 10, what = 'the condition' } = {},
): Promise<void> {
  const deadline = performance.now() + within;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not become true within ${within} ms`);
    await pause(every);
  }
}
