import type { Histogram } from 'hdr-histogram-js';

import type { Random } from './chaos/random.js';
import { durations, record } from './figures.js';
import { RawClient } from './raw-client.js';

/** The smallest command that reaches a page. */
export const SMALL = '{"expression":"1"}';

/** A page, and the client over which it is reached. */
export interface BenchPage {
  readonly client: RawClient;
  readonly sessionId: string;
  readonly targetId: string;
}

/** Connects, makes a page in a context of its own there, and attaches to it. */
export async function openPage(wsUrl: string): Promise<BenchPage> {
  const client = await RawClient.connect(wsUrl);
  const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const attach = { targetId, flatten: true };
  const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', attach);
  return { client, sessionId, targetId };
}

/** Connects, and attaches to a page that is there. */
export async function joinPage(wsUrl: string, targetId: string): Promise<BenchPage> {
  const client = await RawClient.connect(wsUrl);
  const attach = { targetId, flatten: true };
  const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', attach);
  return { client, sessionId, targetId };
}

/** What a load met. */
export interface LoadResult {
  /** Commands answered in a second. */
  readonly perSecond: number;
  readonly latency: Histogram;
}

/** Each page asks again as soon as it is answered, with so many commands on their way, for so many ms. */
export async function closedLoop(
  pages: readonly BenchPage[],
  depth: number,
  ms: number,
  params = SMALL,
): Promise<LoadResult> {
  const latency = durations();
  const begin = performance.now();
  const work = pages.map(
    ({ client, sessionId }) =>
      new Promise<void>((resolve) => {
        let inFlight = 0;
        const send = (): void => {
          inFlight++;
          const start = performance.now();
          client.send('Runtime.evaluate', params, sessionId, () => {
            inFlight--;
            const now = performance.now();
            record(latency, now - start);
            if (now - begin < ms) send();
            else if (inFlight === 0) resolve();
          });
        };
        for (let i = 0; i < depth; i++) send();
      }),
  );
  await unlessEnded(pages, Promise.all(work));
  return { perSecond: (latency.totalCount / (performance.now() - begin)) * 1_000, latency };
}

/**
 * Commands that come at these times (ms from the start, rising), whether or not earlier ones are answered; pages take turns. Latency is
 * counted from when a command was due, so that one held up behind others is not left out.
 */
export async function openLoop(
  pages: readonly Pick<BenchPage, 'client' | 'sessionId'>[],
  arrivals: readonly number[],
): Promise<LoadResult> {
  const latency = durations();
  const begin = performance.now();
  const work = new Promise<void>((resolve) => {
    let next = 0;
    let answered = 0;
    const tick = (): void => {
      const now = performance.now() - begin;
      for (; next < arrivals.length && arrivals[next]! <= now; next++) {
        const due = begin + arrivals[next]!;
        const { client, sessionId } = pages[next % pages.length]!;
        client.send('Runtime.evaluate', SMALL, sessionId, () => {
          record(latency, performance.now() - due);
          if (++answered === arrivals.length) resolve();
        });
      }
      if (next < arrivals.length) setTimeout(tick, Math.max(0, arrivals[next]! - now));
    };
    tick();
  });
  await unlessEnded(pages, work);
  return { perSecond: (latency.totalCount / (performance.now() - begin)) * 1_000, latency };
}

/** Arrivals that know nothing of each other, at this mean rate, for so many ms; in slots of 1 ms, as fine as timers are. */
export function poissonArrivals(perSecond: number, ms: number, random: Random): number[] {
  const times: number[] = [];
  for (let at = 0; ;) {
    at += (-Math.log(1 - random.next()) * 1_000) / perSecond;
    if (at >= ms) return times;
    times.push(Math.floor(at));
  }
}

/** So many at once, again and again after pauses of the same mean length. */
export function burstyArrivals(size: number, perSecond: number, ms: number, random: Random): number[] {
  return poissonArrivals(perSecond / size, ms, random).flatMap((at) => Array<number>(size).fill(at));
}

/** The work, or an error as soon as one of the connections has ended. */
async function unlessEnded<T>(pages: readonly Pick<BenchPage, 'client'>[], work: Promise<T>): Promise<T> {
  const ended = pages.map(async ({ client }) => {
    throw new Error(`a connection was closed with ${await client.ended}`);
  });
  for (const one of ended) one.catch(() => undefined);
  return Promise.race([work, ...ended]);
}
