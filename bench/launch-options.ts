import type { LaunchOptions } from 'puppeteer-core';

import { needsNoSandbox } from '../src/chrome/container.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';

/** What `puppeteer.launch` is given; signals are left to `Closers`, since Puppeteer's own handlers end this process before those are done. */
export async function launchOptions({
  path,
  kind,
  env,
}: Pick<ChromeExecutable, 'path' | 'kind' | 'env'>): Promise<LaunchOptions & { headless: true | 'shell' }> {
  return {
    executablePath: path,
    headless: kind === 'shell' ? 'shell' : true,
    args: (await needsNoSandbox()) ? ['--no-sandbox'] : [],
    env: { ...process.env, ...env },
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  };
}
