import { tmpdir } from 'node:os';
import type { Mux } from '../../src/index.js';
import { loadConfig } from '../../proxy/config.js';
import { Service, type Surroundings } from '../../proxy/service.js';
import { chromeExecutable } from './chrome.js';

/** A cdpmux of the test's own, in this process, on a free port, with a real Chrome. */
export interface TestCdpmux {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** `ws://127.0.0.1:<port>/` */
  readonly wsUrl: string;
  /** Where `admin.port` was given. */
  readonly adminPort: number | undefined;
  readonly mux: Mux;
  readonly service: Service;
  close(): Promise<void>;
}

/** Starts one; `settings` are paths with values as after `--set`, `surroundings` replace what it would find itself. */
export async function startCdpmux(
  settings: Readonly<Record<string, string | number>> = {},
  surroundings: Partial<Surroundings> = {},
): Promise<TestCdpmux> {
  const defaults = {
    'listen.port': 0,
    chrome: chromeExecutable(),
    'browsers.virtualPerBrowser': 200,
    // Two more pages for each test: those that need them say so. With the variable all tests have them.
    'stock.enabled': process.env['CDPMUX_TEST_STOCK'] ?? 'false',
  };
  const set = Object.entries({ ...defaults, ...settings }).map(([path, value]) => `${path}=${value}`);
  const config = loadConfig({ flags: { set } });
  const log = (level: string, message: string, fields?: object): void => {
    if (level === 'error') throw new Error(`${message} ${JSON.stringify(fields)}`);
  };
  const service = await Service.start(config, { env: process.env, tmpDir: tmpdir(), log, ...surroundings });
  return {
    url: `http://127.0.0.1:${service.door.port}`,
    wsUrl: service.door.webSocketUrl,
    adminPort: service.door.adminPort,
    mux: service.mux,
    service,
    close: () => service.close(3_000),
  };
}
