import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import puppeteer from 'puppeteer-core';
import { needsNoSandbox } from '../src/chrome/container.js';
import { findChrome } from '../src/chrome/executable.js';
import { startCdpmux } from './cdpmux.js';
import type { Closers } from './closers.js';
import { ratios, median } from './figures.js';
import type { Figure } from './figures.js';
import { projectRoot } from './paths.js';

const LAUNCHER = join(projectRoot, 'dist/proxy/chrome-launcher/cdpmux-chrome.sh');
/** What the launcher hands over to where no cdpmux runs on this machine. */
const IN_NODE = join(projectRoot, 'dist/proxy/chrome-launcher/main.js');
const KINDS = [
  { kind: 'chrome', name: 'full Chrome', headless: true, target: 0.5 },
  { kind: 'shell', name: 'the headless shell', headless: 'shell', target: 1 },
] as const;

/** One way of starting, with what it took, ms. */
interface Side {
  readonly path: string;
  readonly headless: true | 'shell';
  readonly env: Readonly<Record<string, string>>;
  readonly times: number[];
}

/**
 * What `puppeteer.launch` and the first page take with a real Chrome and with cdpmux-chrome, which joins a cdpmux that runs, with the same kind of
 * Chrome; the same with the program that goes on for it where no cdpmux runs on its machine; all in turns.
 */
export async function launch({ rounds, closers }: { rounds: number; closers: Closers }): Promise<Figure[]> {
  const profiles = await mkdtemp(join(tmpdir(), 'cdpmux-bench-launch-'));
  closers.add(() => rm(profiles, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  const noSandbox = await needsNoSandbox();
  const pairs = await Promise.all(
    KINDS.map(async ({ kind, name, headless, target }) => {
      const executable = await findChrome({ kind, env: process.env, tmpDir: tmpdir() });
      const cdpmux = await startCdpmux(executable);
      closers.add(() => cdpmux.close());
      const direct: Side = { path: executable.path, headless, env: {}, times: [] };
      const env = { CDPMUX_URL: cdpmux.wsUrl };
      const ours: Side = { path: LAUNCHER, headless, env, times: [] };
      const inNode: Side = { path: IN_NODE, headless, env, times: [] };
      return { name, target, direct, ours, inNode };
    }),
  );
  const figures: Figure[] = [];
  for (const pipe of [false, true]) {
    const sides = pairs.flatMap(({ direct, ours, inNode }) => [direct, ours, inNode]);
    for (const side of sides) side.times.length = 0;
    // the first of each is not counted
    for (let round = 0; round <= rounds; round++) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const time = await start(side, { pipe, noSandbox, profiles });
        if (round > 0) side.times.push(time);
      }
    }
    for (const { name, target, direct, ours, inNode } of pairs) {
      const what = `start + first page, ${pipe ? 'pipe' : 'port'}, ${name}`;
      figures.push(
        { ...figure(what, direct, ours), target: { of: 'ratio', relation: '<=', value: target } },
        figure(`${what}, by way of Node`, direct, inNode),
      );
    }
  }
  return figures;
}

function figure(name: string, direct: Side, ours: Side): Figure {
  return {
    suite: 'launch',
    name,
    unit: 'ms',
    direct: median(direct.times),
    cdpmux: median(ours.times),
    ratio: ratios(ours.times, direct.times),
    series: { direct: [...direct.times], cdpmux: [...ours.times] },
  };
}

async function start(
  { path, headless, env }: Side,
  { pipe, noSandbox, profiles }: { pipe: boolean; noSandbox: boolean; profiles: string },
): Promise<number> {
  const userDataDir = await mkdtemp(join(profiles, 'profile-'));
  const begin = performance.now();
  const browser = await puppeteer.launch({
    executablePath: path,
    headless,
    pipe,
    userDataDir,
    args: noSandbox ? ['--no-sandbox'] : [],
    env: { ...process.env, ...env },
    // left to `Closers`: Puppeteer's own handler would end this process before those are done
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
  try {
    const page = await browser.newPage();
    await page.evaluate('document.title');
    return performance.now() - begin;
  } finally {
    await browser.close();
    await rm(userDataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
