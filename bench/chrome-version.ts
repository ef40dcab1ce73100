import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import type { Closers } from './closers.js';
import { startDirect } from './direct-chrome.js';
import { RawClient } from './raw-client.js';

/** What a Chrome calls itself, such as `HeadlessChrome/156.0.8078.108`; it is started for that. */
export async function versionOf(executable: ChromeExecutable, closers: Closers): Promise<string> {
  const direct = await startDirect(executable);
  const close = closers.add(() => direct.close());
  const client = await RawClient.connect(direct.wsUrl);
  try {
    return (await client.request<{ product: string }>('Browser.getVersion')).product;
  } finally {
    client.close();
    await close();
  }
}
