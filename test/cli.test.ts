import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, it, expect } from '@jest/globals';
import { WebSocket } from 'ws';
import { chromeExecutable } from './support/chrome.js';
import { eventually } from './support/eventually.js';
import { processesNaming } from './support/processes.js';

const MAIN = 'dist/proxy/main.js';
/** 3 s are promised on a machine with a Chrome installed; tests run beside others. */
const START_DEADLINE = 15_000;
const STOP_DEADLINE = 5_000;

type Exit = [code: number | null, signal: NodeJS.Signals | null];

/** A cdpmux as a user starts it, in a process and with a temporary directory of its own. */
interface Cdpmux {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly tmp: string;
  readonly exited: Promise<Exit>;
  out(): string;
  err(): string;
}

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

beforeAll(() => {
  const built = spawnSync(process.execPath, ['scripts/build-if-stale.mjs'], {
    encoding: 'utf8',
  });
  if (built.status !== 0) throw new Error(`the build failed: ${built.stdout}${built.stderr}`);
}, 120_000);

async function temporary(): Promise<string> {
  const tmp = await mkdtemp(join(tmpdir(), 'cdpmux-cli-'));
  cleanUps.push(() => rm(tmp, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return tmp;
}

/** Nothing of the tests' own environment but PATH gets in: a variable of the machine must not decide. */
function run(args: readonly string[], tmp: string, env: Record<string, string> = {}): Cdpmux {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], TMPDIR: tmp, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<Exit>;
  cleanUps.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    // Chrome ends by itself when its pipe does; the directory can only be removed after that
    await eventually(() => processesNaming(tmp).length === 0, { within: 10_000, what: 'the end of Chrome' });
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return { child, pid: child.pid ?? -1, tmp, exited, out: () => out, err: () => err };
}

/** Starts one on a free port and waits until it has said its lines; the installed Chrome unless told otherwise. */
async function serve(
  args: readonly string[] = ['--chrome', chromeExecutable()],
  within = START_DEADLINE,
  tmp?: string,
): Promise<Cdpmux & { port: number }> {
  const cdpmux = run([...args, '--port', '0'], tmp ?? (await temporary()));
  const { child } = cdpmux;
  const isUp = (): boolean => {
    if (child.exitCode !== null) throw new Error(`cdpmux ended: ${cdpmux.err()}`);
    return cdpmux.out().split('\n').length > 3;
  };
  await eventually(isUp, { within, what: 'a running cdpmux' });
  return { ...cdpmux, port: Number(/ws:\/\/127\.0\.0\.1:(\d+)\//.exec(cdpmux.out())?.[1]) };
}

async function versionAt(port: number): Promise<Record<string, string>> {
  const response = await fetch(`http://127.0.0.1:${port}/json/version`);
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, string>;
}

const chromesOf = ({ tmp, pid }: Cdpmux): number[] => processesNaming(tmp).filter((one) => one !== pid);

describe('cdpmux', () => {
  it('says where it listens, which Chrome it has and a line to paste, and answers', async () => {
    const chrome = chromeExecutable();
    const cdpmux = await serve(['--chrome', chrome]);
    const { Browser, webSocketDebuggerUrl } = await versionAt(cdpmux.port);
    const url = `ws://127.0.0.1:${cdpmux.port}/`;
    expect(webSocketDebuggerUrl).toMatch(new RegExp(`^${url}devtools/browser/`));
    const [first, second, third, ...rest] = cdpmux.out().split('\n');
    expect(first).toContain(url);
    for (const part of [Browser, chrome, /\bshell\b|\bchrome\b/, 'option']) {
      expect(second).toMatch(part ?? 'nothing');
    }
    expect(third).toContain(`const browser = await puppeteer.connect({ browserWSEndpoint: '${url}' })`);
    expect(rest).toEqual(['']);
    const lines = cdpmux
      .err()
      .split('\n')
      .filter((line) => line !== '');
    const told = lines.map((line) => JSON.parse(line) as { level: number; event?: string });
    expect(told.map(({ event }) => event)).toContain('browser.ready');
    expect(told.filter(({ level }) => level > 30)).toEqual([]);
  });

  it('also takes the word serve', async () => {
    const cdpmux = await serve(['serve', '--chrome', chromeExecutable()]);
    expect(await versionAt(cdpmux.port)).toHaveProperty('Browser');
  });

  it('takes the embedded Chrome when told, though another is installed', async () => {
    const cdpmux = await serve(['--chrome', 'embedded'], 60_000);
    expect(cdpmux.out()).toMatch(/^Chrome: .*cdpmux-chromium-.*embedded\)$/m);
    expect(await versionAt(cdpmux.port)).toHaveProperty('Browser');
  }, 90_000);

  it('reads the file, then the environment, then flags', async () => {
    const tmp = await temporary();
    const file = join(tmp, 'cdpmux.json');
    await writeFile(file, '{ // all wrong\n "listen": {"port": "a"}, "browsers": {"min": "b", "max": "c"} }');
    const env = { CDPMUX_BROWSERS_MIN: 'd', CDPMUX_LISTEN_PORT: 'e' };
    const cdpmux = run(['--config', file, '--port', 'f'], tmp, env);
    expect(await cdpmux.exited).toEqual([2, null]);
    for (const part of ['"f" (--port)', '"d" (CDPMUX_BROWSERS_MIN)', `"c" (${file})`]) {
      expect(cdpmux.err()).toContain(part);
    }
    expect(cdpmux.err()).not.toMatch(/"[abe]"/);
  });
});

describe('cdpmux leaves no process and no directory', () => {
  it('after SIGINT, which waits for no client', async () => {
    const cdpmux = await serve();
    const socket = new WebSocket(`ws://127.0.0.1:${cdpmux.port}/`);
    await once(socket, 'open');
    expect(chromesOf(cdpmux).length).toBeGreaterThan(0);
    expect(await readdir(cdpmux.tmp)).toHaveLength(1);

    const closed = once(socket, 'close') as Promise<[code: number]>;
    const late = AbortSignal.timeout(STOP_DEADLINE);
    cdpmux.child.kill('SIGINT');
    const ended = Promise.race([
      cdpmux.exited,
      once(late, 'abort').then(() => `not within ${STOP_DEADLINE} ms`),
    ]);
    expect(await ended).toEqual([0, null]);
    expect((await closed)[0]).toBe(1001);
    expect(chromesOf(cdpmux)).toEqual([]);
    expect(await readdir(cdpmux.tmp)).toEqual([]);
  });

  it('after a signal that comes while it starts', async () => {
    const cdpmux = run(['--port', '0', '--chrome', chromeExecutable()], await temporary());
    await eventually(() => chromesOf(cdpmux).length > 0, { within: START_DEADLINE, what: 'a Chrome' });
    cdpmux.child.kill('SIGTERM');
    expect(await cdpmux.exited).toEqual([0, null]);
    expect(chromesOf(cdpmux)).toEqual([]);
    expect(await readdir(cdpmux.tmp)).toEqual([]);
  });

  it('after kill -9: Chrome ends by itself, and the next start sweeps the directory', async () => {
    const killed = await serve();
    const [profile] = await readdir(killed.tmp);
    killed.child.kill('SIGKILL');
    await killed.exited;
    await eventually(() => chromesOf(killed).length === 0, { what: 'the end of Chrome' });
    expect(await readdir(killed.tmp)).toEqual([profile]);

    const next = await serve(undefined, undefined, killed.tmp);
    const left = await readdir(next.tmp);
    expect(left).toHaveLength(1);
    expect(left).not.toContain(profile);
  });
});

describe('cdpmux whose output nobody reads any more', () => {
  it('goes on serving', async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    await once(probe.close(), 'close');
    const cdpmux = run(['--chrome', chromeExecutable(), '--port', String(port)], await temporary());
    cdpmux.child.stdout?.destroy();
    const isReady = async (): Promise<boolean> => {
      try {
        return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
      } catch {
        return false;
      }
    };
    await eventually(isReady, { within: START_DEADLINE, what: 'a running cdpmux' });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    socket.send('{"id":1,"method":"Target.createTarget","params":{"url":"about:blank"}}');
    await once(socket, 'message');
    cdpmux.child.kill('SIGINT');
    expect(await cdpmux.exited).toEqual([0, null]);
    expect(cdpmux.err()).not.toContain('EPIPE');
  });
});

describe('cdpmux that is told twice', () => {
  it('ends without waiting for clients, and Chrome ends with it', async () => {
    const cdpmux = await serve();
    cdpmux.child.kill('SIGTERM');
    await eventually(() => cdpmux.err().includes('"stopping"'), { what: 'the first signal' });
    cdpmux.child.kill('SIGINT');
    const [code, signal] = await cdpmux.exited;
    // 0 when it was done before the second one came
    expect([0, 1]).toContain(code);
    expect(signal).toBeNull();
    await eventually(() => chromesOf(cdpmux).length === 0, { what: 'the end of Chrome' });
  });
});

describe('cdpmux that cannot start', () => {
  it('lists everything that is wrong with the configuration, and exits with 2', async () => {
    const args = ['--port', '70000', '--set', 'browsers.virtualPerBrowser=0', '--set', 'listen.prot=1'];
    const cdpmux = run([...args, '--upstream', 'ftp://x'], await temporary(), {
      CDPMUX_QUEUE_TIMEOUT: 'soon',
    });
    expect(await cdpmux.exited).toEqual([2, null]);
    for (const line of [
      /listen\.port = "70000" \(--port\): .*0 to 65535/,
      /browsers\.virtualPerBrowser = "0" \(--set\): .*1 to 1000/,
      /listen\.prot \(--set\): unknown key; did you mean listen\.port\?/,
      /browsers\.upstreams = \["ftp:\/\/x"\] \(--upstream\): /,
      /queue\.timeout = "soon" \(CDPMUX_QUEUE_TIMEOUT\): /,
    ]) {
      expect(cdpmux.err()).toMatch(line);
    }
    expect(cdpmux.out()).toBe('');
  });

  it('says that it would be open to the network', async () => {
    const cdpmux = run(['--host', '0.0.0.0'], await temporary());
    expect(await cdpmux.exited).toEqual([2, null]);
    expect(cdpmux.err()).toMatch(/listen\.host = "0\.0\.0\.0" \(--host\): .*listen\.insecure=true/);
  });

  it.each([
    ['--no-such-flag'],
    ['no-such-command'],
    ['serve', '--port'],
    ['--config', '/does/not/exist.json'],
  ])('exits with 2 on %s', async (...args) => {
    const cdpmux = run(args, await temporary());
    expect(await cdpmux.exited).toEqual([2, null]);
    expect(cdpmux.err()).toContain(args.at(-1));
  });

  it('says that the port is in use, and leaves no Chrome', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    cleanUps.push(() => new Promise((resolve) => other.close(resolve)));
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const cdpmux = run(['--port', String(port), '--chrome', chromeExecutable()], await temporary());
    expect(await cdpmux.exited).toEqual([1, null]);
    expect(cdpmux.err()).toMatch(new RegExp(`\\b${port}\\b.*in use`));
    expect(cdpmux.err()).not.toMatch(/^\s+at /m);
    expect(chromesOf(cdpmux)).toEqual([]);
    expect(await readdir(cdpmux.tmp)).toEqual([]);
  });

  it.each([
    ['is not there', '/does/not/exist', /\/does\/not\/exist.*no such executable/],
    ['is no Chrome', '/bin/false', /\/bin\/false|Chrome/],
  ])('says that the Chrome %s', async (_what, chrome, message) => {
    const cdpmux = run(['--port', '0', '--chrome', chrome], await temporary());
    expect(await cdpmux.exited).toEqual([1, null]);
    expect(cdpmux.err()).toMatch(message);
    expect(cdpmux.err()).not.toMatch(/^\s+at /m);
    expect(await readdir(cdpmux.tmp)).toEqual([]);
  });
});

describe('cdpmux --print-config', () => {
  it('prints each value with its source, without secrets, and ends', async () => {
    const tmp = await temporary();
    const file = join(tmp, 'cdpmux.json');
    const tokens = [{ name: 'ci', secret: 'secret-of-ci', weight: 3 }];
    await writeFile(file, JSON.stringify({ auth: { tokens }, pools: { pdf: { browsers: { max: 3 } } } }));
    const upstream = 'wss://user:word@chrome.test/?token=key-of-upstream&a=b';
    const args = ['--print-config', '--config', file, '--port', '7'];
    const env = { CDPMUX_BROWSERS_UPSTREAMS: upstream, CDPMUX_POLICY_TRUST: 'local' };
    for (const words of [args, ['serve', ...args]]) {
      const shown = run(words, tmp, env);
      expect(await shown.exited).toEqual([0, null]);
      expect(JSON.parse(shown.out())).toMatchObject({
        'listen.port': { value: 7, source: '--port' },
        'listen.host': { value: '127.0.0.1', source: 'default' },
        'auth.tokens': { value: [{ name: 'ci', secret: '(hidden)', weight: 3 }], source: file },
        'browsers.upstreams': {
          value: ['wss://(hidden)@chrome.test/?token=(hidden)&a=(hidden)'],
          source: 'CDPMUX_BROWSERS_UPSTREAMS',
        },
        'browsers.max': { value: 0, source: 'default' },
        'pools.pdf.browsers.max': { value: 3, source: file },
        'pools.pdf.browsers.kind': { value: 'auto', source: 'as browsers.kind' },
        'admin.port': { value: null, source: 'default' },
      });
      expect(shown.out() + shown.err()).not.toMatch(/secret-of-ci|key-of-upstream|word@/);
      expect(chromesOf(shown)).toEqual([]);
    }
  });

  it('tells what is wrong instead, with code 2', async () => {
    const shown = run(['--print-config', '--port', 'x'], await temporary());
    expect(await shown.exited).toEqual([2, null]);
    expect([shown.out(), shown.err()]).toEqual(['', expect.stringContaining('listen.port = "x" (--port)')]);
  });
});

describe('cdpmux --help and --version', () => {
  it('show examples and the version of the package', async () => {
    const tmp = await temporary();
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const shown = run(['--version'], tmp);
    expect(await shown.exited).toEqual([0, null]);
    expect(shown.out()).toBe(`${version}\n`);
    const help = run(['--help'], tmp);
    expect(await help.exited).toEqual([0, null]);
    expect(help.out()).toContain('cdpmux --port 0');
    expect(help.out()).toContain('CDPMUX_LISTEN_PORT');
  });

  it('show the flags of serve', async () => {
    const help = run(['serve', '--help'], await temporary());
    expect(await help.exited).toEqual([0, null]);
    for (const flag of ['--port', '--host', '--chrome', '--upstream', '--config', '--log-level', '--set']) {
      expect(help.out()).toContain(`${flag} <`);
    }
  });
});
