import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import { quantile } from '../figures.js';
import type { Figure } from '../figures.js';
import { fullStock } from '../full-stock.js';
import { TruthTeller, withPort } from '../truth.js';
import { Operator } from '../chaos/operator.js';
import { until } from '../until.js';
import { startBareDoor } from './bare-door.js';
import { alone, beside } from './figure.js';
import { knock } from './knock.js';

/** Rounds before the first that counts: by then V8 has optimised what letting a client in takes. */
const WARM_UP = 100;

/** What the admission is measured with. */
export interface AdmissionOptions {
  readonly executable: ChromeExecutable;
  readonly rounds: number;
  readonly closers: Closers;
}

/**
 * From the upgrade request to its answer, while there is room; in turns with what Chrome takes for the same commands on the same
 * Chrome, so that the difference is cdpmux's own.
 */
export async function admission({ executable, rounds, closers }: AdmissionOptions): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cdpmux-admission-'));
  const remove = closers.add(() => rm(directory, { recursive: true, force: true }));
  const path = await withPort(executable, directory);
  const cdpmux = await startCdpmux({ ...executable, path, source: 'option' }, { tmpDir: directory });
  const close = closers.add(() => cdpmux.close());
  const chrome = await TruthTeller.find(directory);
  const operator = new Operator(cdpmux.url);
  try {
    const figures: Figure[] = [];
    for (const initialPage of [false, true]) {
      const times = await measure({ wsUrl: cdpmux.wsUrl, chrome, operator, initialPage, rounds });
      figures.push(...figuresOf(times, initialPage ? '' : ', initialPage=false'));
    }
    return [...figures, ...(await fromStock({ executable, rounds, closers }))];
  } finally {
    chrome.close();
    await close();
    await remove();
  }
}

/** The same where what Chrome takes has been done ahead, in turns with a server that does nothing: what is left is cdpmux's own. */
async function fromStock({ executable, rounds, closers }: AdmissionOptions): Promise<Figure[]> {
  const door = await startBareDoor();
  const shut = closers.add(() => door.close());
  const cdpmux = await startCdpmux(executable, { settings: ['stock.enabled=true', 'stock.max=1'] });
  const close = closers.add(() => cdpmux.close());
  const admit = async (wsUrl: string): Promise<number> => {
    await fullStock(cdpmux.url);
    const { status, took, leave } = await knock(wsUrl);
    if (status !== 101) throw new Error(`an upgrade was answered with ${status}`);
    await leave();
    return took;
  };
  const times = { bare: [] as number[], cdpmux: [] as number[] };
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const side of round % 2 === 0 ? (['bare', 'cdpmux'] as const) : (['cdpmux', 'bare'] as const)) {
      const took = await admit(side === 'bare' ? door.wsUrl : cdpmux.wsUrl);
      if (round >= 0) times[side].push(took);
    }
  }
  await close();
  await shut();
  const own = (part: number): number => quantile(times.cdpmux, part) - quantile(times.bare, part);
  const what = 'from the stock; direct: a server that lets everybody in';
  return [
    beside('pool', `upgrade to 101, p50, ${what}`, 'ms', times.bare, times.cdpmux, 0.5),
    beside('pool', `upgrade to 101, p99, ${what}`, 'ms', times.bare, times.cdpmux, 0.99),
    alone('pool', "cdpmux's own part of it from the stock, p50 less p50", 'ms', own(0.5)),
    alone('pool', "cdpmux's own part of it from the stock, p99 less p99", 'ms', own(0.99), {
      relation: '<=',
      value: 2,
    }),
  ];
}

interface Measured {
  readonly wsUrl: string;
  readonly chrome: TruthTeller;
  readonly operator: Operator;
  readonly initialPage: boolean;
  readonly rounds: number;
}

interface Times {
  readonly chrome: number[];
  readonly cdpmux: number[];
  /** Chrome once more, in the same rounds: how far two measurements of the same thing are apart. */
  readonly again: number[];
}

async function measure({ wsUrl, chrome, operator, initialPage, rounds }: Measured): Promise<Times> {
  const times: Times = { chrome: [], cdpmux: [], again: [] };
  const byChrome = async (): Promise<number> => {
    const start = performance.now();
    const clear = await chrome.makeRoom(initialPage);
    const took = performance.now() - start;
    await clear();
    return took;
  };
  const byCdpmux = async (): Promise<number> => {
    const { status, took, leave } = await knock(`${wsUrl}?initialPage=${initialPage}`);
    if (status !== 101) throw new Error(`an upgrade was answered with ${status}`);
    await leave();
    await until('an empty cdpmux', 10_000, async () =>
      (await operator.counts()).virtualBrowsers === 0 ? true : undefined,
    );
    return took;
  };
  const turns = [
    [times.chrome, byChrome],
    [times.cdpmux, byCdpmux],
    [times.again, byChrome],
  ] as const;
  for (let round = -WARM_UP; round < rounds; round++) {
    // whoever comes first meets what the round before left behind
    for (const [list, take] of round % 2 === 0 ? turns : [...turns].reverse()) {
      const took = await take();
      if (round >= 0) list.push(took);
      await quiet(chrome);
    }
  }
  return times;
}

/** What the one before left to be cleaned up is not to weigh on the next. */
async function quiet(chrome: TruthTeller): Promise<void> {
  await until('an empty Chrome', 10_000, async () => {
    const { targets, contexts } = await chrome.ask();
    return targets.length + contexts === 0 ? true : undefined;
  });
}

function figuresOf({ chrome, cdpmux, again }: Times, what: string): Figure[] {
  const own = cdpmux.map((value, round) => value - (chrome[round] ?? NaN));
  const noise = again.map((value, round) => value - (chrome[round] ?? NaN));
  return [
    beside('pool', `upgrade to 101, p50${what}; direct: the same commands`, 'ms', chrome, cdpmux, 0.5),
    beside('pool', `upgrade to 101, p99${what}; direct: the same commands`, 'ms', chrome, cdpmux, 0.99),
    alone('pool', `cdpmux's own part of it, p50${what}`, 'ms', quantile(own, 0.5)),
    // In pairs the tail of either side counts twice, as the line after it shows; what a client sees is the p99 of each.
    alone(
      'pool',
      `cdpmux's own part of it, p99 less p99${what}`,
      'ms',
      quantile(cdpmux, 0.99) - quantile(chrome, 0.99),
      {
        relation: '<=',
        value: 2,
      },
    ),
    alone('pool', `cdpmux's own part of it, p99 in pairs${what}`, 'ms', quantile(own, 0.99)),
    alone(
      'pool',
      `the same difference of Chrome to itself, p99 in pairs${what}`,
      'ms',
      quantile(noise, 0.99),
    ),
  ];
}
