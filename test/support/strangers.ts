import { tmpdir } from 'node:os';
import { loadConfig } from '../../proxy/config.js';
import { FrontDoor } from '../../proxy/front-door/front-door.js';
import { Mux, type Admission, type Seat } from '../../src/index.js';
import { chromeExecutable } from './chrome.js';

/** Clients come on behalf of the tenant that their `label.tenant` names: strangers to each other in one Chrome. */
class StrangersMux extends Mux {
  override admit(request: Admission): Promise<Seat> {
    const { tenant = 'nobody' } = request.labels;
    return super.admit({ ...request, tenant: { name: tenant, trust: 'tenant' } });
  }
}

/** A cdpmux for strangers, in this process, with a real Chrome. */
export interface Strangers {
  readonly mux: Mux;
  /** Where a tenant's clients connect. */
  urlOf(tenant: string): string;
  close(): Promise<void>;
}

/** Starts one; `settings` are paths with values as after `--set`. */
export async function startStrangers(
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Strangers> {
  const chrome = chromeExecutable();
  const set = Object.entries({ 'browsers.max': 1, ...settings }).map(([path, value]) => `${path}=${value}`);
  const { browsers, queue, limits } = loadConfig({ flags: { chrome, set } });
  const mux = new StrangersMux({ chrome, env: process.env, tmpDir: tmpdir(), browsers, queue, limits });
  await mux.start();
  const log = (level: string, message: string, fields?: object): void => {
    if (level === 'error') throw new Error(`${message} ${JSON.stringify(fields)}`);
  };
  const where = { host: '127.0.0.1', port: 0, allowedHosts: [], trustForwarded: false };
  const door = await FrontDoor.listen({ mux, ...where, limits, log });
  return {
    mux,
    urlOf: (tenant) => `${door.webSocketUrl}?label.tenant=${tenant}`,
    close: async () => void (await Promise.all([mux.close(3_000), door.close(1_000)])),
  };
}
