import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { writePrograms, type LaunchProgram } from './support/launch-programs.js';
import { processesNaming } from './support/processes.js';

/** `npm run launchers`: all of them, Lighthouse too, and 20 of each at once. */
const isLong = process.env['CDPMUX_LAUNCHERS'] === 'all';
const run = promisify(execFile);

let cdpmux: CdpmuxProcess;
let programs: LaunchProgram[];

beforeAll(async () => {
  cdpmux = await startProcess(['--set', 'browsers.min=1', '--set', 'browsers.virtualPerBrowser=200']);
  programs = await writePrograms(join(cdpmux.tmp, 'programs'), { long: isLong });
}, 60_000);
afterAll(() => cdpmux.close(), 60_000);

let started = 0;

async function start({ args, env }: LaunchProgram, mark: string): Promise<string> {
  // Playwright's test runner empties it when it starts, whoever else writes there
  const results = join(cdpmux.tmp, `results-${started++}`);
  const { stdout } = await run(process.execPath, [...args], {
    cwd: join(cdpmux.tmp, 'programs'),
    env: {
      PATH: process.env['PATH'],
      TMPDIR: cdpmux.tmp,
      CDPMUX_URL: cdpmux.wsUrl,
      HOME: cdpmux.tmp,
      MARK: mark,
      RESULTS: results,
      ...env,
    },
    timeout: 600_000,
  }).catch((error: Error & { stdout: string; stderr: string }) => {
    // of what it ran, jest shows the message only
    throw new Error([error.message, error.stdout, error.stderr].join('\n'));
  });
  return stdout;
}

function pagesIn(output: string): number {
  return output.match(/^pooled$/gm)?.length ?? 0;
}

/** The most of them that were there, and the ids of all Chromes that had one. */
async function watch(until: Promise<unknown>): Promise<{ most: number; browsers: Set<string> }> {
  const seen = { most: 0, browsers: new Set<string>() };
  let isOver = false;
  void until.finally(() => (isOver = true)).catch(() => undefined);
  await eventually(
    async () => {
      const { virtualBrowsers } = (await (await fetch(`${cdpmux.url}/api/v1/virtual-browsers`)).json()) as {
        virtualBrowsers: { browser: string }[];
      };
      seen.most = Math.max(seen.most, virtualBrowsers.length);
      for (const { browser } of virtualBrowsers) seen.browsers.add(browser);
      return isOver;
    },
    { within: 600_000 },
  );
  return seen;
}

async function nothingLeft(mark: string): Promise<void> {
  await eventually(() => processesNaming(mark).length === 0, { within: 30_000, what: 'the end of all' });
  await eventually(
    async () => {
      const status = (await (await fetch(`${cdpmux.url}/api/v1/status`)).json()) as {
        virtualBrowsers: number;
      };
      return status.virtualBrowsers === 0;
    },
    { within: 30_000, what: 'the end of the virtual browsers' },
  );
}

describe('programs that launch a Chrome get one of cdpmux', () => {
  it('each alone', async () => {
    const done: Record<string, number> = {};
    for (const program of programs) {
      const mark = `alone-${cdpmux.pid}`;
      const output = start(program, mark);
      const seen = await watch(output);
      done[program.name] = pagesIn(await output) / program.pages;
      // it was cdpmux's, and not a Chrome that was found elsewhere
      expect([program.name, seen.most > 0]).toEqual([program.name, true]);
      await nothingLeft(mark);
    }
    expect(done).toEqual(Object.fromEntries(programs.map(({ name }) => [name, 1])));
    expect(programs).toHaveLength(isLong ? 7 : 2);
  }, 900_000);

  if (isLong) {
    it('20 of each at once, which share one', async () => {
      for (const program of programs) {
        const mark = `together-${cdpmux.pid}`;
        const began = performance.now();
        const all = Promise.all(Array.from({ length: 20 }, () => start(program, mark)));
        const { most, browsers } = await watch(all);
        expect((await all).map(pagesIn)).toEqual(Array.from({ length: 20 }, () => program.pages));
        expect([program.name, browsers.size]).toEqual([program.name, 1]);
        await nothingLeft(mark);
        process.stdout.write(
          `20 × ${program.name}: ${Math.round(performance.now() - began)} ms, at most ${most} at a time in ${browsers.size} Chrome\n`,
        );
      }
    }, 3_600_000);
  }
});
