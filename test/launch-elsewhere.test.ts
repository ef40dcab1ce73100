import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import puppeteer from 'puppeteer-core';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { IN_NODE, LAUNCHER, launchByHand } from './support/launcher.js';
import { selfSigned } from './support/secure-site.js';

const SECRET = 'secret-of-ci';
const tokens = `auth.tokens=${JSON.stringify([{ name: 'ci', secret: SECRET, admin: true }])}`;
const authorization = `Bearer ${SECRET}`;
const run = promisify(execFile);

let cdpmux: CdpmuxProcess;
const env = (more: Record<string, string>): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  TMPDIR: cdpmux.tmp,
  ...more,
});

/** One that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await promisify(server.close.bind(server))();
  return port;
}

async function titleBy(
  executablePath: string,
  pipe: boolean,
  given: Record<string, string>,
): Promise<string> {
  const browser = await puppeteer.launch({ executablePath, pipe, env: env(given), timeout: 60_000 });
  try {
    const page = await browser.newPage();
    await page.goto('data:text/html,<title>pooled</title>');
    return await page.title();
  } finally {
    await browser.close();
  }
}

describe('cdpmux-chrome and a cdpmux with tokens', () => {
  beforeAll(async () => {
    cdpmux = await startProcess(['--set', tokens]);
  }, 60_000);
  afterAll(() => cdpmux.close(), 60_000);

  const withToken = (): string => `${cdpmux.wsUrl}?label.a=b&token=${SECRET}&label.c=d`;

  it.each([
    ['its URL, by the script', LAUNCHER, 'bash', () => ({ CDPMUX_URL: withToken() })],
    [
      'CDPMUX_TOKEN, by the script',
      LAUNCHER,
      'bash',
      () => ({ CDPMUX_URL: cdpmux.wsUrl, CDPMUX_TOKEN: SECRET }),
    ],
    ['its URL, by Node', IN_NODE, 'node', () => ({ CDPMUX_URL: withToken() })],
    ['CDPMUX_TOKEN, by Node', IN_NODE, 'node', () => ({ CDPMUX_URL: cdpmux.wsUrl, CDPMUX_TOKEN: SECRET })],
  ])('comes in with a token in %s', async (_what, path, interpreter, given) => {
    const { child, interpreter: used, address, exited } = await launchByHand(path, 'port', env(given()));
    expect(used()).toBe(interpreter);
    // who has the port needs no token, as with a Chrome
    const list = await fetch(`http://127.0.0.1:${address().port}/json/list`);
    expect(await list.json()).toMatchObject([{ type: 'page', url: 'about:blank' }]);
    const { virtualBrowsers } = (await (
      await fetch(`${cdpmux.url}/api/v1/virtual-browsers`, { headers: { authorization } })
    ).json()) as { virtualBrowsers: { clients: { labels: object }[] }[] };
    expect(virtualBrowsers).toHaveLength(1);
    if ('CDPMUX_TOKEN' in given()) expect(await titleBy(path, true, given())).toBe('pooled');
    else expect(JSON.stringify(virtualBrowsers)).toContain('"a":"b","c":"d"');
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    await eventually(async () => {
      const status = await fetch(`${cdpmux.url}/api/v1/status`, { headers: { authorization } });
      return ((await status.json()) as { virtualBrowsers: number }).virtualBrowsers === 0;
    });
  });

  it.each([LAUNCHER, IN_NODE])('says what is wrong with a token, by %s', async (path) => {
    const given = env({ CDPMUX_URL: cdpmux.wsUrl, CDPMUX_TOKEN: 'another-secret' });
    await expect(
      run(path, ['--headless', '--remote-debugging-port=0'], { env: given }),
    ).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('This token is none of those that cdpmux knows'),
    });
  });

  it('listens at no port of a stranger’s choice', async () => {
    const port = await freePort();
    const texts = `\0\0--headless\0--remote-debugging-port=${port}\0`;
    const headers = {
      ...{ connection: 'Upgrade', upgrade: 'cdpmux-launch', authorization },
      'cdpmux-length': String(Buffer.byteLength(texts)),
    };
    const asking = request(cdpmux.url, { headers });
    asking.end();
    const [, socket] = (await once(asking, 'upgrade')) as [unknown, Socket];
    socket.write(texts);
    expect(await text(socket)).toBe('node \n');
    await expect(fetch(`http://127.0.0.1:${port}/json/version`)).rejects.toThrow('fetch failed');
  });

  it.each([
    ['pipe', LAUNCHER],
    ['port', LAUNCHER],
    ['pipe', IN_NODE],
    ['port', IN_NODE],
  ] as const)('says why, and ends with 1, when the Chrome is lost, by %s and %s', async (how, path) => {
    const { exited, said } = await launchByHand(path, how, env({ CDPMUX_URL: withToken() }));
    const { browsers } = (await (
      await fetch(`${cdpmux.url}/api/v1/browsers`, { headers: { authorization } })
    ).json()) as { browsers: { pid: number; state: string }[] };
    process.kill(browsers.find(({ state }) => state === 'ready')?.pid ?? 0, 'SIGKILL');
    expect(await exited).toEqual([1, null]);
    // What it said last may be read after its end.
    await eventually(() => said().endsWith('launch it again.\n'), { what: 'the reason' });
    expect(said()).toMatch(/cdpmux-chrome: cdpmux ended this browser \(4502: .*\); launch it again\.\n$/);
  });
});

describe('cdpmux-chrome and a cdpmux behind TLS', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cdpmux-certificate-'));
    const { key, cert } = selfSigned();
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'cert.pem'), cert);
    const tls = ['cert', 'key'].flatMap((one) => [
      '--set',
      `listen.tls.${one}=${join(folder, `${one}.pem`)}`,
    ]);
    cdpmux = await startProcess(['--set', tokens, ...tls]);
  }, 60_000);
  afterAll(async () => {
    await cdpmux.close();
    await rm(folder, { recursive: true });
  }, 60_000);

  it.each([true, false])('gives a page to who trusts it, with pipe: %p', async (pipe) => {
    const NODE_EXTRA_CA_CERTS = join(folder, 'cert.pem');
    const given = { CDPMUX_URL: cdpmux.wsUrl, CDPMUX_TOKEN: SECRET, NODE_EXTRA_CA_CERTS };
    expect(cdpmux.wsUrl).toMatch(/^wss:/);
    expect(await titleBy(LAUNCHER, pipe, given)).toBe('pooled');
  });

  it('says what is wrong where it is not trusted', async () => {
    const given = env({ CDPMUX_URL: cdpmux.wsUrl, CDPMUX_TOKEN: SECRET });
    await expect(run(LAUNCHER, ['--remote-debugging-port=0'], { env: given })).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('self-signed certificate'),
    });
  });
});
