import { realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { commandLine } from '../src/chrome/proc.js';
import type { ChromeExecutable } from '../src/chrome/executable-types.js';
import { debuggingUrl } from './direct-chrome.js';
import { RawClient } from './raw-client.js';
import { processTree } from './resident.js';

/** What a Chrome itself says is in it. */
export interface Truth {
  readonly targets: readonly string[];
  readonly contexts: number;
  readonly renderers: number;
}

/**
 * A program that starts this Chrome with a debugging port beside the pipe: cdpmux's Chrome answers only cdpmux, and
 * what it has forgotten nobody else could see.
 */
export async function withPort(executable: ChromeExecutable, directory: string): Promise<string> {
  const program = join(directory, 'chrome-with-port');
  await writeFile(program, `#!/bin/sh\nexec '${executable.path}' "$@" --remote-debugging-port=0\n`, {
    mode: 0o755,
  });
  return program;
}

/** Asks a Chrome that runs beneath this process and was started by {@link withPort}. */
export class TruthTeller {
  readonly #client: RawClient;
  readonly #pid: number;

  private constructor(client: RawClient, pid: number) {
    this.#client = client;
    this.#pid = pid;
  }

  /** Finds the Chrome that has its profile in that directory. */
  static async find(directory: string): Promise<TruthTeller> {
    const [found] = await TruthTeller.all(directory);
    if (!found) throw new Error(`no Chrome with a profile in ${directory} runs beneath this process`);
    return found;
  }

  /** All Chromes that have their profiles in that directory. */
  static async all(directory: string): Promise<TruthTeller[]> {
    const flag = `--user-data-dir=${await realpath(directory)}/`;
    const found: TruthTeller[] = [];
    for (const pid of await processTree([process.pid])) {
      const line = await commandLine(pid);
      const at = line.indexOf(flag);
      if (at === -1 || line.includes('--type=')) continue;
      const [profile = ''] = line.slice(at + '--user-data-dir='.length).split('\0', 1);
      try {
        found.push(new TruthTeller(await RawClient.connect(await debuggingUrl(profile)), pid));
      } catch (error) {
        for (const one of found) one.close();
        throw error;
      }
    }
    return found;
  }

  /** One that listens at a URL. */
  static async at(wsUrl: string, pid: number): Promise<TruthTeller> {
    return new TruthTeller(await RawClient.connect(wsUrl), pid);
  }

  async version(): Promise<string> {
    return (await this.#client.request<{ product: string }>('Browser.getVersion')).product;
  }

  async ask(): Promise<Truth> {
    const { targetInfos } = await this.#client.request<{ targetInfos: { type: string; url: string }[] }>(
      'Target.getTargets',
      // no exclusion: tabs are to be seen too, but not this very connection
      { filter: [{ type: 'browser', exclude: true }, {}] },
    );
    const { browserContextIds } = await this.#client.request<{ browserContextIds: string[] }>(
      'Target.getBrowserContexts',
    );
    let renderers = 0;
    for (const pid of await processTree([this.#pid])) {
      if ((await commandLine(pid)).includes('--type=renderer')) renderers += 1;
    }
    return {
      targets: targetInfos.map(({ type, url }) => `${type} ${url}`),
      contexts: browserContextIds.length,
      renderers,
    };
  }

  /** Makes what a virtual browser and one client of it take, with a first page or without; gives how to take it away. */
  async makeRoom(page: boolean): Promise<() => Promise<void>> {
    const client = this.#client;
    const attach = (): Promise<{ sessionId: string }> => client.request('Target.attachToBrowserTarget');
    const { sessionId } = await attach();
    const { browserContextId } = await client.request<{ browserContextId: string }>(
      'Target.createBrowserContext',
      { disposeOnDetach: true },
      sessionId,
    );
    if (page)
      await client.request('Target.createTarget', { url: 'about:blank', browserContextId }, sessionId);
    const seat = await attach();
    return async () => {
      await client.request('Target.detachFromTarget', seat);
      await client.request('Target.detachFromTarget', { sessionId });
    };
  }

  close(): void {
    this.#client.close();
  }
}
