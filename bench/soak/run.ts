import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { ChromeExecutable } from '../../src/index.js';
import { Crew } from '../chaos/crew.js';
import type { Stage } from '../chaos/deeds.js';
import { Judge, type Verdict } from '../chaos/judge.js';
import { Operator } from '../chaos/operator.js';
import { Random } from '../chaos/random.js';
import { Sightings } from '../chaos/sightings.js';
import type { Closers } from '../closers.js';
import { startDirect } from '../direct-chrome.js';
import { Faults } from './faults.js';
import { Prober } from './prober.js';
import type { Probed } from './probe-messages.js';
import { openFiles, processesIn, rest } from './rest.js';
import { probeValues, type Round } from './series.js';
import { SoakedCdpmux } from './service.js';
import { Tally } from './tally.js';

/** `browsers.min`: one can be stopped (SIGSTOP) only where two others are ready. */
const FEWEST = 3;
/** Commands of the probes in a second. */
const PROBES = 20;
/** How often is looked where units are, ms. */
const LOOKS = 250;
/** How long cdpmux may take for an order of its operator's, ms: that a machine is overloaded is not what is looked for. */
const PATIENCE = 150_000;
/** How long the last units of a round may take, ms. */
const LAST_UNITS = 150_000;
/** How long cdpmux's Chromes may take to go after it, ms. */
const CLOSE = 10_000;

/** What a soak is given. */
export interface SoakOptions {
  readonly executable: ChromeExecutable;
  readonly seed: number;
  /** ms. */
  readonly duration: number;
  readonly clients: number;
  /** How long each round works before it is looked at, ms. */
  readonly work: number;
  readonly closers: Closers;
  /** Has cdpmux's process lose so much in each round, KB: to see that it is found. */
  readonly loseKb: number;
  /** Where heap snapshots go, of the third round and of the last. */
  readonly snapshots?: string | undefined;
  /** Told of each round. */
  readonly onRound?: (rounds: readonly Round[], tally: Tally) => Promise<void> | void;
}

/** Clients of all kinds at work on a pool with faults, round after round; after each all is let go, and what is left is measured. */
export async function soak(options: SoakOptions): Promise<{ rounds: readonly Round[]; tally: Tally }> {
  const { executable, closers, duration, onRound } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-soak-'));
  closers.add(() => rm(directory, { recursive: true, force: true }));
  const direct = await startDirect(executable);
  closers.add(() => direct.close());
  const cdpmux = await SoakedCdpmux.start(executable, directory, settings(executable, options.clients));
  const closeCdpmux = closers.add(() => cdpmux.close());
  const crew = await Crew.start('soak/clients.js');
  closers.add(() => crew.close());
  const prober = await Prober.start();
  closers.add(() => prober.close());
  const operator = new Operator(cdpmux.url, PATIENCE);
  const sightings = new Sightings(operator, LOOKS);
  const judge = new Judge(sightings);
  const tally = new Tally();
  crew.onUnit = (unit) => {
    judge.add(unit);
    tally.add(unit);
  };
  const stage: Stage = { operator, sightings, judge, cutClient: (part) => crew.cut(part) };
  const faults = new Faults(stage, new Random(options.seed));
  const soaked = {
    ...options,
    cdpmux,
    crew,
    prober,
    operator,
    sightings,
    judge,
    faults,
    direct: direct.wsUrl,
  };
  const began = performance.now();
  const rounds: Round[] = [];
  while (performance.now() - began < duration && cdpmux.lives) {
    const work = await workRound(soaked);
    const still = await rest(cdpmux, operator, directory, FEWEST, options.loseKb);
    tally.take(work.verdict, work.probed, faults.done);
    tally.problem(...cdpmux.errors.splice(0), ...still.left.map((line) => `not gone at rest: ${line}`));
    const values = { ...still.values, ...work.values };
    rounds.push({ hours: (performance.now() - began) / 3_600_000, values });
    if (options.snapshots !== undefined && rounds.length === 3) {
      await cdpmux.look({ collect: true, snapshot: join(options.snapshots, 'early.heapsnapshot') });
    }
    await onRound?.(rounds, tally);
  }
  if (options.snapshots !== undefined && cdpmux.lives) {
    await cdpmux.look({ collect: true, snapshot: join(options.snapshots, 'late.heapsnapshot') });
  }
  await closeCdpmux();
  tally.problem(...cdpmux.errors, ...(await leftAtTheEnd(directory, cdpmux.pid)));
  await onRound?.(rounds, tally);
  return { rounds, tally };
}

interface Soaked extends SoakOptions {
  readonly cdpmux: SoakedCdpmux;
  readonly crew: Crew;
  readonly prober: Prober;
  readonly operator: Operator;
  readonly sightings: Sightings;
  readonly judge: Judge;
  readonly faults: Faults;
  /** The WebSocket of a Chrome that nobody else uses. */
  readonly direct: string;
}

async function workRound(soaked: Soaked): Promise<{
  verdict: Verdict;
  probed: Probed;
  values: Record<string, number>;
}> {
  const { cdpmux, crew, prober, sightings, judge, faults, clients, work, direct } = soaked;
  await cdpmux.keepsReady(true);
  sightings.start();
  const began = performance.now();
  crew.work(cdpmux.wsUrl, clients);
  prober.begin(cdpmux.wsUrl, direct, PROBES);
  faults.begin();
  await delay(work);
  await faults.end();
  const probed = await prober.end();
  // the collection would be in the figures of the probes
  const [busy, busyFds] = [await cdpmux.look({ collect: true }), await openFiles(cdpmux.pid)];
  const over = crew.done(LAST_UNITS);
  crew.stop();
  await over;
  const minutes = (performance.now() - began) / 60_000;
  await sightings.stop();
  await cdpmux.keepsReady(false);
  const verdict = judge.take();
  const { units, done, others, onKilled, beforeAny } = verdict;
  const values = {
    ...probeValues(probed),
    busyHeap: busy.heapMb - busy.codeMb,
    busyFds,
    failed: (100 * (onKilled + beforeAny)) / units,
    unexplained: (100 * others.length) / units,
    unitsPerMinute: done / minutes,
  };
  return { verdict, probed, values };
}

function settings({ kind }: ChromeExecutable, clients: number): object {
  return {
    browsers: {
      kind,
      min: FEWEST,
      max: FEWEST + 2,
      // the probes are clients, too
      virtualPerBrowser: Math.ceil((clients + 2) / FEWEST),
      idleTimeout: '2s',
      maxUses: 100,
    },
    stock: { enabled: true },
    queue: { timeout: '60s' },
    // found within 10 s, as the judge has it
    health: { interval: '2s', timeout: '8s' },
    memory: { virtual: { softLimitMb: 150, hardLimitMb: 200 } },
    log: { level: 'warn' },
  };
}

/** Processes and directories that are there though cdpmux has ended, once they have had their time to go. */
async function leftAtTheEnd(directory: string, cdpmux: number): Promise<string[]> {
  for (const end = performance.now() + CLOSE; ;) {
    const pids = [...(await processesIn(directory, cdpmux))];
    const names = (await readdir(directory)).filter((name) => name.startsWith('cdpmux-'));
    if (pids.length + names.length === 0 || performance.now() > end) {
      return [
        ...pids.map((pid) => `after the end: process ${pid}`),
        ...names.map((name) => `after the end: directory ${name}`),
      ];
    }
    await delay(100);
  }
}
