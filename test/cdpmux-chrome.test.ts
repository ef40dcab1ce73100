import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chromium } from 'playwright-core';
import puppeteer, { type Browser, type LaunchOptions } from 'puppeteer-core';
import { readCommandLine } from '../proxy/chrome-launcher/command-line.js';
import { exclusiveFlags } from '../proxy/chrome-launcher/flag-list.js';
import { flagsForAnyone, flagsForLocal } from '../src/chrome/launch-flag-list.js';
import { chromeExecutable } from './support/chrome.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { IN_NODE, LAUNCHER } from './support/launcher.js';
import { processesNaming } from './support/processes.js';

const run = promisify(execFile);
const PAGE = 'data:text/html,<title>pooled</title>';

async function titleIn(browser: Browser): Promise<string> {
  const page = await browser.newPage();
  await page.goto(PAGE);
  return page.title();
}

describe('cdpmux-chrome with a cdpmux that runs', () => {
  let cdpmux: CdpmuxProcess;
  let env: Record<string, string>;

  beforeAll(async () => {
    cdpmux = await startProcess(['--set', 'browsers.min=1', '--set', 'browsers.max=3']);
    env = { PATH: process.env['PATH'] ?? '', TMPDIR: cdpmux.tmp, CDPMUX_URL: cdpmux.wsUrl };
  }, 60_000);

  afterAll(() => cdpmux.close(), 60_000);

  const status = async (): Promise<{ virtualBrowsers: number; browsers: number; clients: number }> =>
    (await (await fetch(`${cdpmux.url}/api/v1/status`)).json()) as never;
  const nobodyLeft = (): Promise<void> =>
    eventually(async () => (await status()).virtualBrowsers === 0, {
      within: 20_000,
      what: 'the end of the virtual browser',
    });
  const launch = (options: LaunchOptions = {}): Promise<Browser> =>
    puppeteer.launch({ executablePath: LAUNCHER, env, timeout: 60_000, ...options });

  it.each([
    { pipe: false },
    { pipe: true },
    { pipe: false, executablePath: IN_NODE },
    { pipe: true, executablePath: IN_NODE },
  ])(
    'puppeteer.launch with %p gets a page, and leaves nothing',
    async (options) => {
      const browser = await launch(options);
      const child = browser.process();
      expect(await titleIn(browser)).toBe('pooled');
      expect((await status()).virtualBrowsers).toBe(1);
      await browser.close();
      await eventually(() => child?.exitCode !== null, { within: 10_000 });
      expect(child?.exitCode).toBe(0);
      await nobodyLeft();
    },
    60_000,
  );

  it('is found by PUPPETEER_EXECUTABLE_PATH, with no line changed', async () => {
    const script = `import puppeteer from 'puppeteer-that-launches';
      const browser = await puppeteer.launch();
      const [page] = await browser.pages();
      await page.goto(${JSON.stringify(PAGE)});
      console.log(await page.title());
      await browser.close();`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...env, PUPPETEER_EXECUTABLE_PATH: LAUNCHER },
      timeout: 50_000,
    });
    expect(stdout).toBe('pooled\n');
  }, 60_000);

  it.each([LAUNCHER, IN_NODE])(
    'joins the cdpmux at the port that is its own by default, by %s',
    async (executablePath) => {
      const { CDPMUX_URL: url = '', ...others } = env;
      const browser = await launch({
        executablePath,
        env: { ...others, CDPMUX_LISTEN_PORT: new URL(url).port },
      });
      expect((await status()).virtualBrowsers).toBe(1);
      await browser.close();
      await nobodyLeft();
    },
    60_000,
  );

  it("is launched by Playwright's own launcher", async () => {
    const browser = await chromium.launch({ executablePath: LAUNCHER, env });
    const page = await browser.newPage();
    await page.goto(PAGE);
    expect(await page.title()).toBe('pooled');
    await browser.close();
    await nobodyLeft();
  }, 60_000);

  it.each([LAUNCHER, IN_NODE])(
    'carries large messages both ways over the pipe, by %s',
    async (executablePath) => {
      const browser = await launch({ pipe: true, executablePath });
      try {
        const [page] = await browser.pages();
        const text = 'é'.repeat(3_000_000);
        expect(await page?.evaluate((value) => value + value, text)).toBe(text + text);
      } finally {
        await browser.close();
      }
    },
    60_000,
  );

  it('gives a Chrome of its own for a flag that needs one', async () => {
    const browser = await launch({ args: ['--lang=fr'] });
    try {
      const [page] = await browser.pages();
      expect(await page?.evaluate(() => navigator.language)).toBe('fr');
    } finally {
      await browser.close();
    }
  }, 60_000);

  it.each([LAUNCHER, IN_NODE])(
    'gives a window size and a user agent in the Chrome that all share, by %s',
    async (executablePath) => {
      const beside = await launch({ executablePath, defaultViewport: null });
      const args = ['--window-size=911,700', '--user-agent=Own/1'];
      const browser = await launch({ executablePath, defaultViewport: null, args });
      try {
        const chromes = (await status()).browsers;
        const seen = await Promise.all(
          [browser, beside].map(async (one) => {
            const [page] = await one.pages();
            return page?.evaluate(() => [window.outerWidth === 911, navigator.userAgent === 'Own/1']);
          }),
        );
        expect(seen).toEqual([
          [true, true],
          [false, false],
        ]);
        expect((await status()).browsers).toBe(chromes);
        const { host } = new URL(browser.wsEndpoint());
        const version = (await (await fetch(`http://${host}/json/version`)).json()) as object;
        expect(version).toMatchObject({ 'User-Agent': 'Own/1' });
      } finally {
        await Promise.all([browser.close(), beside.close()]);
      }
    },
    60_000,
  );

  it('serves 20 at once from one Chrome', async () => {
    const browsers = await Promise.all(Array.from({ length: 20 }, () => launch()));
    try {
      expect(await Promise.all(browsers.map(titleIn))).toEqual(Array.from({ length: 20 }, () => 'pooled'));
      const { virtualBrowsers } = (await (
        await fetch(`${cdpmux.url}/api/v1/virtual-browsers`)
      ).json()) as never as {
        virtualBrowsers: { browser: string }[];
      };
      expect(new Set(virtualBrowsers.map(({ browser }) => browser)).size).toBe(1);
    } finally {
      await Promise.all(browsers.map((browser) => browser.close()));
    }
    await nobodyLeft();
  }, 120_000);

  it.each([
    { pipe: false, executablePath: LAUNCHER },
    { pipe: true, executablePath: LAUNCHER },
    { pipe: false, executablePath: IN_NODE },
    { pipe: true, executablePath: IN_NODE },
  ])(
    'leaves nothing of a program that is killed, with %p',
    async (options) => {
      const mark = `killed-${options.pipe}-${options.executablePath}-${cdpmux.pid}`;
      const script = `import puppeteer from 'puppeteer-core';
      await puppeteer.launch(${JSON.stringify(options)});
      console.log('launched');
      setInterval(() => {}, 1000);`;
      const program = spawn(process.execPath, ['--input-type=module', '-e', script], {
        env: { ...env, WHO: mark },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(program.stdout, 'data');
      expect((await status()).virtualBrowsers).toBe(1);
      program.kill('SIGKILL');
      await nobodyLeft();
      await eventually(() => processesNaming(mark).length === 0, {
        within: 20_000,
      });
    },
    60_000,
  );

  it('writes DevToolsActivePort and answers what chromedriver and chrome-launcher ask', async () => {
    const profile = await mkdtemp(join(cdpmux.tmp, 'profile-'));
    const child = spawn(
      LAUNCHER,
      ['--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--strange'],
      {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await eventually(() => said.includes('--strange'), { within: 30_000, what: 'the line on stderr' });
    const [port, path] = (await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n');
    expect(said).toContain(`DevTools listening on ws://127.0.0.1:${port}${path}\n`);
    const ask = async (what: string, method = 'GET'): Promise<never> =>
      (await (await fetch(`http://127.0.0.1:${port}/json/${what}`, { method })).json()) as never;
    expect(((await ask('version')) as Record<string, string>)['webSocketDebuggerUrl']).toBe(
      `ws://127.0.0.1:${port}${path}`,
    );
    expect(await ask('list')).toMatchObject([{ type: 'page', url: 'about:blank' }]);
    const { id } = (await ask(`new?${PAGE}`, 'PUT')) as { id: string };
    expect(((await ask('list')) as { id: string }[]).map((one) => one.id)).toContain(id);
    const other = await fetch(`http://127.0.0.1:${port}/json/list`, {
      headers: { origin: 'http://evil.example' },
    });
    expect(other.status).toBe(403);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    await nobodyLeft();
  }, 60_000);

  it('says why, and ends with 1, when cdpmux stops', async () => {
    const other = await startProcess([]);
    const child = spawn(LAUNCHER, ['--headless', '--remote-debugging-port=0'], {
      env: { ...env, CDPMUX_URL: other.wsUrl },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      await eventually(() => said.includes('listening'), { within: 30_000 });
      const exit = once(child, 'exit');
      other.kill('SIGINT');
      expect(await exit).toEqual([1, null]);
      const words = 'cdpmux-chrome: cdpmux ended this browser (1001: ';
      await eventually(() => said.includes(words), { within: 20_000, what: words });
    } finally {
      child.kill('SIGKILL');
      await other.close();
    }
  }, 60_000);

  it('prints the version as Chrome does, found on PATH through a link', async () => {
    const bin = join(cdpmux.tmp, 'bin');
    await mkdir(bin);
    await symlink(relative(bin, LAUNCHER), join(bin, 'cdpmux-chrome'));
    const path = `${bin}:${env['PATH']}`;
    const { stdout } = await run('cdpmux-chrome', ['--version'], { env: { ...env, PATH: path } });
    expect(stdout).toMatch(/^Chromium \d+\.\d+\.\d+\.\d+\n$/);
  }, 60_000);

  it('says what to do where nobody answers, and where nobody could reach it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const nobody = run(LAUNCHER, ['--remote-debugging-port=0'], {
      env: { ...env, CDPMUX_URL: `ws://127.0.0.1:${port}/` },
    });
    await expect(nobody).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('correct CDPMUX_URL'),
    });
    await expect(run(LAUNCHER, ['--dump-dom'], { env })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--remote-debugging-pipe'),
    });
  }, 60_000);

  const driver = '/usr/bin/chromedriver';
  (existsSync(driver) ? it : it.skip)(
    'is a binary for chromedriver',
    async () => {
      const child = spawn(driver, ['--port=0'], {
        env: { ...env, HOME: cdpmux.tmp },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let said = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
        await eventually(() => /on port \d+\.\n/.test(said), {
          within: 20_000,
          what: 'the port of chromedriver',
        });
        const base = `http://127.0.0.1:${/on port (\d+)\.\n/.exec(said)?.[1]}/session`;
        const call = async (path: string, body?: object, method = 'POST'): Promise<{ value: never }> =>
          (await (
            await fetch(`${base}${path}`, { method, ...(body && { body: JSON.stringify(body) }) })
          ).json()) as never;
        const options = { binary: LAUNCHER, args: ['--headless'] };
        const { value } = await call('', {
          capabilities: { alwaysMatch: { 'goog:chromeOptions': options } },
        });
        const { sessionId } = value as { sessionId: string };
        await call(`/${sessionId}/url`, { url: PAGE });
        expect(await call(`/${sessionId}/title`, undefined, 'GET')).toEqual({ value: 'pooled' });
        await call(`/${sessionId}`, undefined, 'DELETE');
        await nobodyLeft();
      } finally {
        child.kill();
        await once(child, 'exit');
      }
    },
    60_000,
  );
});

describe('cdpmux-chrome without a cdpmux', () => {
  it('starts one for 20 at once, which ends after its last client', async () => {
    const tmp = await mkdtemp(join(tmpdir(), 'cdpmux-shared-'));
    const env = {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: tmp,
      CDPMUX_CHROME: chromeExecutable(),
      CDPMUX_SHUTDOWN_WHEN_IDLE: '1s',
      // none is looked for there
      CDPMUX_LISTEN_PORT: '0',
    };
    try {
      const launches = Array.from({ length: 20 }, () =>
        puppeteer.launch({ executablePath: LAUNCHER, env, pipe: true, timeout: 100_000 }),
      );
      const browsers = await Promise.all(launches);
      expect(await Promise.all(browsers.map(titleIn))).toEqual(Array.from({ length: 20 }, () => 'pooled'));
      expect(readdirSync(tmp).filter((name) => name.startsWith('cdpmux-profile-'))).toHaveLength(1);
      await Promise.all(browsers.map((browser) => browser.close()));
      await eventually(() => processesNaming(tmp).length === 0, { within: 30_000, what: 'the end of all' });
      const [shared, ...others] = readdirSync(tmp);
      expect(others).toEqual([]);
      expect(readdirSync(join(tmp, shared ?? ''))).toEqual([]);
    } finally {
      await rm(tmp, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
  }, 180_000);
});

describe('the flags that select a Chrome of its own', () => {
  it('are all on the allow list', () => {
    const unknown = [...exclusiveFlags].filter(
      (name) => !flagsForAnyone.has(name) && !flagsForLocal.has(name),
    );
    expect(unknown).toEqual([]);
  });

  it.each([
    ['--window-size=1280,720', { windowSize: '1280,720' }, []],
    ['--window-size=wide', {}, ['--window-size=wide']],
    ['--user-agent=Own/1 (x)', { userAgent: 'Own/1 (x)' }, []],
    ['--user-agent=', {}, []],
    ['--user-agent= Own', {}, ['--user-agent= Own']],
  ])('are not these, which a virtual browser can have, or goes without: %s', (flag, parameters, leftOut) => {
    const invocation = readCommandLine(['--headless', '--remote-debugging-port=0', flag]);
    const wish = invocation.kind === 'browser' ? invocation.wish : undefined;
    expect(Object.fromEntries(wish?.parameters ?? [])).toEqual(parameters);
    expect(wish?.leftOut).toEqual(leftOut);
  });
});
