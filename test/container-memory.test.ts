import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ContainerMemory } from '../src/chrome/container-memory.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux } from './support/cdpmux.js';
import { problemsOf } from './support/config-problems.js';
import { eventually } from './support/eventually.js';
import { evaluate } from './support/page.js';

const MB = 1024 * 1024;
const within = 30_000;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Writes files of a kernel into a directory that stands for `/`. */
async function systemWith(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'cdpmux-system-'));
  closers.push(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) await put(root, path, text);
  return root;
}

async function put(root: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

const version2 = (limit: string, used: number, files = 0) => ({
  'memory.max': `${limit}\n`,
  'memory.current': `${used}\n`,
  'memory.stat': `anon 4096\nfile 8192\ninactive_anon 0\ninactive_file ${files}\nactive_file 12\n`,
});
const version1 = (limit: string, used: number, files = 0) => ({
  'memory.limit_in_bytes': `${limit}\n`,
  'memory.usage_in_bytes': `${used}\n`,
  'memory.stat': `cache 1\ninactive_file 7\nhierarchical_memory_limit ${limit}\ntotal_inactive_file ${files}\n`,
});
const below = (path: string, files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${path}/${name}`, text]));

describe('the memory limit of a container', () => {
  it('is read where the own group is the root of what is seen, without files that can be let go of', async () => {
    const root = await systemWith({
      'proc/self/cgroup': '0::/\n',
      ...below('sys/fs/cgroup', version2(String(512 * MB), 300 * MB, 50 * MB)),
    });
    expect(new ContainerMemory(root).read()).toEqual({ limit: 512 * MB, used: 250 * MB });
  });

  it('is that of the group which is nearest to its own, of all above', async () => {
    const root = await systemWith({
      'proc/self/cgroup': '0::/system.slice/cdpmux.service\n',
      ...below('sys/fs/cgroup/system.slice', version2(String(1_000 * MB), 950 * MB)),
      ...below('sys/fs/cgroup/system.slice/cdpmux.service', version2(String(800 * MB), 100 * MB)),
    });
    const container = new ContainerMemory(root);
    expect(container.read()).toEqual({ limit: 1_000 * MB, used: 950 * MB });
    await put(root, 'sys/fs/cgroup/system.slice/memory.current', String(200 * MB));
    expect(container.read()).toEqual({ limit: 800 * MB, used: 100 * MB });
  });

  it('is read from version 1, where the group of the host may be another name for the root of what is seen', async () => {
    const root = await systemWith({
      'proc/self/cgroup': '9:cpu,cpuacct:/x\n4:memory:/docker/0123\n0::/\n',
      ...below('sys/fs/cgroup/memory', version1(String(700 * MB), 600 * MB, 100 * MB)),
    });
    expect(new ContainerMemory(root).read()).toEqual({ limit: 700 * MB, used: 500 * MB });
  });

  it('is none where the kernel has none, and where it is more than there is', async () => {
    for (const files of [
      { 'proc/self/cgroup': '0::/a\n', ...below('sys/fs/cgroup/a', version2('max', 5 * MB)) },
      { 'proc/self/cgroup': '0::/a\n', ...below('sys/fs/cgroup/a', version2(String(2 * totalmem()), MB)) },
      {
        'proc/self/cgroup': '4:memory:/\n',
        ...below('sys/fs/cgroup/memory', version1('9223372036854771712', 5 * MB)),
      },
      {},
    ]) {
      expect(new ContainerMemory(await systemWith(files)).read()).toBeUndefined();
    }
  });

  it('is on this machine what its own files say', async () => {
    const use = new ContainerMemory().read();
    const said = await Promise.all(
      ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'].map((path) =>
        readFile(path, 'utf8').catch(() => 'none'),
      ),
    );
    const isLimited = said.some((text) => Number(text) > 0 && Number(text) < totalmem());
    if (isLimited) expect(use).toBeDefined();
    if (!use) return;
    expect(use.limit).toBeLessThan(totalmem());
    expect(use.used).toBeGreaterThan(process.memoryUsage.rss() / 4);
  });
});

describe('a container that is nearly full', () => {
  it('is told of, and the largest virtual browser of all goes first', async () => {
    const root = await systemWith({
      'proc/self/cgroup': '0::/\n',
      ...below('sys/fs/cgroup', version2(String(1_000 * MB), 400 * MB)),
    });
    const use = (mb: number): Promise<void> => put(root, 'sys/fs/cgroup/memory.current', String(mb * MB));
    const cdpmux = await startCdpmux(
      { 'browsers.min': 2, 'browsers.max': 2, 'browsers.virtualPerBrowser': 2 },
      { systemRoot: root },
    );
    closers.push(() => cdpmux.close());
    const types = (): string[] => cdpmux.mux.feed.after(0).map(({ type }) => type);
    const [started] = cdpmux.mux.feed.after(0).filter(({ type }) => type === 'memory.container');
    expect(started).toMatchObject({ level: 'info', fields: { limitMb: 1_000, sumMb: 1_200 } });
    expect(cdpmux.mux.stats()).toMatchObject({ container: { limitMb: 1_000, usedMb: 400 } });

    const holding = async (mb: number): Promise<CdpClient> => {
      const client = await CdpClient.connect(cdpmux.wsUrl);
      closers.push(() => client.close());
      await client.send('Mux.getInfo');
      const kept = `k=Array.from({length:${mb}},()=>new Array(131072).fill(Math.random()));1`;
      await evaluate(client, await client.newPage(), kept);
      return client;
    };
    const clients = [await holding(30), await holding(60), await holding(120), await holding(40)];
    const large = clients[2]!;
    // whose it is is found out a while after that it is held
    const held = (): number =>
      cdpmux.mux.virtualBrowsers().reduce((sum, { memory }) => sum + (memory?.heldMb ?? 0), 0);
    await eventually(() => held() > 250, { within, what: 'who holds what' });
    expect(new Set(cdpmux.mux.virtualBrowsers().map(({ browser }) => browser)).size).toBe(2);

    await use(850);
    const warning = await large.waitFor(({ method }) => method === 'Mux.memoryWarning', 'a warning');
    expect(warning.params).toMatchObject({
      of: 'container',
      heldMb: 850,
      softLimitMb: 800,
      hardLimitMb: 900,
    });
    expect(types()).not.toContain('memory.evicted');

    await use(920);
    const { code, reason } = await large.closed;
    await use(800);
    expect(code).toBe(4413);
    expect(reason).toMatch(
      /^memory: 1\d\d MB of 920 MB in this container, limit 900 MB \(memory\.container\.hardShare\)$/,
    );
    expect(types().filter((type) => type === 'memory.evicted')).toHaveLength(1);
    await use(600);
    await eventually(() => types().includes('memory.recovered'), { within, what: 'its recovery' });
    const { body } = await cdpmux.mux.metricsText();
    expect(body).toContain(`cdpmux_container_memory_limit_bytes ${1_000 * MB}`);
    expect(body).toContain(`cdpmux_container_memory_used_bytes ${600 * MB}`);
    expect(body).toMatch(/^cdpmux_memory_warnings_total\{scope="container"\} 1$/m);
    const others = clients.filter((client) => client !== large);
    const pages = others.map((client) => client.send('Target.getTargets'));
    expect(await Promise.all(pages)).toHaveLength(3);
  }, 120_000);

  it('has a soft limit below its hard one', () => {
    const sources = { flags: { set: ['memory.container.softShare=0.9', 'memory.container.hardShare=0.8'] } };
    expect(problemsOf(sources).join()).toContain('memory.container.hardShare');
  });
});
