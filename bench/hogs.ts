import { setTimeout as delay } from 'node:timers/promises';

import type { RunningCdpmux } from './cdpmux.js';
import { durations, median, percentile, ratios, record, type Figure } from './figures.js';
import { RawClient } from './raw-client.js';

/** One slice of measuring, ms; alone and beside the hogs take turns. */
const SLICE = 1_000;
/** How long it may take until cdpmux has slowed hogs down, ms. */
const NOTICED = 30_000;

/** What is measured on. */
export interface HogOptions {
  /** One cdpmux that slows hogs down, and one that does not. */
  readonly sides: readonly {
    readonly name: string;
    readonly cdpmux: RunningCdpmux;
    readonly slows: boolean;
  }[];
  readonly hogs: number;
  readonly rounds: number;
  readonly seconds: number;
}

interface Series {
  readonly p50: number[];
  readonly p99: number[];
}

/** A client's latency beside pages in endless loops of another client in the same Chrome, by its latency alone. */
export async function hogs({ sides, hogs: count, rounds, seconds }: HogOptions): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const { name, cdpmux, slows } of sides) {
    const alone: Series = { p50: [], p99: [] };
    const beside: Series = { p50: [], p99: [] };
    for (let round = 0; round < rounds; round++) {
      await measure(cdpmux.wsUrl, seconds / rounds, alone);
      const before = await slowed(cdpmux);
      const hog = await RawClient.connect(cdpmux.wsUrl);
      for (let nth = 0; nth < count; nth++) await loop(hog);
      const end = performance.now() + NOTICED;
      while (slows && (await slowed(cdpmux)) < before + count) {
        if (performance.now() > end)
          throw new Error(`the ${count} hogs were not slowed down within ${NOTICED} ms`);
        await delay(100);
      }
      if (!slows) await delay(SLICE);
      await measure(cdpmux.wsUrl, seconds / rounds, beside);
      hog.close();
      await delay(SLICE);
    }
    for (const what of ['p50', 'p99'] as const) {
      figures.push({
        suite: 'hogs',
        name: `${what} beside ${count} pages in endless loops, ${name}, by alone`,
        unit: 'ms',
        direct: median(alone[what]),
        cdpmux: median(beside[what]),
        ratio: ratios(beside[what], alone[what]),
        ...(slows && what === 'p99' && { target: { of: 'ratio', relation: '<=', value: 1.2 } as const }),
        series: { direct: alone[what], cdpmux: beside[what] },
      });
    }
  }
  return figures;
}

/** One command at a time for so many seconds. */
async function measure(wsUrl: string, seconds: number, into: Series): Promise<void> {
  const client = await RawClient.connect(wsUrl);
  const sessionId = await newPage(client);
  const histogram = durations();
  const params = { expression: '1' };
  for (let warm = 0; warm < 200; warm++) await client.request('Runtime.evaluate', params, sessionId);
  for (const end = performance.now() + seconds * 1_000; performance.now() < end;) {
    const start = performance.now();
    await client.request('Runtime.evaluate', params, sessionId);
    record(histogram, performance.now() - start);
  }
  into.p50.push(percentile(histogram, 50));
  into.p99.push(percentile(histogram, 99));
  client.close();
}

async function newPage(client: RawClient): Promise<string> {
  const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', {
    url: 'about:blank',
  });
  const attach = { targetId, flatten: true };
  return (await client.request<{ sessionId: string }>('Target.attachToTarget', attach)).sessionId;
}

async function loop(client: RawClient): Promise<void> {
  const sessionId = await newPage(client);
  client.send('Runtime.evaluate', '{"expression":"for(;;){}"}', sessionId, () => undefined);
}

/** How many renderers cdpmux has slowed down since its start. */
async function slowed({ url }: RunningCdpmux): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^cdpmux_renderers_slowed_total (\d+)/m.exec(text)?.[1] ?? 0);
}
