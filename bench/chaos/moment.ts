import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import type { DirectChrome } from '../direct-chrome.js';
import { processTree } from '../resident.js';
import { TruthTeller } from '../truth.js';
import { resources } from './resources.js';
import type { Operator } from './operator.js';
import type { UpstreamRelay } from './upstream-relay.js';

/** How long after the last client all may take to be as it was, ms: idle browsers and connections are to go first. */
const SETTLE = 60_000;

/** What is looked at for leftovers. */
export interface Scene {
  readonly operator: Operator;
  /** Where profiles are. */
  readonly directory: string;
  readonly relay: UpstreamRelay;
  readonly remote: DirectChrome;
  /** Launched Chromes that stay when nobody comes. */
  readonly fewest: number;
  /** Processes beneath this one that have nothing to do with cdpmux. */
  readonly strangers: readonly number[];
}

/** Counts of everything that a chaos could leave behind, by name. */
export type Moment = Readonly<Record<string, number>>;

/** Counts all, in Chromes by their own account. */
export async function look(scene: Scene): Promise<Moment> {
  const { operator, directory, relay, remote } = scene;
  const browsers = await operator.browsers();
  const { browsers: _, ...stats } = await operator.counts();
  const moment: Record<string, number> = { ...resources(), ...prefixed('cdpmux: ', stats) };
  for (const { source, state } of browsers) add(moment, `browsers ${source}, ${state}`, 1);
  const chromes = await TruthTeller.all(directory);
  try {
    chromes.push(await TruthTeller.at(remote.wsUrl, remote.pid));
    for (const chrome of chromes) {
      const { targets, contexts } = await chrome.ask();
      add(moment, 'Chrome: targets', targets.length);
      add(moment, 'Chrome: contexts', contexts);
    }
  } finally {
    // One that is closed while it is asked hangs up: a socket to another one would be left over, and be counted.
    for (const chrome of chromes) chrome.close();
  }
  add(moment, 'Chromes', chromes.length);
  add(moment, 'directories', (await readdir(directory)).length);
  add(moment, 'upstream sockets', relay.connections);
  return moment;
}

/** Looks until all is as it was, or for so long as that may take; gives the last look. */
export async function settle(scene: Scene, before?: Moment): Promise<Moment> {
  const end = performance.now() + SETTLE;
  for (;;) {
    try {
      const now = await look(scene);
      const isOver = before ? more(before, now).length === 0 : isStill(now, scene.fewest);
      if (isOver || performance.now() > end) return now;
    } catch (error) {
      // A Chrome that is closed while it is asked hangs up: all is not still yet.
      if (performance.now() > end) throw error;
    }
    await delay(200);
  }
}

/** What there is more of than before, or less of where it should have come back. */
export function more(before: Moment, now: Moment): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].flatMap((name) => {
    const [was, is] = [before[name] ?? 0, now[name] ?? 0];
    const isFine = name.startsWith('browsers') ? is === was : is <= was;
    return isFine ? [] : [`${name}: ${is}, ${was} before`];
  });
}

/** Processes that have their profile in the directory, or run beneath this one and are no strangers. */
export async function processesLeft(strangers: readonly number[]): Promise<number[]> {
  const known = await processTree(strangers);
  const all = await processTree([process.pid]);
  return [...all].filter((pid) => pid !== process.pid && !known.has(pid));
}

function isStill(now: Moment, fewest: number): boolean {
  const moving = Object.keys(now).some((name) => /launching|draining|broken|cordoned/.test(name));
  const counts = Object.entries(now).filter(([name]) => /^(cdpmux|Chrome): /.test(name));
  return !moving && now['browsers launched, ready'] === fewest && counts.every(([, count]) => count === 0);
}

function prefixed(prefix: string, counts: object): Record<string, number> {
  const numbers = Object.entries(counts).filter(([, count]) => typeof count === 'number');
  return Object.fromEntries(numbers.map(([name, count]) => [`${prefix}${name}`, count as number]));
}

function add(counts: Record<string, number>, name: string, count: number): void {
  counts[name] = (counts[name] ?? 0) + count;
}
