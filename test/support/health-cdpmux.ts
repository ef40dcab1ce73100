import { tmpdir } from 'node:os';
import { loadConfig, type Config } from '../../proxy/config.js';
import { Service } from '../../proxy/service.js';
import type { FeedEvent, Mux } from '../../src/index.js';
import { chromeExecutable } from './chrome.js';

/** A cdpmux in this process that looks after its browsers more often than settings allow. */
export interface HealthCdpmux {
  /** `ws://127.0.0.1:<port>/` */
  readonly wsUrl: string;
  readonly mux: Mux;
  /** Events of these types since the start; of one browser where it is given. */
  told(type: string, browser?: string): readonly FeedEvent[];
  close(): Promise<void>;
}

/** Checks so often, ms, and gives up after so long: short, and long enough for a busy machine. */
export const TIMES = { interval: 200, timeout: 2_000 };

/** Starts one; `health` and `limits` are over what settings allow, `settings` as after `--set`. */
export async function startHealthCdpmux(
  settings: Readonly<Record<string, string | number>>,
  health: Partial<Config['health']> = {},
  limits: Partial<Config['limits']> = {},
): Promise<HealthCdpmux> {
  const defaults = { 'listen.port': 0, chrome: chromeExecutable(), 'browsers.virtualPerBrowser': 50 };
  const set = Object.entries({ ...defaults, ...settings }).map(([path, value]) => `${path}=${value}`);
  const config = loadConfig({ flags: { set } });
  const short = {
    ...config,
    health: { ...config.health, ...TIMES, ...health },
    limits: { ...config.limits, ...limits },
  };
  const log = (level: string, message: string, fields?: object): void => {
    if (level === 'error') throw new Error(`${message} ${JSON.stringify(fields)}`);
  };
  const service = await Service.start(short, { env: process.env, tmpDir: tmpdir(), log });
  const { mux } = service;
  return {
    wsUrl: service.door.webSocketUrl,
    mux,
    told: (type, browser) =>
      mux.feed
        .after(0)
        .filter(
          (event) => event.type === type && (browser === undefined || event.fields['browser'] === browser),
        ),
    close: () => service.close(3_000),
  };
}
