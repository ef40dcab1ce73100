import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { transformFile } from '@swc/core';
import { projectRoot } from '../bench/paths.js';
import { eventually } from './support/eventually.js';

/** Works until it is ended; it closes one process itself, and leaves another one that does not listen to SIGTERM. */
const PROGRAM = `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Closers } from './closers.js';
import { endsWithUs } from './started.js';
const start = (code) => endsWithUs(spawn(process.execPath, ['-e', code], { detached: true, stdio: 'ignore' }));
await Closers.with(async (closers) => {
  const closed = start('setInterval(() => {}, 1000)');
  const left = start('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)');
  await Promise.all([once(closed, 'spawn'), once(left, 'spawn')]);
  closers.add(async () => {
    closed.kill();
    await once(closed, 'exit');
    // what it was needed for fails
    fail(new Error('closed while it was used'));
    await new Promise(setImmediate);
    console.log('closed');
  });
  let fail;
  const working = new Promise((_resolve, reject) => (fail = reject));
  console.log(JSON.stringify([closed.pid, left.pid]));
  await working;
});
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cdpmux-test-bench-end-'));
  for (const name of ['closers', 'started']) {
    const { code } = await transformFile(join(projectRoot, 'bench', `${name}.ts`), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    });
    await writeFile(join(directory, `${name}.js`), code);
  }
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(join(directory, 'main.js'), PROGRAM);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a benchmark that is ended', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('by %s, also twice, closes what it started, and leaves no process', async (signal, code) => {
    const child = spawn(process.execPath, [join(directory, 'main.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually(() => said.includes('\n'), { within: 20_000, what: 'the pids' });
    const pids = JSON.parse(said.split('\n', 1)[0] ?? '') as number[];
    expect(pids.map(isThere)).toEqual([true, true]);
    const gone = once(child, 'exit');
    child.kill(signal);
    // npm hands on what its child has had already
    child.kill(signal);
    expect(await gone).toEqual([code, null]);
    expect(said).toContain('closed');
    await eventually(() => !pids.some(isThere), { within: 10_000, what: 'the end of what it started' });
  });
});
