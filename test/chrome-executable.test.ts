import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { needsNoSandbox } from '../src/chrome/container.js';
import { findChrome } from '../src/chrome/executable.js';
import { ChromeProcess } from '../src/chrome/process.js';

const run = promisify(execFile);
const root = new URL('..', import.meta.url);
let tmpDir: string;
let program: string;

beforeAll(async () => {
  tmpDir = await mkdtemp(join(tmpdir(), 'cdpmux-test-'));
  program = join(tmpDir, 'some-chrome');
  // any program does: it is looked for here, not started
  await symlink(process.execPath, program);
  await run(process.execPath, ['scripts/build-if-stale.mjs'], { cwd: root });
}, 60_000);

afterAll(() => rm(tmpDir, { recursive: true, force: true }));

describe('findChrome', () => {
  it('prefers the one named by option, then CHROME_PATH, then an installed one', async () => {
    const shell = join(tmpDir, 'bin', 'chrome-headless-shell');
    const full = join(tmpDir, 'bin', 'google-chrome');
    await mkdir(join(tmpDir, 'bin'));
    await symlink(process.execPath, full);
    const env = { PATH: join(tmpDir, 'bin'), CHROME_PATH: program };
    const found = (
      chrome: string | undefined,
      more: NodeJS.ProcessEnv,
      kind: 'auto' | 'shell' | 'chrome' = 'auto',
    ) => findChrome({ chrome, kind, env: { ...env, ...more }, tmpDir });

    expect(await found(full, {})).toMatchObject({ source: 'option', kind: 'chrome', env: {} });
    expect(await found('google-chrome', {})).toMatchObject({ source: 'option', kind: 'chrome' });
    expect(await found(undefined, {})).toMatchObject({ source: 'CHROME_PATH', kind: 'chrome' });
    expect(await found(undefined, { CHROME_PATH: '' }, 'chrome')).toMatchObject({
      source: 'installed',
      kind: 'chrome',
    });

    await symlink(process.execPath, shell);
    expect(await found(undefined, { CHROME_PATH: '' })).toMatchObject({ source: 'installed', kind: 'shell' });
    expect(await found(undefined, { CHROME_PATH: '' }, 'chrome')).toMatchObject({ kind: 'chrome' });
    expect(await found(shell, {})).toMatchObject({ source: 'option', kind: 'shell' });
    // a name that says nothing is what `kind` says
    expect(await found(program, {}, 'shell')).toMatchObject({ source: 'option', kind: 'shell' });
    await expect(found(shell, {}, 'chrome')).rejects.toMatchObject({ code: 'NO_CHROME' });
  });

  it('refuses the executable that asks cdpmux for a Chrome, under whatever name', async () => {
    const script = fileURLToPath(new URL('dist/proxy/chrome-launcher/cdpmux-chrome.sh', root));
    const link = join(tmpDir, 'another-name');
    await symlink(script, link);
    for (const named of [script, link]) {
      const finding = findChrome({ chrome: undefined, kind: 'auto', env: { CHROME_PATH: named }, tmpDir });
      await expect(finding).rejects.toThrow(
        `${named} (from CHROME_PATH) is no Chrome: it asks cdpmux for one`,
      );
    }
  });

  it('refuses a named one that cannot be run, and says what to do', async () => {
    const plain = join(tmpDir, 'plain-file');
    await writeFile(plain, '');
    for (const chrome of [plain, tmpDir, '/no/such/chrome', 'no-such-chrome-on-path']) {
      const finding = findChrome({ chrome, kind: 'auto', env: { PATH: process.env.PATH }, tmpDir });
      await expect(finding).rejects.toMatchObject({
        code: 'NO_CHROME',
        message: expect.stringMatching(
          /^--chrome or CDPMUX_CHROME names .*(no such executable|not found on PATH)/,
        ),
      });
    }
    const finding = findChrome({ kind: 'auto', env: { CHROME_PATH: plain }, tmpDir });
    await expect(finding).rejects.toThrow(`CHROME_PATH names ${plain}: no such executable file.`);
  });

  it('sees through a start script that stands before the program', async () => {
    const scripts = ['chromium', 'chromium-headless-shell']
      .map((name) => `/usr/bin/${name}`)
      .filter(existsSync);
    for (const chrome of scripts) {
      const { path } = await findChrome({ chrome, kind: 'auto', env: {}, tmpDir });
      expect(path).toBe(chrome.replace('/bin/', '/lib/chromium/'));
    }
    // Google's, as it is installed: a link to a script beside the program
    const opt = join(tmpDir, 'opt');
    await mkdir(opt);
    await writeFile(join(opt, 'google-chrome'), '#!/bin/bash\nexec -a "$0" "$HERE/chrome" "$@"\n');
    await chmod(join(opt, 'google-chrome'), 0o755);
    await symlink(process.execPath, join(opt, 'chrome'));
    await symlink(join(opt, 'google-chrome'), join(tmpDir, 'google-chrome-stable'));
    const chrome = join(tmpDir, 'google-chrome-stable');
    expect((await findChrome({ chrome, kind: 'auto', env: {}, tmpDir })).path).toBe(join(opt, 'chrome'));
  });
});

const embeddable = process.platform === 'linux' && process.arch === 'x64' ? describe : describe.skip;

embeddable('the embedded Chrome', () => {
  it('is unpacked once by three processes at once, runs though another is installed, and leaves only itself', async () => {
    const place = await mkdtemp(join(tmpDir, 'embedded-'));
    const script = `
      const { findChrome } = await import(process.argv[1] + 'dist/src/chrome/executable.js');
      const before = JSON.stringify(process.env);
      const found = await findChrome({ chrome: 'embedded', kind: 'auto', env: {}, tmpDir: process.argv[2] });
      if (JSON.stringify(process.env) !== before) throw new Error('the environment was changed');
      const { execFileSync } = await import('node:child_process');
      const version = execFileSync(found.path, ['--version'], { env: found.env, encoding: 'utf8' });
      console.log(JSON.stringify({ found, version }));`;
    const results = await Promise.all(
      [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script, root.href, place])),
    );
    const [first, ...others] = results.map(
      ({ stdout }) => JSON.parse(stdout) as { found: object; version: string },
    );
    for (const other of others) expect(other).toEqual(first);
    expect(first?.version).toMatch(/^(Chromium|HeadlessChrome|Google Chrome for Testing) 147\./);
    const names = readdirSync(place);
    expect(names).toHaveLength(1);
    const home = join(place, names[0] ?? '');
    expect((await stat(home)).mode & 0o777).toBe(0o700);

    // found again as it is: nothing is unpacked twice
    const { ino } = await stat(home);
    const executable = await findChrome({ chrome: 'embedded', kind: 'auto', env: {}, tmpDir: place });
    expect((await stat(home)).ino).toBe(ino);
    expect(executable).toEqual(first?.found);
    expect(executable).toMatchObject({ path: join(home, 'chromium'), kind: 'shell', source: 'embedded' });

    const chrome = await ChromeProcess.launch({
      executable,
      extraFlags: [],
      tmpDir,
      noSandbox: await needsNoSandbox(),
      baseEnv: process.env,
    });
    const answer = new Promise<string>((resolve) =>
      chrome.output.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    chrome.input.write('{"id":1,"method":"Browser.getVersion"}\0');
    expect(await answer).toContain('/147.0');
    await chrome.close(5_000);
    expect(existsSync(chrome.profilePath)).toBe(false);

    // half of it gone, as after a cleaner of temporary directories: unpacked anew
    await rm(join(home, 'fonts'), { recursive: true });
    await findChrome({ chrome: 'embedded', kind: 'shell', env: {}, tmpDir: place });
    expect(existsSync(join(home, 'fonts', 'fonts.conf'))).toBe(true);
    expect(readdirSync(place)).toEqual(names);

    // one that others can write to is not run
    await chmod(home, 0o777);
    const refused = findChrome({ chrome: 'embedded', kind: 'auto', env: {}, tmpDir: place });
    await expect(refused).rejects.toMatchObject({
      code: 'NO_CHROME',
      message: expect.stringContaining(home),
    });
  }, 60_000);

  it('is no full Chrome', async () => {
    const finding = findChrome({ chrome: 'embedded', kind: 'chrome', env: {}, tmpDir });
    await expect(finding).rejects.toMatchObject({ code: 'NO_CHROME' });
  });
});
