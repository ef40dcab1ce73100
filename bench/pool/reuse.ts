import puppeteer from 'puppeteer-core';

import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import type { Figure } from '../figures.js';
import { openSite } from '../site.js';
import { alone } from './figure.js';

/** What the reuse is measured with. */
export interface ReuseOptions {
  readonly executable: ChromeExecutable;
  readonly clients: number;
  readonly parallel: number;
  readonly closers: Closers;
}

/** Clients come and go as in life, on few large Chromes and on many small ones: the part that found a connection open already. */
export async function reuse(options: ReuseOptions): Promise<Figure[]> {
  return [
    ...(await run(options, 'min 1, max 20, 25 in each Chrome', [1, 20, 25])),
    ...(await run(options, 'min 5, max 20, 4 in each Chrome', [5, 20, 4])),
  ];
}

async function run(
  { executable, clients, parallel, closers }: ReuseOptions,
  sizes: string,
  [min, max, each]: readonly [number, number, number],
): Promise<Figure[]> {
  const site = await openSite();
  const closeSite = closers.add(() => site.close());
  const settings = [`browsers.min=${min}`, `browsers.max=${max}`, `browsers.virtualPerBrowser=${each}`];
  const cdpmux = await startCdpmux(executable, { settings });
  const closeCdpmux = closers.add(() => cdpmux.close());
  try {
    let left = clients;
    let done = 0;
    const worker = async (): Promise<void> => {
      while (left > 0) {
        left--;
        const browser = await puppeteer.connect({ browserWSEndpoint: cdpmux.wsUrl });
        const page = await browser.newPage();
        await page.goto(site.url);
        const items = await page.evaluate('document.querySelectorAll("li").length');
        await page.screenshot();
        await page.close();
        await browser.disconnect();
        if (items === 100) done++;
      }
    };
    await Promise.all(Array.from({ length: parallel }, worker));
    if (done !== clients) throw new Error(`only ${done} of ${clients} clients saw the right page`);
    const metrics = await (await fetch(`${cdpmux.url}/metrics`)).text();
    const read = (name: string): number =>
      Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? NaN);
    const target = { relation: '>=', value: 0.95 } as const;
    return [
      alone(
        'pool',
        `${clients} clients, ${parallel} at a time, ${sizes}: reuse ratio`,
        '',
        read('cdp_connection_reuse_ratio'),
        target,
      ),
      alone('pool', `connections opened for them, ${sizes}`, '', read('cdp_pool_connections_total')),
    ];
  } finally {
    await closeCdpmux();
    await closeSite();
  }
}
