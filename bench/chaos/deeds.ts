import { setTimeout as delay } from 'node:timers/promises';

import type { BrowserReport } from '../../src/index.js';
import { until } from '../until.js';
import type { Judge } from './judge.js';
import type { BrowserOrder, Operator } from './operator.js';
import { at } from './random.js';
import type { Sightings } from './sightings.js';
import type { UpstreamRelay } from './upstream-relay.js';

/** Longest that new clients are kept waiting, and that a browser stays cordoned, ms. */
const LONGEST_HOLD = 1_500;
/** How long a cut connection may stay in the list, ms. */
const NOTICED = 5_000;
/** A browser may have gone, or be on its way already, when an order reaches it. */
const FINE: readonly number[] = [200, 202, 204, 404, 409];

/** What deeds are done with. */
export interface Stage {
  readonly operator: Operator;
  readonly sightings: Sightings;
  readonly judge: Judge;
  /** In front of a remote Chrome, where there is one. */
  readonly relay?: UpstreamRelay;
  /** Cuts a client's connection; gives the unit whose it was. */
  readonly cutClient: (part: number) => Promise<number | undefined>;
}

/** Does it, at that part of whatever there is to choose from; gives what was done, undefined when nothing could be. */
type Deed = (stage: Stage, part: number) => Promise<string | undefined>;

/** All that is done to a pool; each leaves it able to work. */
export const deeds = {
  'kill -9': async ({ operator, sightings, judge }, part) => {
    const { target, others } = await choose(
      operator,
      part,
      ({ id, pid, mode }) => pid !== undefined && mode === 'shared' && !judge.isKilled(id),
    );
    if (target?.pid === undefined || others === 0) return undefined;
    await sightings.look();
    judge.killed(target.id);
    process.kill(target.pid, 'SIGKILL');
    return `browser ${target.id}, pid ${target.pid}`;
  },
  // it is there and says nothing any more: only health checks find it
  'kill -STOP': async ({ operator, sightings, judge }, part) => {
    const { target, others } = await choose(
      operator,
      part,
      (one) => one.pid !== undefined && isReady(one) && !judge.isKilled(one.id),
    );
    if (target?.pid === undefined || others < 2) return undefined;
    await sightings.look();
    judge.stopped(target.id);
    process.kill(target.pid, 'SIGSTOP');
    return `browser ${target.id}, pid ${target.pid}`;
  },
  'cut a client': async ({ cutClient }, part) => {
    const unit = await cutClient(part);
    return unit === undefined ? undefined : `of unit ${unit}`;
  },
  'cut an upstream': async ({ operator, relay, judge, sightings }, part) => {
    await sightings.look();
    const before = await websockets(operator);
    // of one that is just being opened nobody could tell whose it is
    if (before.length === 0 || relay?.connections !== before.length) return undefined;
    const from = Date.now();
    if (!relay.cut(part)) return undefined;
    const gone = await until('the end of a cut connection', NOTICED, async () => {
      const now = await websockets(operator);
      const missing = before.filter((id) => !now.includes(id));
      return missing.length > 0 ? missing : undefined;
    });
    // idle ones may have been closed in the same moment: more than one is no fault, only less to be judged
    for (const id of gone) judge.cut(id, from);
    return `connection ${gone.join(', ')}`;
  },
  recycle: (stage, part) => order(stage, part, 'recycle'),
  drain: (stage, part) => order(stage, part, 'drain'),
  'cordon, uncordon': async (stage, part) => {
    const { target, others } = await choose(stage.operator, part, isReady);
    if (!target || others === 0) return undefined;
    await told(stage, target.id, 'cordon');
    await delay(part * LONGEST_HOLD);
    await told(stage, target.id, 'uncordon');
    return `browser ${target.id}`;
  },
  'pause, resume': async ({ operator, judge }, part) => {
    const statuses = [await operator.orderAll('pause')];
    await delay(part * LONGEST_HOLD);
    statuses.push(await operator.orderAll('resume'));
    for (const status of statuses) if (!FINE.includes(status)) judge.refused(`pause, resume: ${status}`);
    return `for ${Math.round(part * LONGEST_HOLD)} ms`;
  },
  reconnect: async ({ operator, judge }) => {
    const status = await operator.orderAll('reconnect');
    if (!FINE.includes(status)) judge.refused(`reconnect: ${status}`);
    return 'all';
  },
} satisfies Record<string, Deed>;

/** Name of a deed. */
export type DeedName = keyof typeof deeds;

/** How often each is done beside the others. */
export const shares: Readonly<Record<DeedName, number>> = {
  'kill -9': 4,
  'kill -STOP': 2,
  'cut a client': 5,
  'cut an upstream': 2,
  recycle: 2,
  drain: 2,
  'cordon, uncordon': 2,
  'pause, resume': 2,
  reconnect: 1,
};

async function order(stage: Stage, part: number, what: BrowserOrder): Promise<string | undefined> {
  const { target, others } = await choose(stage.operator, part, isReady);
  if (!target || others === 0) return undefined;
  await told(stage, target.id, what);
  return `browser ${target.id}`;
}

async function told({ operator, judge }: Stage, id: string, what: BrowserOrder): Promise<void> {
  const status = await operator.order(id, what);
  if (!FINE.includes(status)) judge.refused(`${what} of browser ${id}: ${status}`);
}

/** One of the browsers that fit, and how many beside it can take clients. */
async function choose(
  operator: Operator,
  part: number,
  fits: (browser: BrowserReport) => boolean,
): Promise<{ target: BrowserReport | undefined; others: number }> {
  const all = await operator.browsers();
  const target = at(all.filter(fits), part);
  return { target, others: all.filter((one) => one !== target && isReady(one)).length };
}

function isReady({ state, mode }: BrowserReport): boolean {
  return state === 'ready' && mode === 'shared';
}

async function websockets(operator: Operator): Promise<string[]> {
  const all = await operator.connections();
  return all.filter(({ transport }) => transport === 'websocket').map(({ id }) => id);
}
