import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import puppeteer from 'puppeteer-core';

import type { ChromeExecutable } from '../../src/chrome/executable-types.js';
import { startCdpmux } from '../cdpmux.js';
import type { Closers } from '../closers.js';
import { median, type Figure } from '../figures.js';
import { alone, beside } from './figure.js';

/** What the affinity is measured with. */
export interface AffinityOptions {
  readonly executable: ChromeExecutable;
  readonly rounds: number;
  readonly closers: Closers;
}

const SCRIPTS = 20;
/** Enough to parse and compile that a code cache would show. */
const SCRIPT = `${Array.from({ length: 2_000 }, (_, n) => `function f${n}(a,b){return a*${n}+b}`).join('\n')}\n;f1(1,2);`;

/** A visit, as the page and the server saw it. */
interface Visit {
  readonly ms: number;
  readonly requests: number;
  readonly connections: number;
}

/**
 * A site whose answers may be kept, visited by clients with the same `affinity` and by clients without one on two Chromes: what
 * it brings to be where the site was visited before.
 */
export async function affinity({ executable, rounds, closers }: AffinityOptions): Promise<Figure[]> {
  const site = await openCacheableSite();
  const closeSite = closers.add(() => site.close());
  const settings = ['browsers.min=2', 'browsers.max=2', 'policy.trust=local'];
  const cdpmux = await startCdpmux(executable, { settings });
  const closeCdpmux = closers.add(() => cdpmux.close());
  const visit = async (query: string): Promise<Visit> => {
    const before = { ...site.seen };
    const browser = await puppeteer.connect({ browserWSEndpoint: `${cdpmux.wsUrl}${query}` });
    const page = await browser.newPage();
    const began = performance.now();
    await page.goto(site.url, { waitUntil: 'load' });
    const ms = performance.now() - began;
    await browser.close();
    return {
      ms,
      requests: site.seen.requests - before.requests,
      connections: site.seen.connections - before.connections,
    };
  };
  try {
    const same: Visit[] = [];
    const fresh: Visit[] = [];
    await visit('?affinity=site');
    for (let round = 0; round < rounds; round++) {
      same.push(await visit('?affinity=site'));
      fresh.push(await visit(`?affinity=other-${round}`));
    }
    const of = (visits: readonly Visit[], key: keyof Visit): number => median(visits.map((one) => one[key]));
    return [
      beside(
        'pool',
        'a visit with the affinity of the last one, p50; direct: with another one',
        'ms',
        fresh.map(({ ms }) => ms),
        same.map(({ ms }) => ms),
        0.5,
      ),
      alone('pool', 'requests that such a visit makes', '', of(same, 'requests')),
      alone('pool', 'connections that such a visit opens', '', of(same, 'connections')),
    ];
  } finally {
    await closeCdpmux();
    await closeSite();
  }
}

async function openCacheableSite() {
  const seen = { requests: 0, connections: 0 };
  const server = createServer((request, response) => {
    seen.requests++;
    const isScript = request.url?.endsWith('.js') === true;
    const type = isScript ? 'text/javascript' : 'text/html';
    response.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=3600, immutable' });
    const scripts = Array.from({ length: SCRIPTS }, (_, n) => `<script src="/${n}.js"></script>`).join('');
    response.end(isScript ? SCRIPT : `<!doctype html><link rel="icon" href="data:,">${scripts}`);
  });
  server.on('connection', () => seen.connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    seen,
    close: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
