import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import puppeteer from 'puppeteer-core';
import { ask } from './support/ask.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { IN_NODE, LAUNCHER, launchByHand, type Launched } from './support/launcher.js';
import { processesNaming } from './support/processes.js';

let cdpmux: CdpmuxProcess;
let count = 0;

beforeAll(async () => {
  cdpmux = await startProcess(['--set', 'limits.message=100KiB']);
}, 60_000);
afterAll(() => cdpmux.close(), 60_000);

const status = async (): Promise<{ virtualBrowsers: number }> =>
  (await (await fetch(`${cdpmux.url}/api/v1/status`)).json()) as never;
const isNobodyLeft = async (): Promise<boolean> => (await status()).virtualBrowsers === 0;

/** With a word in its environment that finds all that it started. */
async function launch(how: 'pipe' | 'port'): Promise<Launched & { readonly mark: string }> {
  const mark = `launch-${cdpmux.pid}-${count++}`;
  const env = { PATH: process.env['PATH'], TMPDIR: cdpmux.tmp, CDPMUX_URL: cdpmux.wsUrl, MARK: mark };
  const launched = await launchByHand(LAUNCHER, how, env);
  expect(launched.interpreter()).toBe('bash');
  return Object.assign(launched, { mark });
}

async function leavesNothing(mark: string): Promise<void> {
  await eventually(isNobodyLeft, { within: 20_000, what: 'the end of the virtual browser' });
  await eventually(() => processesNaming(mark).length === 0, { within: 20_000, what: 'the end of all' });
}

describe('a browser launched by the script', () => {
  it.each(['pipe', 'port'] as const)('ends with a signal, with 0, by %s', async (how) => {
    const { child, exited, mark } = await launch(how);
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    await leavesNothing(mark);
  });

  it.each(['pipe', 'port'] as const)('leaves nothing when the script alone is killed, by %s', async (how) => {
    const { child, exited, mark } = await launch(how);
    child.kill('SIGKILL');
    await exited;
    await eventually(isNobodyLeft, { within: 20_000, what: 'the end of the virtual browser' });
    // what copied for it ends when the program lets go of its pipes
    for (const pipe of child.stdio) pipe?.destroy();
    await leavesNothing(mark);
  });

  it('ends when the program closes its pipe', async () => {
    const { child, exited, mark } = await launch('pipe');
    child.stdio[3]?.destroy();
    expect(await exited).toEqual([0, null]);
    await leavesNothing(mark);
  });

  it('ends with the reason for a message that is too long', async () => {
    const { send, exited, said } = await launch('pipe');
    send('x'.repeat(150_000));
    expect(await exited).toEqual([1, null]);
    // what is read from a pipe may come after the exit is known
    const words = 'cdpmux ended this browser (1009: message too large';
    await eventually(() => said().includes(words), { within: 20_000, what: words });
  });

  it('takes messages in pieces, and many at once', async () => {
    const { child, messages, mark } = await launch('pipe');
    const commands = child.stdio[3] as Writable;
    const text = (id: number): string => `${JSON.stringify({ id, method: 'Browser.getVersion' })}\0`;
    const ids = Array.from({ length: 50 }, (_, index) => index + 2);
    const all = ids.map(text).join('');
    for (let at = 0; at < all.length; at += 37) commands.write(all.slice(at, at + 37));
    await eventually(() => messages.length === 51, { within: 20_000 });
    expect(messages.slice(1).map(({ id }) => id)).toEqual(ids);
    child.kill('SIGTERM');
    await leavesNothing(mark);
  });

  it.each(['pipe', 'port'] as const)(
    'leaves nothing when it is killed while it waits, by %s',
    async (how) => {
      // many at a time, so that some are killed before, some while and some after their browser is made
      const mark = `early-${how}-${cdpmux.pid}`;
      const env = { PATH: process.env['PATH'], TMPDIR: cdpmux.tmp, CDPMUX_URL: cdpmux.wsUrl, MARK: mark };
      const transport = how === 'pipe' ? '--remote-debugging-pipe' : '--remote-debugging-port=0';
      const pipes = how === 'pipe' ? (['pipe', 'pipe'] as const) : [];
      const children = Array.from({ length: 8 }, () =>
        spawn(LAUNCHER, ['--headless', transport], { env, stdio: ['ignore', 'ignore', 'ignore', ...pipes] }),
      );
      await eventually(async () => (await status()).virtualBrowsers > 0, { within: 30_000 });
      const exits = children.map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGTERM');
      await Promise.all(exits);
      for (const pipe of children.flatMap(({ stdio }) => stdio)) pipe?.destroy();
      await leavesNothing(mark);
      expect(readdirSync(cdpmux.tmp).filter((name) => name.startsWith('cdpmux-launch-'))).toEqual([]);
    },
  );

  it('outlives its program while another one uses it', async () => {
    const mark = `orphan-${cdpmux.pid}`;
    const env = { PATH: process.env['PATH'], TMPDIR: cdpmux.tmp, CDPMUX_URL: cdpmux.wsUrl, MARK: mark };
    const script = `require('child_process').spawn(${JSON.stringify(LAUNCHER)}, ['--headless', '--remote-debugging-port=0'], { stdio: 'inherit' })`;
    const program = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    program.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually(() => /listening on \S+\n/.test(said), { within: 30_000 });
    const browserWSEndpoint = /listening on (\S+)/.exec(said)?.[1] ?? '';
    const browser = await puppeteer.connect({ browserWSEndpoint });
    const [launcher] = processesNaming(mark).filter((pid) => pid !== program.pid);
    program.kill('SIGKILL');
    await once(program, 'exit');
    const page = await browser.newPage();
    // long enough for it to look twice for its program
    expect(await page.evaluate('new Promise((resolve) => setTimeout(resolve, 600, 2))')).toBe(2);
    expect(processesNaming(mark)).toEqual([launcher]);
    await browser.disconnect();
    await leavesNothing(mark);
  });

  it('has a port that shows it alone, and to no web page', async () => {
    const [one, other] = [await launch('port'), await launch('port')];
    const { port, path } = one.address();
    const base = `http://127.0.0.1:${port}`;
    const statusOf = async (at: string, headers: Record<string, string> = {}): Promise<number> =>
      (await ask(`${base}${at}`, { headers })).status;
    expect(await statusOf('/json/version')).toBe(200);
    expect(await statusOf('/json/version', { host: 'evil.example' })).toBe(403);
    expect(await statusOf('/json/version', { origin: 'http://evil.example' })).toBe(403);
    for (const at of ['/', '/api/v1/status', '/metrics', '/name/x/json/list', '/jsonx'])
      expect([at, await statusOf(at)]).toEqual([at, 404]);
    const list = (await (await fetch(`${base}/json/list`)).json()) as { id: string }[];
    const foreign = (await (await fetch(`http://127.0.0.1:${other.address().port}/json/list`)).json()) as {
      id: string;
    }[];
    expect([list.length, foreign.length]).toEqual([1, 1]);
    expect(await upgrade(port, `/devtools/page/${list[0]?.id}`)).toMatch(/^HTTP\/1.1 101 /);
    expect(await upgrade(port, path)).toMatch(/^HTTP\/1.1 101 /);
    expect(await upgrade(port, path, 'Origin: http://evil.example\r\n')).toMatch(/^HTTP\/1.1 403 /);
    expect(await upgrade(port, `/devtools/page/${foreign[0]?.id}`)).toMatch(/^HTTP\/1.1 404 /);
    expect(await upgrade(port, other.address().path)).toMatch(/^HTTP\/1.1 404 /);
    expect(await upgrade(port, '/')).toMatch(/^HTTP\/1.1 404 /);
    // nor does it launch another one, with the token of who launched this one
    expect(await say(`Cdpmux-Length: 13\r\n\r\n\0\0--version\0`, port, path)).toMatch(/^HTTP\/1.1 404 /);
    for (const { child } of [one, other]) child.kill('SIGTERM');
    await leavesNothing(one.mark);
  });
});

it('has a port that launches nothing else, by way of Node too', async () => {
  const env = { PATH: process.env['PATH'], TMPDIR: cdpmux.tmp, CDPMUX_URL: cdpmux.wsUrl };
  const one = await launchByHand(IN_NODE, 'port', env);
  const { port, path } = one.address();
  expect(await upgrade(port, path)).toMatch(/^HTTP\/1.1 101 /);
  expect(await say(`Cdpmux-Length: 13\r\n\r\n\0\0--version\0`, port, path)).toMatch(/^HTTP\/1.1 404 /);
  one.child.kill('SIGTERM');
  await one.exited;
  await eventually(isNobodyLeft, { within: 30_000 });
}, 60_000);

describe('the launch desk', () => {
  it.each([
    ['a file', 'file'],
    ['a link', 'link'],
    ['nothing', 'nothing'],
  ])('opens no pipe that is %s', async (_what, name) => {
    const file = join(cdpmux.tmp, 'file');
    await writeFile(file, 'kept');
    if (name === 'link') await symlink(file, join(cdpmux.tmp, 'link'));
    const path = join(cdpmux.tmp, name);
    const texts = [path, path, '--headless', '--remote-debugging-pipe'].map((text) => `${text}\0`).join('');
    const answer = await say(`Cdpmux-Length: ${Buffer.byteLength(texts)}\r\n\r\n${texts}`);
    expect(answer).toMatch(/^HTTP\/1.1 101 [^]*\r\n\r\nnode \n$/);
    expect(existsSync(file)).toBe(true);
    expect(await isNobodyLeft()).toBe(true);
  });

  it.each(['', 'Cdpmux-Length: x\r\n', 'Cdpmux-Length: -1\r\n', 'Cdpmux-Length: 999999999\r\n'])(
    'refuses a length of %j',
    async (header) => {
      expect(await say(`${header}\r\n`)).toMatch(/^HTTP\/1.1 400 [^]*BAD_PARAMETER/);
    },
  );

  it('refuses a web page', async () => {
    const answer = await say('Origin: http://evil.example\r\nCdpmux-Length: 1\r\n\r\n\0');
    expect(answer).toMatch(/^HTTP\/1.1 403 /);
  });

  it('leaves to the other program what is no launch of a browser', async () => {
    for (const flag of ['--version', '--help', '--remote-debugging-port=x', '--dump-dom']) {
      const texts = `\0\0${flag}\0`;
      expect(await say(`Cdpmux-Length: ${texts.length}\r\n\r\n${texts}`)).toMatch(/\r\n\r\nnode \n$/);
    }
  });
});

/** All that is answered to a launch until the connection ends. */
function say(rest: string, port = Number(new URL(cdpmux.url).port), path = '/'): Promise<string> {
  return exchange(port, `Connection: Upgrade\r\nUpgrade: cdpmux-launch\r\n${rest}`, path);
}

/** The first that is answered to a WebSocket's upgrade. */
function upgrade(port: number, path: string, more = ''): Promise<string> {
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  return exchange(port, `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}${more}\r\n`, path, /\r\n\r\n/);
}

async function exchange(port: number, rest: string, path: string, until?: RegExp): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    answer += text;
    if (until?.test(answer)) socket.destroy();
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`);
  await once(socket, 'close');
  return answer;
}
