import type { Histogram } from 'hdr-histogram-js';

import { durations, percentile, record } from './figures.js';
import { LinkClient } from './link-client.js';
import { startLink } from './link-relay.js';
import { pageTimes } from './link-pages.js';

/** How many are busy at a time. */
const CLIENTS = 20;
/** What a screenshot's answer has, bytes. */
const LARGE_BYTES = 1_000_000;
const SMALL = '{"expression":"1"}';
const LARGE = `{"expression":"'x'.repeat(${LARGE_BYTES})","returnByValue":true}`;
const WARM_UP = 500;

const NAME_WIDTH = 30;

/** Between cdpmux and a Chrome that runs elsewhere. */
const links = [
  { name: 'no link', options: undefined },
  { name: '20 ms, 100 Mbit/s', options: { delay: 10, rate: 100e6, window: 6 * 1024 * 1024 } },
  // Where window scaling is off, or something in between has windows of its own, as HTTP/2 has.
  { name: 'the same, windows of 64 KiB', options: { delay: 10, rate: 100e6, window: 65_535 } },
] as const;

/** What so many connections gave. */
export interface LinkRow {
  readonly link: string;
  readonly connections: number;
  readonly smallPerSecond: number;
  readonly smallP50: number;
  readonly largeMBPerSecond: number;
  readonly largeP50: number;
  /** Ten of each kind. */
  readonly mixedSmallPerSecond: number;
  readonly mixedSmallP99: number;
  readonly mixedMBPerSecond: number;
  readonly newPageP50: number;
  readonly newPageBesideLargeP50: number;
}

/** What the link suite is given. */
export interface LinkSuiteOptions {
  readonly directUrl: string;
  /** How many connections to try. */
  readonly connections: readonly number[];
  /** How long each thing is measured. */
  readonly seconds: number;
  readonly onRow: (row: LinkRow) => void;
}

/** Twenty busy clients over 1, 2, … connections to one Chrome, near and behind a link. */
export async function link(options: LinkSuiteOptions): Promise<LinkRow[]> {
  const rows: LinkRow[] = [];
  for (const { name, options: way } of links) {
    const relay = way && (await startLink(options.directUrl, way));
    try {
      for (const connections of options.connections) {
        const url = relay?.wsUrl ?? options.directUrl;
        const row = await overSo(name, url, connections, options.seconds * 1_000);
        options.onRow(row);
        rows.push(row);
      }
    } finally {
      await relay?.close();
    }
  }
  return rows;
}

async function overSo(name: string, url: string, connections: number, ms: number): Promise<LinkRow> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => LinkClient.connect(url)));
  try {
    const workers = await Promise.all(
      Array.from({ length: CLIENTS }, (_, nth) => sockets[nth % connections]!.newPage()),
    );
    const [small, large] = [SMALL, LARGE].map((params) => workers.map((work) => ({ work, params })));
    // As clients come: on each connection are some of either kind, as far as there is room for that.
    const mixed = workers.map((work, nth) => ({
      work,
      params: Math.floor(nth / 2) % 2 === 0 ? SMALL : LARGE,
    }));
    await busy(small!, WARM_UP);
    const ofSmall = await busy(small!, ms);
    const ofLarge = await busy(large!, ms);
    const ofMixed = await busy(mixed, ms);
    const alone = await pageTimes(url, connections);
    const beside = await pageTimes(url, connections, LARGE);
    return {
      link: name,
      connections,
      smallPerSecond: ofSmall.small.totalCount / ofSmall.seconds,
      smallP50: percentile(ofSmall.small, 50),
      largeMBPerSecond: (ofLarge.large.totalCount * LARGE_BYTES) / 1e6 / ofLarge.seconds,
      largeP50: percentile(ofLarge.large, 50),
      mixedSmallPerSecond: ofMixed.small.totalCount / ofMixed.seconds,
      mixedSmallP99: percentile(ofMixed.small, 99),
      mixedMBPerSecond: (ofMixed.large.totalCount * LARGE_BYTES) / 1e6 / ofMixed.seconds,
      newPageP50: percentile(alone, 50),
      newPageBesideLargeP50: percentile(beside, 50),
    };
  } finally {
    await Promise.all(sockets.map((socket) => socket.close()));
  }
}

interface Job {
  readonly work: (params: string) => Promise<void>;
  readonly params: string;
}

/** Each asks again as soon as it is answered. */
async function busy(
  jobs: readonly Job[],
  ms: number,
): Promise<{ small: Histogram; large: Histogram; seconds: number }> {
  const small = durations();
  const large = durations();
  const begin = performance.now();
  await Promise.all(
    jobs.map(async ({ work, params }) => {
      for (let start = begin; start - begin < ms;) {
        await work(params);
        const now = performance.now();
        record(params === SMALL ? small : large, now - start);
        start = now;
      }
    }),
  );
  return { small, large, seconds: (performance.now() - begin) / 1_000 };
}

const columns: readonly [title: string, value: (row: LinkRow) => string][] = [
  ['link', ({ link }) => link],
  ['connections', ({ connections }) => String(connections)],
  ['small/s', (row) => row.smallPerSecond.toFixed(0)],
  ['small p50 ms', (row) => row.smallP50.toFixed(2)],
  ['1 MB: MB/s', (row) => row.largeMBPerSecond.toFixed(1)],
  ['1 MB p50 ms', (row) => row.largeP50.toFixed(0)],
  ['mixed: small/s', (row) => row.mixedSmallPerSecond.toFixed(0)],
  ['small p99 ms', (row) => row.mixedSmallP99.toFixed(0)],
  ['MB/s', (row) => row.mixedMBPerSecond.toFixed(1)],
  ['newPage p50 ms', (row) => row.newPageP50.toFixed(1)],
  ['beside 10 x 1 MB', (row) => row.newPageBesideLargeP50.toFixed(0)],
];

/** The titles above the rows. */
export function linkTitles(): string {
  return line(([title]) => title);
}

/** A row beneath the titles: each is shown as soon as it is measured. */
export function linkLine(row: LinkRow): string {
  return line(([, value]) => value(row));
}

function line(cell: (column: (typeof columns)[number]) => string): string {
  const [first, ...rest] = columns.map((column) => [cell(column), column[0].length] as const);
  const name = first?.[0].padEnd(NAME_WIDTH) ?? '';
  return [name, ...rest.map(([text, width]) => text.padStart(width))].join('  ');
}
