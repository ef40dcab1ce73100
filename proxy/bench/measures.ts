import { BenchClient } from './bench-client.js';

const DEPTH = 64;
const LARGE_BYTES = 1_000_000;
const SMALL = '{"expression":"1"}';
const LARGE = `{"expression":"'x'.repeat(${LARGE_BYTES})","returnByValue":true}`;

/** A browser that is measured, with a page open on it. */
export interface BenchSide {
  readonly url: string;
  readonly client: BenchClient;
}

/** One thing that is measured in slices. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  /** One value, within about so many ms. */
  take(side: BenchSide, ms: number): Promise<number>;
}

/** What `cdpmux bench` measures, in its order. */
export const measures: readonly Measure[] = [
  {
    name: 'one command at a time, p50',
    unit: 'µs',
    take: async (side, ms) => quantile(await latencies(side, ms), 0.5),
  },
  {
    name: 'one command at a time, p99',
    unit: 'µs',
    take: async (side, ms) => quantile(await latencies(side, ms), 0.99),
  },
  { name: `${DEPTH} commands at a time`, unit: 'commands/s', take: throughput },
  { name: 'answers of 1 MB, one at a time', unit: 'MB/s', take: largeAnswers },
  { name: 'WebSocket until its first answer', unit: 'ms', take: connecting },
];

/** The value below which that part (0 to 1) of the values lie. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
}

async function latencies({ client }: BenchSide, ms: number): Promise<number[]> {
  const times: number[] = [];
  for (let start = performance.now(), end = start + ms; start < end;) {
    await client.wait((done) => client.send('Runtime.evaluate', SMALL, done));
    const now = performance.now();
    times.push((now - start) * 1_000);
    start = now;
  }
  return times;
}

/** Commands per second until the last answer. */
function throughput({ client }: BenchSide, ms: number): Promise<number> {
  return client.wait((done) => {
    const start = performance.now();
    let sent = 0;
    let answered = 0;
    const send = (): void => {
      sent++;
      client.send('Runtime.evaluate', SMALL, onAnswer);
    };
    const onAnswer = (): void => {
      answered++;
      const elapsed = performance.now() - start;
      if (elapsed < ms) send();
      else if (answered === sent) done((answered / elapsed) * 1_000);
    };
    for (let i = 0; i < DEPTH; i++) send();
  });
}

async function largeAnswers({ client }: BenchSide, ms: number): Promise<number> {
  const start = performance.now();
  let bytes = 0;
  do {
    const answer = await client.wait<Buffer>((done) => client.send('Runtime.evaluate', LARGE, done));
    bytes += answer.length;
  } while (performance.now() - start < ms);
  return bytes / 1_000 / (performance.now() - start);
}

async function connecting({ url }: BenchSide): Promise<number> {
  const start = performance.now();
  const client = await BenchClient.connect(url);
  await client.request('Browser.getVersion');
  client.close();
  return performance.now() - start;
}
