import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SharedStart } from '../proxy/chrome-launcher/shared-start.js';

const TWO_MINUTES = 120_000;

let tmpDir: string;
let lock: string;
let shared: SharedStart;
beforeEach(async () => {
  tmpDir = await mkdtemp(join(tmpdir(), 'cdpmux-lock-'));
  const userId = process.getuid?.();
  const directory = join(tmpDir, `cdpmux-shared-${userId ?? 'user'}`);
  await mkdir(directory, { mode: 0o700 });
  lock = join(directory, 'lock');
  const none = { nodePath: '/nowhere/node', mainPath: '/nowhere/main.js', isOwnPath: () => false };
  shared = await SharedStart.in({ env: {}, tmpDir, userId, ...none });
});
afterEach(() => rm(tmpDir, { recursive: true }));

it.each([
  ['a process that lives', String(process.pid)],
  ['nobody who said so', ''],
])('waits for the lock of %s, but not for ever', async (_whose, holder) => {
  await writeFile(lock, holder);
  expect(await shared.tryStart(undefined)).toBe(false);
  expect(existsSync(lock)).toBe(true);
  const old = new Date(Date.now() - TWO_MINUTES);
  await utimes(lock, old, old);
  expect(await shared.tryStart(undefined)).toBe(false);
  expect(existsSync(lock)).toBe(false);
});

it('breaks the lock of a process that has ended', async () => {
  // the kernel's own largest number and one, which no process has
  await writeFile(lock, '4194305');
  expect(await shared.tryStart(undefined)).toBe(false);
  expect(existsSync(lock)).toBe(false);
});
