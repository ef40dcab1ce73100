import { afterAll, describe, expect, it } from '@jest/globals';
import { tmpdir } from 'node:os';

import { Closers } from '../bench/closers.js';
import { runComebacks } from '../bench/comebacks.js';
import { findChrome } from '../src/chrome/executable.js';

const closers = new Closers();
afterAll(() => closers.run());

describe('a virtual browser whose client was lost in the middle of a navigation', () => {
  it('is there for Puppeteer and Playwright, by id and by name, and nothing after it', async () => {
    const executable = await findChrome({ kind: 'auto', env: process.env, tmpDir: tmpdir() });
    const { start, end, tried, problems } = await runComebacks({ executable, times: 4, closers });
    expect(problems).toEqual([]);
    expect(Object.keys(tried)).toEqual([
      'puppeteer, id, away, closed',
      'playwright, id, back, closed',
      'puppeteer, name, back, kept to the end',
      'playwright, name, away, kept to the end',
    ]);
    expect(end.chrome).toEqual({ targets: [], contexts: 0, renderers: start.chrome.renderers });
    expect(end.cdpmux).toEqual({ ...start.cdpmux, sharedAnswers: end.cdpmux.sharedAnswers });
  }, 180_000);
});
