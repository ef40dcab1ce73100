import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findChrome } from '../src/chrome/executable.js';
import { ownerTag } from '../src/chrome/owner.js';
import { createProfile, sweepProfiles, usesProfile } from '../src/chrome/profile.js';
import { survivors, until } from './support/processes.js';

// A cdpmux as short as can be: it launches a Chrome, says where, and waits to be killed.
const LAUNCHER = `
const [,, root, executable, tmpDir] = process.argv;
const { ChromeProcess } = await import(root + 'dist/src/chrome/process.js');
const chrome = await ChromeProcess.launch({
  executable: JSON.parse(executable), extraFlags: [], tmpDir, noSandbox: process.getuid() === 0, baseEnv: process.env,
});
chrome.output.once('data', () => console.log(JSON.stringify({ pid: chrome.pid, path: chrome.profilePath })));
chrome.input.write(JSON.stringify({ id: 1, method: 'Target.createTarget', params: { url: 'about:blank' } }) + '\\0');
`;

const root = new URL('..', import.meta.url);
let tmpDir: string;

beforeAll(async () => {
  tmpDir = await mkdtemp(join(tmpdir(), 'cdpmux-test-'));
  // under `npm test` it is built already, and this only looks
  const built = spawnSync(process.execPath, ['scripts/build-if-stale.mjs'], { cwd: root, encoding: 'utf8' });
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
}, 60_000);

afterAll(() => rm(tmpDir, { recursive: true, force: true }));

describe('after a kill -9 of the process that launched a Chrome', () => {
  it('Chrome ends by itself, and a sweep removes its profile and a Chrome that still uses it', async () => {
    const executable = await findChrome({ kind: 'auto', env: { PATH: process.env.PATH }, tmpDir: tmpdir() });
    const script = join(tmpDir, 'launcher.mjs');
    await writeFile(script, LAUNCHER);
    const owner = spawn(process.execPath, [script, root.href, JSON.stringify(executable), tmpDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const { pid, path } = JSON.parse(line.toString()) as { pid: number; path: string };
    expect(existsSync(path)).toBe(true);
    // its owner lives: not to be touched
    expect(await sweepProfiles(tmpDir)).toEqual({ directories: 0, processes: 0 });
    expect(Object.keys(survivors(pid, path)).length).toBeGreaterThan(2);

    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await until('the Chrome of a killed owner ends', () => Object.keys(survivors(pid, path)).length === 0);
    expect(existsSync(path)).toBe(true);

    // one with no pipe to close: it stays until somebody ends it
    const stray = spawn(
      executable.path,
      ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${path}`],
      { env: { ...process.env, ...executable.env }, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    );
    const ended = once(stray, 'exit');
    let said = '';
    stray.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('the stray Chrome is up', () => said.includes('DevTools listening'), 10_000);

    const swept = await sweepProfiles(tmpDir);
    expect(swept.directories).toBe(1);
    expect(swept.processes).toBeGreaterThan(2);
    await ended;
    expect(survivors(stray.pid ?? 0, path)).toEqual({});
    expect(existsSync(path)).toBe(false);
  }, 30_000);
});

describe('sweepProfiles', () => {
  it('tells a dead owner from a living one, from a reused pid and from another host', async () => {
    const parent = await mkdtemp(join(tmpDir, 'sweep-'));
    const mine = await createProfile(parent);
    await writeFile(join(mine.path, 'Cookies'), 'mine');
    const tag = await ownerTag();
    const [pid = '', startTime = '', host = ''] = tag.split('-');
    const make = (name: string) => mkdir(join(parent, name, 'Default'), { recursive: true });
    await make(`cdpmux-profile-${pid}-${Number(startTime) - 1}-${host}-reused`);
    await make(`cdpmux-unpack-${pid}-${Number(startTime) - 1}-${host}-half`);
    const kept = [
      `cdpmux-profile-${pid}-${Number(startTime) - 1}-00000000-other`,
      `cdpmux-profile-${tag}-more-than-we-make`,
      'cdpmux-chromium-147.0.0-0',
      'something-else',
    ];
    for (const name of kept) await make(name);

    expect(await sweepProfiles(parent)).toEqual({ directories: 2, processes: 0 });
    expect(readdirSync(parent).sort()).toEqual([...kept, mine.path.slice(parent.length + 1)].sort());
    expect(readdirSync(mine.path)).toEqual(['Cookies']);
    await mine.remove();
    await mine.remove();
    expect(existsSync(mine.path)).toBe(false);
  });

  it('takes a process for a user of a profile only if it names the whole path in the right flag', () => {
    const path = '/tmp/cdpmux-profile-1-2-abcdef01-x1';
    expect(usesProfile(`chrome\0--user-data-dir=${path}\0--headless\0`, path)).toBe(true);
    expect(usesProfile(`chrome --type=zygote --user-data-dir=${path}`, path)).toBe(true);
    expect(usesProfile(`crashpad_handler\0--database=${path}/Crash Reports\0`, path)).toBe(true);
    expect(usesProfile(`chrome\0--user-data-dir=${path}2\0`, path)).toBe(false);
    expect(usesProfile(`tail\0-f\0${path}/chrome_debug.log\0`, path)).toBe(false);
  });
});
