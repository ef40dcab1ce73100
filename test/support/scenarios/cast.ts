import type { Site } from '../site.js';
import { cri, criPages } from './cri.js';
import { playwrightByUrl, playwrightByWebSocket } from './playwright.js';
import { puppeteerByUrl, puppeteerByWebSocket } from './puppeteer.js';
import type { Endpoint, Scenario } from './scenario.js';
import { Watch } from './watch.js';

/** A client that takes part. */
export interface Actor {
  readonly name: string;
  /** In all its URLs, titles and cookies; no tag is part of another word that may come up. */
  readonly tag: string;
  readonly scenario: Scenario;
  /** Comes behind cdpmux's URL, for what a Chrome doesn't have. */
  readonly path?: string;
}

/** Everybody who takes part. */
export const cast: readonly Actor[] = [
  { name: 'puppeteer by browserURL', tag: 'hazel', scenario: puppeteerByUrl },
  { name: 'puppeteer by browserWSEndpoint', tag: 'maple', scenario: puppeteerByWebSocket },
  { name: 'playwright by http', tag: 'willow', scenario: playwrightByUrl },
  { name: 'playwright by ws', tag: 'cedar', scenario: playwrightByWebSocket },
  { name: 'chrome-remote-interface, pages', tag: 'poplar', scenario: criPages },
  // HTTP callers and the browser's socket are the same virtual browser only below a name
  {
    name: 'chrome-remote-interface, browser and pages',
    tag: 'juniper',
    scenario: cri,
    path: '/name/juniper',
  },
];

/** What a scenario told, and what its raw session heard. */
export interface Performance {
  readonly result: Record<string, unknown>;
  readonly watch: Watch;
}

/** Runs an actor's scenario against an endpoint. */
export async function perform(
  { scenario, tag }: Actor,
  endpoint: Endpoint,
  site: Site,
  meet: (point: string) => Promise<void>,
): Promise<Performance> {
  const watch = new Watch();
  return { result: await scenario({ endpoint, site, tag, watch, meet }), watch };
}

/** Does something for each of a list, so many at a time; waits for all of them and then throws the first error. */
export async function withEach<T>(
  list: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...list];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: atOnce }, lane));
  const failed = ended.find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
