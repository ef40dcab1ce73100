import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SharedStart } from '../proxy/chrome-launcher/shared-start.js';

const TWO_MINUTES = 120_000;

let tmpDir: string;
let lock: string;
let shared: SharedStart;
/** Takes the place of Node, and of the cdpmux that it would start. */
let node: string;
beforeEach(async () => {
  tmpDir = await mkdtemp(join(tmpdir(), 'cdpmux-lock-'));
  const userId = process.getuid?.();
  const directory = join(tmpDir, `cdpmux-shared-${userId ?? 'user'}`);
  await mkdir(directory, { mode: 0o700 });
  lock = join(directory, 'lock');
  node = join(tmpDir, 'node');
  const none = { nodePath: node, mainPath: '/nowhere/main.js', isOwnPath: () => false };
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

it.each([
  ['takes its own lock off where the start failed', ':', undefined],
  ['leaves a lock that another took meanwhile', 'printf other >"LOCK"', 'other'],
])('%s', async (_what, script, left) => {
  await writeFile(node, `#!/bin/sh\n${script.replace('LOCK', lock)}\n`, { mode: 0o755 });
  await expect(shared.tryStart(undefined)).rejects.toThrow('ended at once');
  expect(await readFile(lock, 'utf8').catch(() => undefined)).toBe(left);
});

it('breaks the lock of a process that has ended', async () => {
  // the kernel's own largest number and one, which no process has
  await writeFile(lock, '4194305');
  expect(await shared.tryStart(undefined)).toBe(false);
  expect(existsSync(lock)).toBe(false);
});
