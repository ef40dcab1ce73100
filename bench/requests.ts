import puppeteer, { type Browser } from 'puppeteer-core';
import { Cluster } from 'puppeteer-cluster';

import { listProcesses } from '../src/chrome/proc.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { fullStock } from './full-stock.js';
import { launchOptions } from './launch-options.js';
import { RawClient } from './raw-client.js';
import type { Tree } from './tree-cost.js';

/** The title that every request must bring home. */
export const TITLE = 'A small page';

/** One way of serving a request: a page of one's own, a visit, its title. */
export interface Way {
  readonly name: string;
  /** The processes that serve it. */
  readonly tree: Tree;
  /** Waits until it is as it is where requests come now and then; nothing where it always is. */
  rest?(): Promise<void>;
  request(): Promise<string>;
  close(): Promise<void>;
}

/** Something that runs, and where it is reached. */
interface Running {
  readonly wsUrl: string;
  readonly pid: number;
}

interface Cdpmux extends Running {
  readonly url?: string;
}

/** `puppeteer.launch` for each request. */
export async function launchEach(executable: ChromeExecutable, url: string): Promise<Way> {
  const options = await launchOptions(executable);
  return {
    name: 'a Chrome launched for each',
    // its own, by then ended; whoever measures it leaves out what else runs beneath this process
    tree: { roots: [process.pid] },
    request: async () => {
      const browser = await puppeteer.launch(options);
      try {
        return await visit(browser, url);
      } finally {
        await browser.close();
      }
    },
    close: () => Promise.resolve(),
  };
}

/** A connection to one Chrome for each request, and a context of its own in it. */
export function connectEach({ wsUrl, pid }: Running, url: string): Way {
  return {
    name: 'one Chrome, a connection for each',
    tree: { roots: [pid] },
    request: async () => {
      const browser = await puppeteer.connect({ browserWSEndpoint: wsUrl });
      const context = await browser.createBrowserContext();
      try {
        const page = await context.newPage();
        await page.goto(url);
        return await page.title();
      } finally {
        await context.close();
        await browser.disconnect();
      }
    },
    close: () => Promise.resolve(),
  };
}

/** puppeteer-cluster with a context for each request in one Chrome, so many at a time. */
export async function cluster(executable: ChromeExecutable, url: string, parallel: number): Promise<Way> {
  const options = {
    concurrency: Cluster.CONCURRENCY_CONTEXT,
    maxConcurrency: parallel,
    puppeteer,
    puppeteerOptions: await launchOptions(executable),
  };
  const before = await childrenOf(process.pid);
  const made: Cluster<string, string> = await Cluster.launch(options);
  const roots = (await childrenOf(process.pid)).filter((pid) => !before.includes(pid));
  await made.task(async ({ page }) => {
    await page.goto(url);
    return page.title();
  });
  return {
    name: 'puppeteer-cluster',
    tree: { roots },
    request: () => made.execute(url),
    close: () => made.close(),
  };
}

/** A connection to cdpmux for each request; `url` of a cdpmux is given where it keeps virtual browsers ready. */
export function pooled({ wsUrl, pid, url: api }: Cdpmux, url: string): Way {
  return {
    name: 'cdpmux',
    tree: { roots: [pid] },
    ...(api !== undefined && { rest: () => fullStock(api) }),
    request: async () => {
      const browser = await puppeteer.connect({ browserWSEndpoint: `${wsUrl}?initialPage=false` });
      try {
        return await visit(browser, url);
      } finally {
        await browser.close();
      }
    },
    close: () => Promise.resolve(),
  };
}

/** The same in one `Mux.batch`. */
export function batched({ wsUrl, pid, url: api }: Cdpmux, url: string): Way {
  const page = { $ref: '1#/sessionId' };
  const commands = [
    { method: 'Target.createTarget', params: { url: 'about:blank' } },
    { method: 'Target.attachToTarget', params: { targetId: { $ref: '0#/targetId' }, flatten: true } },
    { method: 'Page.enable', sessionId: page },
    { method: 'Page.navigate', params: { url }, sessionId: page },
    { waitFor: { event: 'Page.loadEventFired', sessionId: page, after: 3 } },
    { method: 'Runtime.evaluate', params: { expression: 'document.title' }, sessionId: page },
  ];
  return {
    name: 'cdpmux, Mux.batch',
    tree: { roots: [pid] },
    ...(api !== undefined && { rest: () => fullStock(api) }),
    request: async () => {
      const client = await RawClient.connect(`${wsUrl}?initialPage=false`);
      try {
        const { results } = await client.request<{
          results: { result?: { result?: { value?: string } }; error?: { message: string } }[];
        }>('Mux.batch', { commands });
        const error = results.find((one) => one.error)?.error;
        if (error) throw new Error(error.message);
        return results.at(-1)?.result?.result?.value ?? '';
      } finally {
        client.close();
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Whether that cdpmux has `Mux.batch`. */
export async function hasBatch(url: string): Promise<boolean> {
  const { domains } = (await (await fetch(`${url}/json/protocol`)).json()) as {
    domains: { domain: string; commands?: { name: string }[] }[];
  };
  return domains.some(
    ({ domain, commands = [] }) => domain === 'Mux' && commands.some(({ name }) => name === 'batch'),
  );
}

async function visit(browser: Browser, url: string): Promise<string> {
  const page = await browser.newPage();
  await page.goto(url);
  return page.title();
}

async function childrenOf(parent: number): Promise<number[]> {
  return (await listProcesses()).filter((one) => one.parent === parent).map(({ pid }) => pid);
}
