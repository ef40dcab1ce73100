import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { needsNoSandbox } from '../src/chrome/container.js';
import { findChrome } from '../src/chrome/executable.js';
import type { ChromeExecutable } from '../src/chrome/executable.js';
import { ChromeProcess } from '../src/chrome/process.js';
import { survivors, until } from './support/processes.js';

/** Sends messages over the raw pipe and gives the first `count` that come back. */
function exchange(
  chrome: ChromeProcess,
  messages: readonly object[],
  count = messages.length,
): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    chrome.output.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const parts = text.split('\0').slice(0, -1);
      if (parts.length >= count) resolve(parts.slice(0, count));
    });
    chrome.output.once('close', () => reject(new Error(`the pipe closed after: ${text}`)));
    for (const message of messages) chrome.input.write(`${JSON.stringify(message)}\0`);
  });
}

const version = { id: 1, method: 'Browser.getVersion' };
const newPage = { id: 2, method: 'Target.createTarget', params: { url: 'about:blank' } };

let tmpDir: string;
let noSandbox: boolean;

beforeAll(async () => {
  // short, as /tmp is: beneath a longer one Chrome's own temporary files lie beside the profile, and one that is killed may leave one
  tmpDir = await mkdtemp(join(tmpdir(), 'c-'));
  noSandbox = await needsNoSandbox();
});

afterAll(() => rm(tmpDir, { recursive: true, force: true }));

function launch(executable: ChromeExecutable, more: { flags?: string[]; signal?: AbortSignal } = {}) {
  const { flags = [], signal } = more;
  return ChromeProcess.launch({
    executable,
    extraFlags: flags,
    tmpDir,
    noSandbox,
    // so that what Chrome leaves outside of its profile is seen too
    baseEnv: { ...process.env, TMPDIR: tmpDir },
    ...(signal && { signal }),
  });
}

const shell = await findChrome({ kind: 'shell', env: { PATH: process.env.PATH }, tmpDir: tmpdir() });
const full = await findChrome({ kind: 'chrome', env: { PATH: process.env.PATH }, tmpDir: tmpdir() }).catch(
  () => undefined,
);
const kinds = [shell, ...(full ? [full] : [])].map((executable) => [executable.kind, executable] as const);

describe.each(kinds)('a launched Chrome (%s)', (kind, executable) => {
  it('answers over its pipe, and close() leaves no process and no directory', async () => {
    const chrome = await launch(executable);
    const answers = await exchange(chrome, [version, newPage]);
    expect(JSON.parse(answers[0] ?? '')).toMatchObject({ id: 1, result: { protocolVersion: '1.3' } });
    expect(JSON.parse(answers[1] ?? '')).toMatchObject({ id: 2, result: { targetId: expect.any(String) } });
    expect(Object.keys(survivors(chrome.pid, chrome.profilePath)).length).toBeGreaterThan(2);
    expect(existsSync(chrome.profilePath)).toBe(true);

    // the second call joins the first
    await Promise.all([chrome.close(5_000), chrome.close(5_000)]);
    await expect(chrome.exited).resolves.toEqual({ code: 0, signal: null });
    expect(survivors(chrome.pid, chrome.profilePath)).toEqual({});
    expect(readdirSync(tmpDir)).toEqual([]);
  });

  it('leaves nothing after destroy(), and tells its end once', async () => {
    const chrome = await launch(executable);
    const ends: unknown[] = [];
    chrome.onExit = (exit) => ends.push(exit);
    await exchange(chrome, [version, newPage]);

    await chrome.destroy();
    await chrome.destroy();
    await chrome.close(0);
    expect(ends).toEqual([{ code: null, signal: 'SIGKILL' }]);
    expect(survivors(chrome.pid, chrome.profilePath)).toEqual({});
    expect(readdirSync(tmpDir)).toEqual([]);
  });

  it('cleans up after a Chrome whose main process dies by itself', async () => {
    const chrome = await launch(executable);
    await exchange(chrome, [version, newPage]);

    process.kill(chrome.pid, 'SIGKILL');
    await expect(chrome.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' });
    // writing to what is gone must not bring the process down
    chrome.input.write('{}\0');
    await until('the profile is gone', () => readdirSync(tmpDir).length === 0);
    expect(survivors(chrome.pid, chrome.profilePath)).toEqual({});
  });

  it('kills a Chrome that does not end by its deadline', async () => {
    const chrome = await launch(executable);
    await exchange(chrome, [version]);
    // a stopped process sees no closed pipe
    process.kill(chrome.pid, 'SIGSTOP');
    await chrome.close(100);
    await expect(chrome.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' });
    expect(survivors(chrome.pid, chrome.profilePath)).toEqual({});
    expect(readdirSync(tmpDir)).toEqual([]);
  });

  it(`runs as the ${kind}, headless, with the features given in addition switched off`, async () => {
    const flags = ['--disable-features=SomeFeature', '--lang=de', '--blink-settings=imagesEnabled=false'];
    const chrome = await launch(executable, { flags });
    try {
      const [answer] = await exchange(chrome, [{ id: 1, method: 'Browser.getBrowserCommandLine' }]);
      const line = Object.values(survivors(chrome.pid, chrome.profilePath)).find(
        (one) => !one.includes('--type='),
      );
      expect(line).toMatch(
        / --headless.* --disable-features=\S*WebUIOmniboxPopup\S*,SomeFeature .*--lang=de/,
      );
      expect(line?.match(/--disable-features/g)).toHaveLength(1);
      expect(line).toContain(' --blink-settings=imagesEnabled=false,middleClickPasteAllowed=false ');
      expect(line?.match(/--blink-settings/g)).toHaveLength(1);
      expect(line).not.toMatch(/--js-flags|--remote-debugging-port/);
      // only with --enable-automation does Chrome give it away
      expect(answer).toContain('"error"');
    } finally {
      await chrome.destroy();
    }
  });
});

describe('a launch that fails', () => {
  it('rejects with LAUNCH_FAILED and leaves no profile when the program cannot be run', async () => {
    const path = join(tmpDir, 'no-chrome');
    await writeFile(path, '#!/no/such/interpreter\n');
    await chmod(path, 0o755);
    try {
      await expect(launch({ ...shell, path })).rejects.toMatchObject({ code: 'LAUNCH_FAILED' });
      expect(readdirSync(tmpDir)).toEqual(['no-chrome']);
    } finally {
      await rm(path);
    }
  });

  it('carries the last words of a Chrome that ends at once', async () => {
    const path = join(tmpDir, 'chrome-that-complains');
    await writeFile(
      path,
      '#!/bin/sh\necho "error while loading shared libraries: libnss3.so" >&2\nexit 127\n',
    );
    await chmod(path, 0o755);
    try {
      const chrome = await launch({ ...shell, path });
      await expect(exchange(chrome, [version])).rejects.toThrow('the pipe closed');
      await chrome.exited;
      const error = await chrome.launchError('it did not answer');
      expect(error.code).toBe('LAUNCH_FAILED');
      expect(error.message).toMatch(
        /it did not answer \(it ended with code 127\).*loading shared libraries: libnss3.so$/s,
      );
      await chrome.close(0);
      expect(readdirSync(tmpDir)).toEqual(['chrome-that-complains']);
    } finally {
      await rm(path);
    }
  });

  it('rejects with ABORTED when called off, before and while it starts', async () => {
    await expect(launch(shell, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    const controller = new AbortController();
    const launching = launch(shell, { signal: controller.signal });
    controller.abort();
    await expect(launching).rejects.toMatchObject({ code: 'ABORTED' });
    expect(readdirSync(tmpDir)).toEqual([]);
  });
});
