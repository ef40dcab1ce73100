import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';

import { loadConfig } from '../../proxy/config.js';
import { Service } from '../../proxy/service.js';
import type { ChromeExecutable } from '../../src/index.js';
import type { Closers } from '../closers.js';
import { startDirect } from '../direct-chrome.js';
import { withPort } from '../truth.js';
import { Crew } from './crew.js';
import { deeds, shares, type DeedName, type Stage } from './deeds.js';
import { Judge, type Verdict } from './judge.js';
import { more, processesLeft, settle, type Moment, type Scene } from './moment.js';
import { Operator } from './operator.js';
import { at, Random } from './random.js';
import { resources } from './resources.js';
import { Sightings } from './sightings.js';
import { UpstreamRelay } from './upstream-relay.js';

/** Between two deeds there is up to so much time, ms. */
const LONGEST_GAP = 1_500;
/** How long the last units may take after the last deed, ms. */
const LAST_UNITS = 120_000;
/** The part of the units that must be done where nothing was lost under them. */
const SHARE = 0.99;
/** `browsers.min`. */
const FEWEST = 2;
/** How long cdpmux may take to close its Chromes, ms. */
const CLOSE = 10_000;

/** What a chaos is given. */
export interface ChaosOptions {
  readonly executable: ChromeExecutable;
  readonly seed: number;
  readonly duration: number;
  readonly clients: number;
  readonly closers: Closers;
  readonly onDeed?: (line: string) => void;
}

/** What it found; without problems every promise held. */
export interface ChaosReport extends Verdict {
  readonly seconds: number;
  readonly deeds: ReadonlyMap<DeedName, number>;
  readonly before: Moment;
  readonly after: Moment;
}

/**
 * Clients at work on a pool of launched Chromes and a remote one, to which everything is done that may happen to a
 * pool. cdpmux runs in this process, so that what it keeps can be counted; its clients run in another.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { executable, seed, duration, clients, closers, onDeed } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-chaos-'));
  closers.add(() => rm(directory, { recursive: true, force: true }));
  const program = await withPort(executable, directory);
  const remote = await startDirect(executable);
  closers.add(() => remote.close());
  const relay = await UpstreamRelay.open(remote.wsUrl);
  closers.add(() => relay.close());
  const crew = await Crew.start();
  closers.add(() => crew.close());
  const bare = resources();
  const errors: string[] = [];
  const config = loadConfig({ flags: { set: settings(program, executable, relay.wsUrl, clients) } });
  const service = await Service.start(config, {
    env: { ...process.env, ...executable.env },
    tmpDir: directory,
    log: (level, message, fields) => {
      if (level === 'error') errors.push(`cdpmux logged: ${message} ${JSON.stringify(fields)}`);
    },
  });
  // what is kept ready would count as left over
  const keepsReady = (enabled: boolean): void =>
    service.mux.reconfigure({ stock: { ...config.stock, enabled } });
  const closeService = closers.add(() => service.close(CLOSE));
  const operator = new Operator(`http://127.0.0.1:${service.door.port}`);
  const sightings = new Sightings(operator);
  const judge = new Judge(sightings);
  crew.onUnit = (unit) => judge.add(unit);
  const strangers = [crew.pid, remote.pid];
  const scene: Scene = { operator, directory, relay, remote, fewest: FEWEST, strangers };

  sightings.start();
  // what is made once and kept is not left over
  crew.work(service.door.webSocketUrl, clients, 2 * clients);
  await crew.done(LAST_UNITS);
  keepsReady(false);
  const before = await settle(scene);
  keepsReady(true);
  const began = performance.now();
  crew.work(service.door.webSocketUrl, clients);
  const stage: Stage = { operator, sightings, judge, relay, cutClient: (part) => crew.cut(part) };
  const done = await wreak(stage, seed, duration, onDeed);
  const over = crew.done(LAST_UNITS);
  crew.stop();
  await over;
  await sightings.stop();
  const seconds = (performance.now() - began) / 1000;
  keepsReady(false);
  const after = await settle(scene, before);
  const verdict = judge.verdict();
  await closeService();
  const problems = [
    ...errors,
    ...verdict.problems,
    ...(verdict.share < SHARE
      ? [`only ${percent(verdict.share)} of the units were done that nothing befell`]
      : []),
    ...more(before, after).map((line) => `left over: ${line}`),
    ...(await leftAtTheEnd(scene, bare)),
  ];
  return { ...verdict, problems, seconds, deeds: done, before, after };
}

function settings(
  program: string,
  executable: ChromeExecutable,
  upstream: string,
  clients: number,
): string[] {
  const perBrowser = Math.max(2, Math.ceil(clients / 3));
  return Object.entries({
    chrome: program,
    'listen.port': 0,
    'browsers.kind': executable.kind,
    'browsers.min': FEWEST,
    'browsers.max': 5,
    'browsers.upstreams': upstream,
    'browsers.virtualPerBrowser': perBrowser,
    'browsers.idleTimeout': '2s',
    'browsers.maxUses': 40,
    'connections.maxPerBrowser': 3,
    'connections.idleTimeout': '2s',
    'queue.timeout': '60s',
    'health.interval': '1s',
    'health.timeout': '5s',
  }).map((pair) => pair.join('='));
}

/** Does one deed after the other, in an order that the seed gives. */
async function wreak(
  stage: Stage,
  seed: number,
  duration: number,
  onDeed: ChaosOptions['onDeed'],
): Promise<Map<DeedName, number>> {
  const random = new Random(seed);
  const names = (Object.keys(shares) as DeedName[]).flatMap((name) =>
    Array<DeedName>(shares[name]).fill(name),
  );
  const done = new Map<DeedName, number>();
  const start = performance.now();
  while (performance.now() - start < duration) {
    const name = at(names, random.next())!;
    const part = random.next();
    const gap = random.next() * LONGEST_GAP;
    const said = await deeds[name](stage, part);
    if (said !== undefined) done.set(name, (done.get(name) ?? 0) + 1);
    onDeed?.(
      `${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${name}: ${said ?? 'nothing to do it to'}`,
    );
    await delay(gap);
  }
  return done;
}

/** After cdpmux has closed there is nothing of it, or soon will be. */
async function leftAtTheEnd(scene: Scene, bare: Moment): Promise<string[]> {
  for (const end = performance.now() + CLOSE; ;) {
    const left = await leftNow(scene, bare);
    if (left.length === 0 || performance.now() > end) return left;
    await delay(100);
  }
}

async function leftNow({ directory, strangers }: Scene, bare: Moment): Promise<string[]> {
  const pids = await processesLeft(strangers);
  const names = (await readdir(directory)).filter((name) => name.startsWith('cdpmux-'));
  // what the line above was answered by is still there in the turn of its answer
  await turn();
  return [
    ...pids.map((pid) => `after the end: process ${pid}`),
    ...names.map((name) => `after the end: directory ${name}`),
    ...more(bare, resources()).map((line) => `after the end: ${line}`),
  ];
}

function percent(part: number): string {
  return `${(100 * part).toFixed(2)} %`;
}
