import { setTimeout as delay } from 'node:timers/promises';

/** Asks every 20 ms until the answer is not undefined; rejects after `deadline` ms, saying what was waited for. */
export async function until<T>(
  what: string,
  deadline: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + deadline;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what}: not within ${deadline} ms`);
    await delay(20);
  }
}
