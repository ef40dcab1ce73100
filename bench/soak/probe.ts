// The probes of a soak, in a process of their own, so that nothing else of the clients' is measured.
import { setTimeout as delay } from 'node:timers/promises';

import { openPage, SMALL, type BenchPage } from '../arrivals.js';
import { durations, percentile, record } from '../figures.js';
import { RawClient } from '../raw-client.js';
import type { Histogram } from 'hdr-histogram-js';
import type { Latency, Probed, ProbeNews, ProbeOrder } from './probe-messages.js';

/** After a refusal the next attempt waits so long, ms. */
const RETRY = 500;
/** Between two entries, ms. */
const ENTRIES = 1_000;

const tell = (news: ProbeNews): void => void process.send?.(news);

/** A page that is asked again and again; where it is lost another one is opened. */
class Side {
  readonly latency = durations();
  readonly ends: Record<string, number> = {};
  readonly outages: number[] = [];
  readonly refusals: Record<string, number> = {};
  readonly #url: string;
  #page: BenchPage | undefined;
  #state: 'running' | 'stopped' = 'running';

  constructor(url: string) {
    this.#url = url;
  }

  /** Opens a page, and another one whenever it was lost, until `stop`. */
  async keep(): Promise<void> {
    let lostAt: number | undefined;
    while (this.#state === 'running') {
      try {
        const page = await openPage(this.#url);
        if (this.#isStopped()) return page.client.close();
        if (lostAt !== undefined) this.outages.push(performance.now() - lostAt);
        lostAt = undefined;
        this.#page = page;
        const code = await page.client.ended;
        this.#page = undefined;
        if (this.#isStopped()) return;
        lostAt = performance.now();
        add(this.ends, String(code));
      } catch (error) {
        add(this.refusals, (error as Error).message);
        await delay(RETRY);
      }
    }
  }

  /** Sends one command that was due at that time; none while there is no page. */
  ask(due: number): void {
    if (!this.#page) return;
    const { client, sessionId } = this.#page;
    client.send('Runtime.evaluate', SMALL, sessionId, () => record(this.latency, performance.now() - due));
  }

  stop(): void {
    this.#state = 'stopped';
    this.#page?.client.close();
  }

  // a state that an await may have changed
  #isStopped(): boolean {
    return this.#state === 'stopped';
  }
}

/** Both sides, asked in turns at the same rate. */
class Probes {
  readonly #cdpmux: Side;
  readonly #direct: Side;
  readonly #entry = durations();
  readonly #url: string;
  readonly #running: Promise<unknown>;
  readonly #refusals: Record<string, number> = {};
  #state: 'running' | 'stopped' = 'running';

  constructor({ cdpmux, direct, perSecond }: ProbeOrder & { order: 'probe' }) {
    this.#url = cdpmux;
    this.#cdpmux = new Side(`${cdpmux}?initialPage=false`);
    this.#direct = new Side(direct);
    const sides = [this.#cdpmux.keep(), this.#direct.keep()];
    this.#running = Promise.all([...sides, this.#ask(1_000 / perSecond), this.#enter()]);
  }

  async stop(): Promise<Probed> {
    this.#state = 'stopped';
    this.#cdpmux.stop();
    this.#direct.stop();
    await this.#running;
    const refusals = { ...this.#refusals };
    for (const [said, count] of Object.entries(this.#cdpmux.refusals)) {
      refusals[said] = (refusals[said] ?? 0) + count;
    }
    return {
      cdpmux: latencyOf(this.#cdpmux.latency),
      direct: latencyOf(this.#direct.latency),
      entry: latencyOf(this.#entry),
      ends: this.#cdpmux.ends,
      outages: this.#cdpmux.outages,
      refusals,
    };
  }

  async #ask(every: number): Promise<void> {
    const begin = performance.now();
    for (let nth = 0; this.#state === 'running'; nth++) {
      const due = begin + nth * every;
      await delay(Math.max(0, due - performance.now()));
      // who is first waits for nothing: in turns
      const sides = nth % 2 === 0 ? [this.#cdpmux, this.#direct] : [this.#direct, this.#cdpmux];
      for (const side of sides) side.ask(due);
    }
  }

  async #enter(): Promise<void> {
    const begin = performance.now();
    for (let nth = 0; this.#state === 'running'; nth++) {
      const due = begin + nth * ENTRIES;
      await delay(Math.max(0, due - performance.now()));
      try {
        const client = await RawClient.connect(`${this.#url}?initialPage=false`);
        await client.request('Browser.getVersion');
        record(this.#entry, performance.now() - due);
        client.close();
      } catch (error) {
        add(this.#refusals, (error as Error).message);
      }
    }
  }
}

function latencyOf(histogram: Histogram): Latency {
  const count = histogram.totalCount;
  const of = (percent: number): number => (count === 0 ? NaN : percentile(histogram, percent));
  return { count, p50: of(50), p99: of(99) };
}

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

let probes: Probes | undefined;

async function obey(order: ProbeOrder): Promise<void> {
  if (order.order === 'probe') probes = new Probes(order);
  else if (probes) tell({ news: 'probed', probed: await probes.stop() });
}

process.on('message', (order: ProbeOrder) => void obey(order));
process.on('disconnect', () => process.exit());
tell({ news: 'ready' });
