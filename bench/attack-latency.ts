import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { work, type Alone } from '../test/attack/work.js';
import type { Stage } from '../test/attack/arena.js';
import type { Party } from '../test/attack/parties.js';
import { pressures } from '../test/attack/pressure.js';
import { durations, percentile, record } from './figures.js';
import { projectRoot } from './paths.js';
import { RawClient } from './raw-client.js';

/** How the victim fared beside one that presses on it. */
export interface Beside {
  readonly name: string;
  /** p50 of `Runtime.evaluate` one at a time, ms: before and after the attacker, and beside it. */
  readonly alone: number;
  readonly beside: number;
  readonly ratio: number;
  readonly ratio99: number;
  /** What the victim's whole work lacked or had beyond a run alone. */
  readonly leaks: readonly string[];
}

/** The victim's work must end, however much slower it is, ms. */
const PATIENCE = 120_000;

/** Measures a victim beside each attacker; with `alone` it also does its whole work there. */
export async function besideEach(
  stage: Stage,
  { seconds, only, alone }: { seconds: number; only?: string; alone?: Alone },
): Promise<Beside[]> {
  const results: Beside[] = [];
  for (const { name } of pressures) {
    if (only === undefined || only === name) results.push(await beside(stage, name, seconds, alone));
  }
  return results;
}

async function beside(stage: Stage, name: string, seconds: number, alone?: Alone): Promise<Beside> {
  const victim = await Victim.open(stage.parties.victim, stage.site.url('victim', 'empty'));
  try {
    const before = await victim.measure(seconds / 2);
    const attacker = await startAttacker(name, stage.parties.attacker, stage.site.origin);
    let during: Latency;
    const leaks: string[] = [];
    try {
      during = await victim.measure(seconds);
      if (alone) leaks.push(...(await differences(stage, alone)));
    } finally {
      attacker.kill('SIGKILL');
      await once(attacker, 'exit');
    }
    const after = await victim.measure(seconds / 2);
    const quiet = (before.p50 + after.p50) / 2;
    const ratio99 = during.p99 / ((before.p99 + after.p99) / 2);
    return { name, alone: quiet, beside: during.p50, ratio: during.p50 / quiet, ratio99, leaks };
  } finally {
    victim.close();
  }
}

async function differences(stage: Stage, alone: Alone): Promise<string[]> {
  const late = new AbortController();
  try {
    const run = await Promise.race([work(stage), delay(PATIENCE, undefined, { signal: late.signal })]);
    return run ? alone.differences(run) : [`its work was not done within ${PATIENCE} ms`];
  } catch (error) {
    return [(error as Error).message];
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
