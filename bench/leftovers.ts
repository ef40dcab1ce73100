import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import type { ChromeExecutable, Mux, MuxStats } from '../src/index.js';
import type { Closers } from './closers.js';
import { heapAfterCollection } from './heap.js';
import { projectRoot } from './paths.js';
import { openSite } from './site.js';
import { TruthTeller, withPort } from './truth.js';
import type { Truth } from './truth.js';
import { until } from './until.js';

/** How long after the last client everything may take to go, ms: a renderer ends some time after its page. */
const SETTLE = 15_000;

/** What a run of cycles is given. */
export interface CyclesOptions {
  readonly executable: ChromeExecutable;
  readonly cycles: number;
  readonly parallel: number;
  /** Cycles before the first look, for what is made once and kept. */
  readonly warmUp: number;
  /** How much larger cdpmux's heap may be at the end than after the warm-up, MB. */
  readonly heapBound: number;
  readonly closers: Closers;
}

/** What is there at one moment, with nobody connected. */
export interface Moment {
  readonly chrome: Truth;
  readonly cdpmux: MuxStats;
  /** Timers in cdpmux's process. */
  readonly timers: number;
  /** JS heap of cdpmux's process after a garbage collection, MB. */
  readonly heapMb: number;
}

/** What a run of cycles found; without problems, nothing was left over. */
export interface CyclesReport {
  /** Of the Chrome, as it gives it. */
  readonly version: string;
  readonly start: Moment;
  readonly warm: Moment;
  readonly end: Moment;
  readonly seconds: number;
  readonly problems: readonly string[];
}

/**
 * Clients of a process of their own connect, open a page, navigate, evaluate and disconnect, again and again; then
 * cdpmux, which runs in this process, and its Chrome are asked what is left.
 */
export async function runCycles(options: CyclesOptions): Promise<CyclesReport> {
  const { executable, cycles, parallel, warmUp, heapBound, closers } = options;
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-cycles-'));
  closers.add(() => rm(directory, { recursive: true, force: true }));
  const site = await openSite();
  closers.add(() => site.close());
  const program = await withPort(executable, directory);
  const errors: string[] = [];
  const settings = { 'browsers.min': 1, 'browsers.max': 1, 'browsers.kind': executable.kind };
  const config = loadConfig({
    flags: { chrome: program, port: '0', set: Object.entries(settings).map((pair) => pair.join('=')) },
  });
  const service = await Service.start(config, {
    env: { ...process.env, ...executable.env },
    tmpDir: directory,
    log: (level, message, fields) => {
      if (level === 'error') errors.push(`${message} ${JSON.stringify(fields)}`);
    },
  });
  closers.add(() => service.close(5_000));
  const { mux, door } = service;
  const truth = await TruthTeller.find(directory);
  closers.add(() => truth.close());
  const clients = fork(join(projectRoot, 'bench/cycles-client.mjs'), [door.webSocketUrl, site.url], {
    execArgv: [],
  });
  closers.add(() => clients.kill('SIGKILL'));

  const drive = async (count: number): Promise<void> => {
    clients.send({ cycles: count, parallel });
    const ended = once(clients, 'exit').then(() => [{ errors: ['the clients ended'] }]);
    const [said] = (await Promise.race([once(clients, 'message'), ended])) as [{ errors: string[] }];
    errors.push(...said.errors);
  };
  const look = async (before?: Moment): Promise<Moment> => {
    // what is kept ready must go without a trace, too
    mux.reconfigure({ stock: { ...config.stock, enabled: false } });
    const moment = await settle(mux, truth, before);
    mux.reconfigure({ stock: config.stock });
    return moment;
  };

  const start = await look();
  await drive(warmUp);
  const warm = await look(start);
  const began = performance.now();
  await drive(cycles - warmUp);
  const seconds = (performance.now() - began) / 1000;
  const end = await look(start);
  const problems = [...summary(errors), ...leftOver(end, start), ...grown(warm, end, heapBound)];
  return { version: await truth.version(), start, warm, end, seconds, problems };
}

/** Looks until nothing is left, and no more timers than before where that is given, or for so long as things may take to go. */
export async function settle(mux: Mux, truth: TruthTeller, before?: Moment): Promise<Moment> {
  const gone = async (): Promise<true | undefined> => {
    const { targets, contexts, renderers } = await truth.ask();
    const isEmpty = targets.length + contexts + renderers === 0 && stillThere(mux.stats()).length === 0;
    return isEmpty && timersNow() <= (before?.timers ?? Infinity) ? true : undefined;
  };
  // what is left then is what the report is about
  await until('an empty Chrome', SETTLE, gone).catch(() => undefined);
  return {
    chrome: await truth.ask(),
    cdpmux: mux.stats(),
    timers: timersNow(),
    heapMb: await heapAfterCollection(),
  };
}

function timersNow(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

/** What cdpmux counts that should be gone with the last client, with how much there is of it. */
export function stillThere(stats: MuxStats): [name: string, count: number][] {
  const {
    browsers: _browsers,
    connections: _open,
    connectionReuse: _ratio,
    sharedAnswers: _hits,
    container: _container,
    ...counts
  } = stats;
  return Object.entries(counts).filter(([, count]) => count !== 0);
}

/** What should not be there any more, in words. */
export function leftOver({ chrome, cdpmux, timers }: Moment, start: Moment): string[] {
  return [
    ...chrome.targets.map((target) => `Chrome still has the target ${target}`),
    ...(chrome.contexts > 0 ? [`Chrome still has ${chrome.contexts} contexts`] : []),
    ...(chrome.renderers > start.chrome.renderers
      ? [`Chrome has ${chrome.renderers} renderers, ${start.chrome.renderers} at the start`]
      : []),
    ...(cdpmux.browsers !== 1 ? [`cdpmux has ${cdpmux.browsers} browsers`] : []),
    ...stillThere(cdpmux).map(([name, count]) => `cdpmux still has ${name}: ${count}`),
    ...(timers > start.timers ? [`cdpmux has ${timers} timers, ${start.timers} at the start`] : []),
  ];
}

function grown(warm: Moment, end: Moment, bound: number): string[] {
  const by = end.heapMb - warm.heapMb;
  return by > bound ? [`cdpmux's heap grew by ${by.toFixed(1)} MB, more than ${bound}`] : [];
}

/** Each error once, with how often it came. */
export function summary(errors: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const error of errors) counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].map(([error, count]) => `${count} times: ${error}`);
}
