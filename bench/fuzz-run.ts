import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadConfig } from '../proxy/config.js';
import { Service } from '../proxy/service.js';
import type { Mux } from '../src/index.js';
import type { Closers } from './closers.js';
import { Attacker } from './fuzz-attacker.js';
import { Bystander } from './fuzz-bystander.js';
import { LastSent } from './fuzz-sent.js';
import { heapAfterCollection } from './heap.js';
import { stillThere } from './leftovers.js';
import { until } from './until.js';

/** What a run is given; the same seed gives the same frames, but for the ids that Chrome gives out. */
export interface FuzzOptions {
  readonly chrome: string;
  readonly seed: number;
  /** Ends after so many frames, or so many ms, whichever comes first. */
  readonly frames: number;
  readonly duration: number;
  /** Clients that send at a time, each in a virtual browser of its own. */
  readonly clients: number;
  /** Only these batches, to look at them again: first and last. */
  readonly batches?: readonly [number, number];
  /** How much larger cdpmux's heap may be at the end than after the first frames, MB. */
  readonly heapBound: number;
  readonly closers: Closers;
  readonly onProgress?: (report: FuzzReport) => void;
}

/** What a run found; without problems everything held. */
export interface FuzzReport {
  frames: number;
  answers: number;
  batches: number;
  /** Connections that were opened, and how those ended that cdpmux closed. */
  connections: number;
  readonly endings: Map<string, number>;
  /** Commands that Chrome rightly left unanswered, by reason. */
  readonly excused: Map<string, number>;
  /** Evaluations of the client beside it that were answered rightly. */
  bystander: number;
  heapMb: number;
  seconds: number;
  /** How often a client's virtual browser was furnished anew. */
  renewals: number;
  readonly problems: string[];
}

/** How long cdpmux may take to be empty when all have gone, ms. */
const SETTLE = 60_000;
/** Reports of one kind are alike; so many are told. */
const MOST_PROBLEMS = 50;

/** Of a run that has not begun. */
export function newReport(): FuzzReport {
  return {
    ...{
      frames: 0,
      answers: 0,
      batches: 0,
      connections: 0,
      renewals: 0,
      bystander: 0,
      heapMb: 0,
      seconds: 0,
    },
    ...{ endings: new Map(), excused: new Map(), problems: [] },
  };
}

/** Throws mutated frames of real clients at a cdpmux in this process, with a real Chrome behind it. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { chrome, clients, frames, duration, heapBound, closers, onProgress } = options;
  const [first, last] = options.batches ?? [0, Infinity];
  const isShown = first === last;
  const report = newReport();
  const set = ['browsers.max=1', 'browsers.virtualPerBrowser=100', 'limits.targets=8', 'limits.contexts=8'];
  const sent = new LastSent();
  // on a machine that is busy with other things a Chrome answers late, and is to be lost for what it is sent only
  set.push('limits.sessions=200', 'health.interval=60s', 'health.timeout=60s', 'queue.timeout=180s');
  const config = loadConfig({ flags: { chrome, port: '0', set } });
  const service = await Service.start(config, {
    env: process.env,
    tmpDir: tmpdir(),
    log: (level, message, fields) => {
      const isLoss = fields !== undefined && 'event' in fields && fields.event === 'browser.lost';
      if (level !== 'error' && !isLoss) return;
      report.problems.push(`${message} ${JSON.stringify(fields)}`);
      if (!isLoss) return;
      const file = join(tmpdir(), `cdpmux-fuzz-${options.seed}-${report.batches}.txt`);
      sent.write(file);
      report.problems.push(`what was sent before is in ${file}, about batch ${report.batches}`);
    },
  });
  const close = closers.add(() => service.close(5_000));
  const url = service.door.webSocketUrl;
  const began = performance.now();
  const end = began + duration;

  const phase = async (until: number): Promise<void> => {
    const bystander = new Bystander(url, report);
    await bystander.start();
    const tell = (): void => {
      report.seconds = (performance.now() - began) / 1000;
      onProgress?.(report);
    };
    const telling = setInterval(tell, 10_000);
    const next = (): number | undefined => {
      const isOver =
        report.frames >= until ||
        report.batches > last ||
        performance.now() > end ||
        report.problems.length > MOST_PROBLEMS;
      return isOver ? undefined : report.batches++;
    };
    const field = { url, seed: options.seed, report, sent, foreign: bystander.ids, isShown, next };
    await Promise.all(Array.from({ length: clients }, (_, number) => new Attacker(field, number).run()));
    clearInterval(telling);
    await bystander.stop();
    tell();
  };

  if (options.batches) {
    report.batches = first;
    await phase(frames);
  } else {
    await phase(Math.min(frames / 4, 20_000));
    await settle(service.mux, report);
    const warm = await heapAfterCollection();
    while (report.frames < frames && performance.now() < end && report.problems.length <= MOST_PROBLEMS) {
      await phase(Math.min(frames, report.frames + 50_000));
      await settle(service.mux, report);
      report.heapMb = (await heapAfterCollection()) - warm;
      if (report.heapMb > heapBound) {
        report.problems.push(`cdpmux's heap grew by ${report.heapMb.toFixed(1)} MB, more than ${heapBound}`);
        break;
      }
    }
  }
  await close();
  return report;
}

/** Waits until nobody's things are left; what stays is a problem. */
async function settle(mux: Mux, report: FuzzReport): Promise<void> {
  const left = (): string =>
    stillThere(mux.stats())
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const empty = (): Promise<true | undefined> => Promise.resolve(left() === '' ? true : undefined);
  await until('an empty cdpmux', SETTLE, empty).catch(() => {
    report.problems.push(`with nobody connected cdpmux still has: ${left()}`);
  });
}
