import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

import { fullStock } from './full-stock.js';
import { median, quantile, ratios, singleRatio, type Figure } from './figures.js';
import type { RunningCdpmux } from './cdpmux.js';
import { settledSize } from './resident.js';
import type { SuiteRun } from './suite.js';

/** One cdpmux of the comparison, or the Chrome without one. */
interface Side {
  readonly wsUrl: string;
}

/** How long it took until there was a new page, and until all was closed again, ms. */
interface Times {
  readonly open: number;
  readonly closed: number;
}

type Come = (side: Side) => Promise<Times>;

/** Clients that come at once. */
const CROWD = 20;
/** Each comes so long after the stock is full, ms: Chromes go on for a while closing what those before had. */
const rest = (clients: number): number => 250 + 100 * (clients - 1);
/** Rounds before those that count: a pool runs for weeks, and V8 has not optimised what three programs do that have just been started. */
const WARM_UP = 50;
/** The first so many of what has just been started make a figure of their own. */
const FIRST = 10;
/** Clients who come while one is made, for each round: a p99 needs many. */
const FILLING = 4;

const libraries: Record<string, Come> = {
  Puppeteer: async ({ wsUrl }) => {
    const start = performance.now();
    const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl });
    const page = await browser.newPage();
    const open = performance.now() - start;
    await page.close();
    await browser.disconnect();
    return { open, closed: performance.now() - start };
  },
  Playwright: async ({ wsUrl }) => {
    const start = performance.now();
    const browser = await chromium.connectOverCDP(wsUrl);
    const page = await browser.contexts()[0]!.newPage();
    const open = performance.now() - start;
    await page.close();
    await browser.close();
    return { open, closed: performance.now() - start };
  },
};

/** Longest time for one client, ms: Puppeteer's connect waits for ever for a page that it was told of and never gets. */
const DEADLINE = 60_000;

/** One client's times; rejects where it is not done within the deadline. */
async function timesOf(come: Come, side: Side): Promise<Times> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`a client of ${side.wsUrl} was not done within ${DEADLINE} ms`);
    timer = setTimeout(() => reject(error), DEADLINE);
  });
  try {
    return await Promise.race([come(side), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What it brings to keep virtual browsers ready: time to a first page, and what that costs in memory and others' time. */
export async function stock(run: SuiteRun): Promise<Figure[]> {
  const rounds = run.number('rounds');
  // A virtual browser starts with a page as a Chrome does: clients meet it, prepare it and let it go, on either side.
  const direct = await run.direct({ startupPage: !run.isSet('bare-direct') });
  const warm = await run.cdpmux(['stock.enabled=true', `stock.max=${CROWD}`, 'stock.memoryMb=4000']);
  const cold = await run.cdpmux(['stock.enabled=false']);
  const figures: Figure[] = [];
  for (const [library, come] of Object.entries(libraries)) {
    for (const clients of [1, CROWD]) {
      const sides = { direct: { wsUrl: direct.wsUrl }, warm, cold };
      const areNew = figures.length === 0;
      const coming = { library, come, clients, rounds: clients === 1 ? rounds : rounds / 2, areNew };
      figures.push(...(await compare(sides, coming)));
    }
  }
  await Promise.all([direct.close(), warm.close(), cold.close()]);
  figures.push(await whileFilling(run, rounds * FILLING));
  figures.push(await inMemory(run));
  return figures;
}

/** Who comes, and how often. */
interface Coming {
  readonly library: string;
  readonly come: Come;
  /** At once. */
  readonly clients: number;
  readonly rounds: number;
  /** Whether nobody has come to these sides yet. */
  readonly areNew: boolean;
}

/** The three in turns, each alone and in a machine at rest: a stock that is being filled would weigh on the others. */
async function compare(
  sides: { readonly direct: Side; readonly warm: RunningCdpmux; readonly cold: Side },
  { library, come, clients, rounds, areNew }: Coming,
): Promise<Figure[]> {
  const names = ['direct', 'warm', 'cold'] as const;
  const times = { direct: [] as Times[], warm: [] as Times[], cold: [] as Times[] };
  const first = { direct: [] as Times[], warm: [] as Times[], cold: [] as Times[] };
  const unseen = clients === 1 ? WARM_UP : 1;
  for (let round = 1 - unseen; round <= Math.max(3, rounds); round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + unseen + turn) % names.length]!;
      await fullStock(sides.warm.url);
      await delay(rest(clients));
      const came = await Promise.all(Array.from({ length: clients }, () => timesOf(come, sides[name])));
      const counted = round > 0 ? times : first;
      counted[name].push({
        open: median(came.map(({ open }) => open)),
        closed: median(came.map(({ closed }) => closed)),
      });
    }
  }
  const who = clients === 1 ? library : `${library}, ${clients} at once`;
  const figure = (name: string, side: 'warm' | 'cold', what: keyof Times, from = times): Figure => {
    const [own, of] = [from[side], from.direct].map((all) => all.map((one) => one[what]));
    return {
      suite: 'session',
      name: `${name}, ${side}: ${who}`,
      unit: 'ms',
      direct: median(of ?? []),
      cdpmux: median(own ?? []),
      ratio: ratios(own ?? [], of ?? []),
    };
  };
  const target = { of: 'ratio', relation: '<=', value: 0.5 } as const;
  for (const name of names) first[name].splice(FIRST);
  return [
    { ...figure('connect + newPage', 'warm', 'open'), target },
    ...(areNew ? [figure(`connect + newPage, first ${FIRST}`, 'warm', 'open', first)] : []),
    figure('connect + newPage', 'cold', 'open'),
    { ...figure('connect + newPage + close', 'warm', 'closed'), target },
    figure('connect + newPage + close', 'cold', 'closed'),
  ];
}

/**
 * A client that comes at some moment after another one has taken what was ready, while the next is made; and one who
 * comes as long after another one where nothing is kept ready. In the column "direct": without.
 */
async function whileFilling(run: SuiteRun, rounds: number): Promise<Figure> {
  const filling = await run.cdpmux(['stock.enabled=true', 'stock.max=1']);
  const without = await run.cdpmux(['stock.enabled=false']);
  const times = { filling: [] as number[], without: [] as number[] };
  const come = libraries['Puppeteer']!;
  for (let round = 0; round < rounds; round++) {
    // over all of the time that making one takes, beginning with the rest that the first client is left
    const after = 100 + (300 * round) / rounds;
    for (const name of round % 2 === 0
      ? (['filling', 'without'] as const)
      : (['without', 'filling'] as const)) {
      await fullStock(filling.url);
      const side = name === 'filling' ? filling : without;
      const first = await puppeteer.connect({ browserWSEndpoint: side.wsUrl });
      await delay(after);
      times[name].push((await timesOf(come, side)).open);
      await first.close();
    }
  }
  await Promise.all([filling.close(), without.close()]);
  const [cdpmux, direct] = [quantile(times.filling, 0.99), quantile(times.without, 0.99)];
  return {
    suite: 'session',
    name: 'connect + newPage while the next is made, p99; direct: nothing is kept ready',
    unit: 'ms',
    direct,
    cdpmux,
    ratio: { ...singleRatio(cdpmux / direct), rounds },
    target: { of: 'ratio', relation: '<=', value: 1.1 },
    series: { direct: times.without, cdpmux: times.filling },
  };
}

/** One after the other: what runs beside would share the program's pages, and look smaller. */
async function inMemory(run: SuiteRun): Promise<Figure> {
  const size = async (settings: readonly string[]): Promise<number> => {
    const cdpmux = await run.cdpmux(settings);
    if (!settings.includes('stock.enabled=false')) await fullStock(cdpmux.url);
    const { mb } = await settledSize([cdpmux.pid]);
    await cdpmux.close();
    return mb;
  };
  const without = await size(['stock.enabled=false']);
  const withOne = await size(['stock.enabled=true', 'stock.max=1']);
  return {
    suite: 'session',
    name: 'memory of an idle cdpmux and its Chrome with one kept ready; direct: with none',
    unit: 'MB',
    direct: without,
    cdpmux: withOne,
    ratio: singleRatio(withOne / without),
  };
}
