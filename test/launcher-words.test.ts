import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readCommandLine } from '../proxy/chrome-launcher/command-line.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { IN_NODE, LAUNCHER, launchByHand } from './support/launcher.js';

let cdpmux: CdpmuxProcess;
let tmp: string;
beforeAll(async () => {
  [cdpmux, tmp] = await Promise.all([
    startProcess([
      '--set',
      'queue.maxLength=0',
      '--set',
      'browsers.virtualPerBrowser=2',
      '--set',
      'browsers.max=1',
    ]),
    mkdtemp(join(tmpdir(), 'cdpmux-words-')),
  ]);
}, 60_000);
afterAll(async () => {
  await cdpmux.close();
  await rm(tmp, { recursive: true });
}, 60_000);

/** How one ended that gave no browser. */
interface Ended {
  readonly code: number | null;
  readonly said: string;
}

function ends(path: string, flags: readonly string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(path, [...flags], { env }, (_error, _out, said) =>
      resolve({ code: child.exitCode, said }),
    );
  });
}

const env = (more: Record<string, string> = {}): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  TMPDIR: tmp,
  CDPMUX_URL: cdpmux.wsUrl,
  ...more,
});
const port = '--remote-debugging-port=0';

describe.each([
  ['the script', LAUNCHER],
  ['Node', IN_NODE],
])('a launch by %s', (_what, path) => {
  it('takes a profile with spaces in its path, and writes its port there', async () => {
    const profile = join(tmp, `my profile of ${path === LAUNCHER ? 'sh' : 'node'}`);
    const one = await launchByHand(path, 'port', env(), [`--user-data-dir=${profile}`, '--headless=old']);
    const { port: at, path: to } = one.address();
    expect(await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).toBe(`${at}\n${to}`);
    expect(one.said()).not.toContain('cdpmux-chrome:');
    one.child.kill('SIGTERM');
    expect(await one.exited).toEqual([0, null]);
  }, 60_000);

  it('says that its port is on loopback to who asks for another address', async () => {
    const flag = '--remote-debugging-address=0.0.0.0';
    const one = await launchByHand(path, 'port', env(), [flag]);
    // after the address, which programs wait for
    const words = `goes without: ${flag}`;
    await eventually(() => one.said().includes(words), { within: 20_000, what: words });
    one.child.kill('SIGTERM');
    await one.exited;
  }, 60_000);

  it('says that it can be no Chrome that works by itself', async () => {
    const tasks = ['--dump-dom', '--screenshot=page.png', '--print-to-pdf'];
    const all = tasks.map((task) => ends(path, ['--headless', task, 'https://example.com/'], env()));
    for (const [index, ended] of (await Promise.all(all)).entries()) {
      const name = tasks[index]?.replace(/=.*/, '') ?? '';
      const said = expect.stringContaining(`${name} is work that a Chrome does by itself`);
      expect(ended).toEqual({ code: 1, said });
    }
  }, 60_000);

  it('says why there is no place', async () => {
    const held = [await launchByHand(path, 'port', env()), await launchByHand(path, 'port', env())];
    const { code, said } = await ends(path, ['--headless', port], env());
    expect([code, said]).toEqual([1, expect.stringMatching(/gives no browser: .*queue/)]);
    for (const { child } of held) child.kill('SIGTERM');
    await Promise.all(held.map(({ exited }) => exited));
  }, 60_000);

  it('asks whether another server is a cdpmux, whatever that answers', async () => {
    const asked = [503, 200].map(async (status) => {
      const server: Server = createServer((_request, response) => response.writeHead(status).end('other'));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
        const { code, said } = await ends(path, ['--headless', port], env({ CDPMUX_URL: url }));
        expect([code, said]).toEqual([1, expect.stringContaining(`HTTP ${status}; is it a cdpmux?`)]);
      } finally {
        server.close();
      }
    });
    await Promise.all(asked);
  }, 60_000);
});

describe('the script', () => {
  it('says what is missing: node, or the rest of cdpmux', async () => {
    const nobody = { CDPMUX_URL: 'ws://127.0.0.1:1/' };
    const noNode = await ends(LAUNCHER, [port], env({ ...nobody, PATH: tmp }));
    expect(noNode).toEqual({ code: 127, said: expect.stringContaining('no node on PATH') });
    const copy = join(tmp, 'chrome');
    await copyFile(LAUNCHER, copy);
    expect(await ends(copy, [port], env(nobody))).toEqual({
      code: 127,
      said: expect.stringContaining('link it from where cdpmux is installed'),
    });
  }, 60_000);
});

describe('the flags that are passed over without a word', () => {
  it('have those of loopback among them', () => {
    const invocation = readCommandLine(['--headless', port, '--remote-debugging-address=127.0.0.1']);
    expect(invocation).toMatchObject({ wish: { leftOut: [] } });
  });
});
