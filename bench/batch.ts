import puppeteer, { type Browser, type CDPSession } from 'puppeteer-core';
import { batch } from '../src/client/batch.js';
import type { Closers } from './closers.js';
import { median, ratios, singleRatio, type Figure } from './figures.js';
import { startLink } from './link-relay.js';

/** There and back, ms. */
const ROUND_TRIP = 50;
/** So wide that only the way counts. */
const LINK = { delay: ROUND_TRIP / 2, rate: 1e9, window: 6 * 1024 * 1024 };
/** Commands of the task. */
const COMMANDS = 20;
const WARM_UP = 3;
const PAGE = 'data:text/html,<title>over the link</title><p>hello';

/** What the suite is given. */
export interface BatchSuiteOptions {
  readonly directUrl: string;
  readonly cdpmuxUrl: string;
  readonly rounds: number;
  readonly closers: Closers;
}

/** A browser over a link, or beside it. */
interface Side {
  readonly browser: Browser;
  readonly session: CDPSession;
}

/** What 20 commands cost of which each needs the one before it, and what a page's visit costs. */
export async function batchFigures(options: BatchSuiteOptions): Promise<Figure[]> {
  const { closers, rounds, directUrl, cdpmuxUrl } = options;
  const sideOf = async (wsUrl: string): Promise<Side> => {
    const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl });
    closers.add(() => browser.disconnect());
    const page = await browser.newPage();
    return { browser, session: await page.createCDPSession() };
  };
  const overLink = async (wsUrl: string): Promise<Side> => {
    const link = await startLink(wsUrl, LINK);
    closers.add(() => link.close());
    return sideOf(link.wsUrl);
  };
  const direct = await overLink(directUrl);
  const far = await overLink(cdpmuxUrl);
  const near = await sideOf(cdpmuxUrl);
  const times = { direct: [] as number[], far: [] as number[], near: [] as number[] };
  const visits = { direct: [] as number[], far: [] as number[] };
  for (let round = -WARM_UP; round < rounds; round++) {
    const took = {
      direct: await timeOf(() => oneByOne(direct.session)),
      far: await timeOf(() => inOne(far.session)),
      near: await timeOf(() => inOne(near.session)),
    };
    const visit = {
      direct: await timeOf(() => visitByPuppeteer(direct.browser)),
      far: await timeOf(() => visitInOne(far.session)),
    };
    if (round < 0) continue;
    for (const side of ['direct', 'far', 'near'] as const) times[side].push(took[side]);
    for (const side of ['direct', 'far'] as const) visits[side].push(visit[side]);
  }
  // What the link adds to the same batch, in round trips.
  const trips = times.far.map((far, round) => (far - (times.near[round] ?? NaN)) / ROUND_TRIP / COMMANDS);
  const singly = times.direct.map((time) => time / ROUND_TRIP / COMMANDS);
  const suite = 'batch';
  return [
    {
      suite,
      name: `round trips per command, ${COMMANDS} commands in a Mux.batch`,
      unit: 'round trips',
      direct: median(singly),
      cdpmux: median(trips),
      ratio: singleRatio(median(trips) / median(singly)),
      target: { of: 'cdpmux', relation: '<=', value: 0.1 },
      series: { direct: singly, cdpmux: trips },
    },
    {
      suite,
      name: `${COMMANDS} commands, each needs the one before, ${ROUND_TRIP} ms away`,
      unit: 'ms',
      direct: median(times.direct),
      cdpmux: median(times.far),
      ratio: ratios(times.far, times.direct),
      target: { of: 'ratio', relation: '<=', value: 0.2 },
      series: { direct: times.direct, cdpmux: times.far },
    },
    {
      suite,
      name: `newPage, goto, title, screenshot, close, ${ROUND_TRIP} ms away`,
      unit: 'ms',
      direct: median(visits.direct),
      cdpmux: median(visits.far),
      ratio: ratios(visits.far, visits.direct),
      series: { direct: visits.direct, cdpmux: visits.far },
    },
  ];
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const NEXT = 'function() { return { count: this.count + 1 } }';

/** The last object, asked for by value, has counted all commands but the first. */
function mustBeRight(value: unknown): void {
  const { count } = value as { count: number };
  if (count !== COMMANDS - 1) throw new Error(`the task gave ${count} and not ${COMMANDS - 1}`);
}

async function oneByOne(session: CDPSession): Promise<void> {
  let { result } = await session.send('Runtime.evaluate', { expression: '({ count: 0 })' });
  for (let command = 1; command < COMMANDS; command++) {
    const { objectId } = result;
    if (objectId === undefined) throw new Error('an object without an id');
    const isLast = command === COMMANDS - 1;
    const params = { functionDeclaration: NEXT, objectId, returnByValue: isLast };
    ({ result } = await session.send('Runtime.callFunctionOn', params));
  }
  mustBeRight(result.value);
}

async function inOne(session: CDPSession): Promise<void> {
  const value = await batch(session, (one) => {
    let { result } = one.send('Runtime.evaluate', { expression: '({ count: 0 })' });
    for (let command = 1; command < COMMANDS; command++) {
      const { objectId } = result;
      const isLast = command === COMMANDS - 1;
      const params = { functionDeclaration: NEXT, objectId, returnByValue: isLast };
      ({ result } = one.send('Runtime.callFunctionOn', params));
    }
    return result.value;
  });
  mustBeRight(value);
}

async function visitByPuppeteer(browser: Browser): Promise<void> {
  const page = await browser.newPage();
  await page.goto(PAGE);
  mustBeThere(await page.title(), await page.screenshot());
  await page.close();
}

async function visitInOne(session: CDPSession): Promise<void> {
  const { title, picture } = await batch(session, (one) => {
    const page = one.newPage();
    page.goto(PAGE);
    const seen = { title: page.title(), picture: page.screenshot() };
    page.close();
    return seen;
  });
  mustBeThere(title, Buffer.from(picture, 'base64'));
}

function mustBeThere(title: string, picture: Uint8Array): void {
  if (title !== 'over the link' || picture.length < 1_000) throw new Error(`not the page: ${title}`);
}
