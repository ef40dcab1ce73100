import { readFileSync } from 'node:fs';
import type { CdpClient } from './cdp-client.js';

/** The two builds, which differ in what they have. */
export const kinds = ['shell', 'chrome'] as const;

/** Where a client gets a Chrome of its own, with these flags. */
export function exclusiveUrl(
  wsUrl: string,
  args: readonly string[] = [],
  more: Record<string, string> = {},
): string {
  const url = new URL(wsUrl);
  const launch = args.length > 0 && { launch: JSON.stringify({ args }) };
  const query = { mode: 'exclusive', ...launch, ...more };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

/** A Chrome's main process, as its client finds it, and where its profile is. */
export interface Found {
  readonly pid: number;
  readonly profile: string;
}

/** Finds the Chrome that a client has for itself. */
export async function findChrome(client: CdpClient): Promise<Found> {
  const { processInfo } = await client.send<{ processInfo: { type: string; id: number }[] }>(
    'SystemInfo.getProcessInfo',
  );
  const pid = processInfo.find(({ type }) => type === 'browser')?.id ?? -1;
  const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const flag = '--user-data-dir=';
  const profile = line.find((one) => one.startsWith(flag))?.slice(flag.length) ?? '';
  return { pid, profile };
}
