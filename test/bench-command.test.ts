import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { chromeExecutable } from './support/chrome.js';

const main = new URL('../dist/proxy/main.js', import.meta.url).pathname;

describe('cdpmux bench', () => {
  it('gives a row for each thing, with a figure of the Chrome and one of cdpmux', async () => {
    const args = [main, 'bench', '--seconds', '1', '--chrome', chromeExecutable()];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    const rows = stdout.split('\n').filter((line) => /^(one|64|answers|WebSocket)/.test(line));
    expect(rows).toHaveLength(5);
    for (const row of rows) {
      const [direct, cdpmux, ratio] =
        /(\S+) +(\S+) +(?:µs|commands\/s|MB\/s|ms) +(\S+)/.exec(row)?.slice(1).map(Number) ?? [];
      for (const value of [direct, cdpmux, ratio]) expect(value).toBeGreaterThan(0);
    }
  }, 90_000);

  it('says which Chrome can not be started, with exit code 1', async () => {
    const failing = promisify(execFile)(process.execPath, [main, 'bench', '--chrome', '/nowhere/chrome']);
    await expect(failing).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('/nowhere/chrome'),
    });
  });

  it('refuses a time that is none, with exit code 2', async () => {
    const failing = promisify(execFile)(process.execPath, [main, 'bench', '--seconds', 'soon']);
    await expect(failing).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('1 to 3600') });
  });
});
