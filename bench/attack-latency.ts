import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { work, type Alone } from '../test/attack/work.js';
import type { Stage } from '../test/attack/arena.js';
import type { Party } from '../test/attack/parties.js';
import { flood, pressures } from '../test/attack/pressure.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import type { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { durations, median, percentile, record } from './figures.js';
import { projectRoot } from './paths.js';
import { RawClient } from './raw-client.js';

/** How the victim fared beside one that presses on it. */
export interface Beside {
  readonly name: string;
  readonly cdpmux: Ratio;
  /** The same two clients at a Chrome of their own; undefined where that Chrome would not survive it. */
  readonly direct: Ratio | undefined;
  /** What the victim's whole work lacked or had beyond a run alone. */
  readonly leaks: readonly string[];
}

/** Latency of `Runtime.evaluate`, one at a time: p50 in ms, and ratios of beside to alone. */
export interface Ratio {
  readonly alone: number;
  readonly beside: number;
  readonly p50: number;
  readonly p99: number;
}

/** Where it is measured. */
export interface Sides {
  readonly stage: Stage;
  readonly executable: ChromeExecutable;
  readonly closers: Closers;
  readonly seconds: number;
  readonly alone: Alone;
}

/** The victim's work must end, however much slower it is, ms. */
const PATIENCE = 120_000;

/** The flood is measured in so many turns on each side: its ratio is one that has a bound. */
const FLOOD_ROUNDS = 5;

/** What ends a Chrome or leaves it unusable to all. */
const onlyThrough = /browser|everything/;

/** Measures a victim beside each attacker, and has it do its whole work there; `onResult` is told as it goes. */
export async function besideEach(sides: Sides, onResult: (result: Beside) => void): Promise<Beside[]> {
  const results: Beside[] = [];
  for (const pressure of pressures) {
    const { name } = pressure;
    const through: Ratio[] = [];
    const direct: Ratio[] = [];
    const leaks: string[] = [];
    for (let round = 0; round < (pressure === flood ? FLOOD_ROUNDS : 1); round++) {
      const judge = round === 0 ? () => differences(sides, leaks) : undefined;
      through.push(await beside(sides.stage, name, sides.seconds, judge));
      if (!onlyThrough.test(name)) direct.push(await besideDirect(sides, name));
    }
    const result = {
      name,
      cdpmux: middle(through),
      direct: direct.length > 0 ? middle(direct) : undefined,
      leaks,
    };
    results.push(result);
    onResult(result);
  }
  return results;
}

/** A Chrome for each, since what an attacker leaves behind stays in it. */
async function besideDirect({ stage, executable, closers, seconds }: Sides, name: string): Promise<Ratio> {
  const chrome = await startDirect(executable);
  const close = closers.add(() => chrome.close());
  const party = { wsUrl: chrome.wsUrl, httpUrl: '', headers: {} };
  const parties = { victim: party, attacker: party };
  const ratio = await beside({ ...stage, parties }, name, seconds);
  await close();
  return ratio;
}

/** `then` is done while the attacker is still at it. */
async function beside(
  stage: Stage,
  name: string,
  seconds: number,
  then?: () => Promise<void>,
): Promise<Ratio> {
  const victim = await Victim.open(stage.parties.victim, stage.site.url('victim', 'empty'));
  try {
    const before = await victim.measure(seconds / 2);
    const attacker = await startAttacker(name, stage.parties.attacker, stage.site.origin);
    let during: Latency;
    try {
      during = await victim.measure(seconds);
      await then?.();
    } finally {
      const gone = once(attacker, 'exit');
      attacker.kill('SIGKILL');
      await gone;
    }
    const after = await victim.measure(seconds / 2);
    const alone = (before.p50 + after.p50) / 2;
    const p99 = during.p99 / ((before.p99 + after.p99) / 2);
    return { alone, beside: during.p50, p50: during.p50 / alone, p99 };
  } finally {
    victim.close();
  }
}

function middle(ratios: readonly Ratio[]): Ratio {
  const of = (member: keyof Ratio): number => median(ratios.map((ratio) => ratio[member]));
  return { alone: of('alone'), beside: of('beside'), p50: of('p50'), p99: of('p99') };
}

async function differences({ stage, alone }: Sides, leaks: string[]): Promise<void> {
  const late = new AbortController();
  try {
    const run = await Promise.race([work(stage), delay(PATIENCE, undefined, { signal: late.signal })]);
    leaks.push(...(run ? alone.differences(run) : [`its work was not done within ${PATIENCE} ms`]));
  } catch (error) {
    leaks.push((error as Error).message);
  } finally {
    late.abort();
  }
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** A client with one page that asks one thing at a time. */
class Victim {
  readonly #client: RawClient;
  readonly #sessionId: string;

  private constructor(client: RawClient, sessionId: string) {
    this.#client = client;
    this.#sessionId = sessionId;
  }

  static async open({ wsUrl, headers }: Party, url: string): Promise<Victim> {
    const client = await RawClient.connect(wsUrl, headers);
    const { targetId } = await client.request<{ targetId: string }>('Target.createTarget', { url });
    const params = { targetId, flatten: true };
    const { sessionId } = await client.request<{ sessionId: string }>('Target.attachToTarget', params);
    return new Victim(client, sessionId);
  }

  async measure(seconds: number): Promise<Latency> {
    const histogram = durations();
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      const start = performance.now();
      await this.#client.request('Runtime.evaluate', { expression: '1+1' }, this.#sessionId);
      record(histogram, performance.now() - start);
    }
    return { p50: percentile(histogram, 50), p99: percentile(histogram, 99) };
  }

  close(): void {
    this.#client.close();
  }
}

/** Starts the attacker in a process of its own, as in life; resolves when it is at it. */
async function startAttacker(name: string, party: Party, origin: string): Promise<ChildProcess> {
  const child = fork(join(projectRoot, 'dist/bench/attacker.js'), [name, JSON.stringify(party), origin]);
  const [said] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (said !== 'pressing') throw new Error(`the attacker that ${name} ended with ${String(said)}`);
  return child;
}
