import { startCdpmux } from './cdpmux.js';
import type { Mux } from '../../src/index.js';

/** A cdpmux for strangers, in this process, with a real Chrome. */
export interface Strangers {
  readonly mux: Mux;
  /** Where a tenant's clients connect. */
  urlOf(tenant: string): string;
  close(): Promise<void>;
}

const secretOf = (tenant: string): string => `secret of ${tenant}`.replaceAll(' ', '-');

/** Starts one, with a token for each of the tenants; `settings` are paths with values as after `--set`. */
export async function startStrangers(
  tenants: readonly string[],
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Strangers> {
  const tokens = tenants.map((name) => ({ name, secret: secretOf(name) }));
  const cdpmux = await startCdpmux({
    'browsers.max': 1,
    'auth.tokens': JSON.stringify(tokens),
    // the sites of tests are on loopback
    'policy.egress.mode': 'off',
    ...settings,
  });
  return {
    mux: cdpmux.mux,
    urlOf: (tenant) => `${cdpmux.wsUrl}?token=${secretOf(tenant)}`,
    close: () => cdpmux.close(),
  };
}
