import { expect } from '@jest/globals';
import type { FeedEvent } from '../../src/index.js';
import { CdpClient } from './cdp-client.js';
import { startChrome, type DirectChrome } from './chrome.js';
import { eventually } from './eventually.js';
import { startHealthCdpmux, TIMES, type HealthCdpmux } from './health-cdpmux.js';
import { startLossyRelay, type LossyRelay } from './lossy-relay.js';
import { evaluate } from './page.js';

/** Longest wait for what takes an interval and a timeout, ms: five times as long. */
const PATIENCE = 5 * (TIMES.interval + TIMES.timeout);

/** A client with a page, and the browser that it is in. */
export interface HealthClient {
  readonly client: CdpClient;
  readonly browser: string;
  /** 42, where its page works. */
  readonly works: () => Promise<unknown>;
}

/** What a test of health starts; all of it is closed by `close`. */
export class HealthArena {
  readonly #closers: (() => Promise<void>)[] = [];
  #lastClient = 0;

  async start(...args: Parameters<typeof startHealthCdpmux>): Promise<HealthCdpmux> {
    const cdpmux = await startHealthCdpmux(...args);
    this.#closers.push(() => cdpmux.close());
    return cdpmux;
  }

  async chrome(): Promise<DirectChrome> {
    const direct = await startChrome();
    this.#closers.push(() => direct.close());
    return direct;
  }

  async relayTo({ wsUrl }: DirectChrome): Promise<LossyRelay> {
    const relay = await startLossyRelay(wsUrl);
    this.#closers.push(() => relay.close());
    return relay;
  }

  /** So many clients, each with a page. */
  async clientsOf({ wsUrl, mux }: HealthCdpmux, count: number): Promise<HealthClient[]> {
    const clients: HealthClient[] = [];
    for (let nth = 0; nth < count; nth++) {
      const name = String(++this.#lastClient);
      const client = await CdpClient.connect(`${wsUrl}?label.name=${name}`);
      const page = await client.newPage();
      const { browser } = mux.virtualBrowsers().find(({ labels }) => labels['name'] === name)!;
      clients.push({ client, browser, works: () => evaluate(client, page, '6*7') });
    }
    return clients;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** Those that take clients, as far as states go. */
export const ready = ({ mux }: HealthCdpmux) => mux.browsers().filter(({ state }) => state === 'ready');

/** Waits for what takes an interval and a timeout. */
export const until = (what: string, condition: () => boolean, within = PATIENCE): Promise<void> =>
  eventually(condition, { within, what });

/** The event that tells of a browser's end, once that has come. */
export async function endOf(cdpmux: HealthCdpmux, browser: string): Promise<FeedEvent> {
  await until('its end', () => cdpmux.told('browser.lost', browser).length > 0);
  return cdpmux.told('browser.lost', browser)[0]!;
}

/** Those who were in a browser are told that it was lost; all others work on. */
export async function areToldApart(clients: readonly HealthClient[], lost: string): Promise<void> {
  for (const { client, browser, works } of clients) {
    if (browser === lost) expect(await client.closed).toMatchObject({ code: 4502 });
    else expect(await works()).toBe(42);
  }
}
