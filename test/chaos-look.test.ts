import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { look, type Scene } from '../bench/chaos/moment.js';
import { Closers } from '../bench/closers.js';
import { debuggingUrl, startDirect } from '../bench/direct-chrome.js';
import { withPort } from '../bench/truth.js';
import { needsNoSandbox } from '../src/chrome/container.js';
import { findChrome } from '../src/chrome/executable.js';
import { ChromeProcess } from '../src/chrome/process.js';
import { chromeExecutable, testKind } from './support/chrome.js';
import { eventually } from './support/eventually.js';

const closers = new Closers();
afterEach(() => closers.run(), 60_000);

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

describe('a look at what a chaos leaves over', () => {
  it('leaves no socket to the other Chromes when one ends while it is asked', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cdpmux-look-'));
    closers.add(() => rm(directory, { recursive: true, force: true }));
    const env = process.env;
    const executable = await findChrome({
      chrome: chromeExecutable(),
      kind: testKind(),
      env,
      tmpDir: tmpdir(),
    });
    const remote = await startDirect(executable);
    closers.add(() => remote.close());
    const launched = await ChromeProcess.launch({
      executable: { ...executable, path: await withPort(executable, directory) },
      extraFlags: [],
      tmpDir: directory,
      noSandbox: await needsNoSandbox(),
      baseEnv: env,
    });
    closers.add(() => launched.destroy());
    await debuggingUrl(launched.profilePath);
    const before = sockets();
    // it is asked first, and answers no more once both are spoken to
    const asked = {
      get wsUrl(): string {
        process.kill(launched.pid, 'SIGSTOP');
        return remote.wsUrl;
      },
      pid: remote.pid,
    };
    const scene = {
      ...{ directory, remote: asked, fewest: 1, strangers: [] },
      operator: { browsers: () => Promise.resolve([]), counts: () => Promise.resolve({}) },
      relay: { connections: 0 },
    } as unknown as Scene;
    const looking = look(scene);
    looking.catch(() => undefined);
    await eventually(() => sockets() >= before + 2, { within: 20_000, what: 'sockets to both' });
    process.kill(launched.pid, 'SIGKILL');
    await expect(looking).rejects.toThrow();
    await eventually(() => sockets() <= before, { what: 'the end of all sockets' });
  }, 60_000);
});
