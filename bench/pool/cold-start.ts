import puppeteer, { type Browser } from 'puppeteer-core';

import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import { median, singleRatio, type Figure } from '../figures.js';
import { settledSize } from '../resident.js';
import { openSite } from '../site.js';

/** What the cold start is measured with. */
export interface ColdStartOptions {
  readonly executable: ChromeExecutable;
  readonly clients: number;
  readonly closers: Closers;
}

/** What all clients at once met. */
interface Rush {
  /** Of those who came, in percent. */
  readonly served: number;
  /** From the start of cdpmux until it listens, ms. */
  readonly start: number;
  /** From there until a client has its page at a site, ms. */
  readonly median: number;
  readonly last: number;
  readonly mb: number;
  readonly processes: number;
}

/** All clients come at once to a cdpmux that was just started: with few clients in each of up to 20 Chromes, and with all in one. */
export async function coldStart(options: ColdStartOptions): Promise<Figure[]> {
  const { clients } = options;
  const settingsOf = (min: number, max: number, each: number): string[] => [
    `browsers.min=${min}`,
    `browsers.max=${max}`,
    `browsers.virtualPerBrowser=${each}`,
  ];
  const shared = await rush(options, settingsOf(1, 1, clients));
  const figures: Figure[] = [];
  for (const each of [1, 4]) {
    const many = await rush(options, settingsOf(5, 20, each));
    const against = `direct: min 5, max 20, ${each} in each Chrome`;
    const figure = (what: string, unit: string, key: keyof Rush): Figure => ({
      suite: 'pool',
      name: `${clients} clients at once, all in one Chrome: ${what}; ${against}`,
      unit,
      direct: many[key],
      cdpmux: shared[key],
      ratio: singleRatio(shared[key] / many[key]),
    });
    figures.push(
      { ...figure('served', '%', 'served'), target: { of: 'cdpmux', relation: '>=', value: 100 } },
      figure('start of cdpmux', 'ms', 'start'),
      figure('page at a site, median', 'ms', 'median'),
      figure('page at a site, last', 'ms', 'last'),
      figure('memory', 'MB', 'mb'),
      figure('processes', '', 'processes'),
    );
  }
  return figures;
}

async function rush({ executable, clients, closers }: ColdStartOptions, settings: string[]): Promise<Rush> {
  const closing: (() => Promise<void>)[] = [];
  const browsers: Browser[] = [];
  try {
    const site = await openSite();
    closing.push(closers.add(() => site.close()));
    const began = performance.now();
    const cdpmux = await startCdpmux(executable, { settings });
    closing.push(closers.add(() => cdpmux.close()));
    const start = performance.now() - began;
    const client = async (): Promise<number> => {
      const from = performance.now();
      const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
      browsers.push(browser);
      const [page = await browser.newPage()] = await browser.pages();
      await page.goto(site.url);
      return performance.now() - from;
    };
    const ends = await Promise.allSettled(Array.from({ length: clients }, client));
    const times = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    const { mb, processes } = await settledSize([cdpmux.pid]);
    const served = (100 * times.length) / clients;
    return { served, start, median: median(times), last: Math.max(...times), mb, processes };
  } finally {
    await Promise.allSettled(browsers.map((browser) => browser.disconnect()));
    for (const close of closing.reverse()) await close();
  }
}
