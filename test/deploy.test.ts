import { execFile, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, it, expect } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';

const run = promisify(execFile);
const root = process.cwd();
const SIDECAR = 'k8s/sidecar';

interface Container {
  name: string;
  image: string;
  restartPolicy?: string;
  command?: string[];
  args?: string[];
  env: { name: string; value: string }[];
  ports: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  securityContext: Record<string, unknown>;
  volumeMounts: { name: string; mountPath: string }[];
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Deployment {
  kind: string;
  spec: {
    template: {
      spec: {
        securityContext: Record<string, unknown>;
        initContainers: Container[];
        containers: Container[];
        volumes: {
          name: string;
          emptyDir?: { medium?: string };
          configMap?: { name: string };
        }[];
      };
    };
  };
}

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An address that is not loopback, as the kubelet uses; loopback where the machine has no other. */
function podAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}

/** The status, as a probe sees it; 0 when nobody answers. */
function statusOf(host: string, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    get({ host, port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    }).once('error', () => resolve(0));
  });
}

/** Waits for a condition that only a live process can bring about. */
async function until(what: string, condition: () => Promise<boolean>, of: Started): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    const ended = of.child.exitCode !== null || of.child.signalCode !== null;
    if (ended || Date.now() > deadline) throw new Error(`${what} did not come about; it said: ${of.said()}`);
    await delay(50);
  }
}

interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<[code: number | null, signal: string | null]>;
  /** Where it puts its temporary files. */
  readonly tmp: string;
  said(): string;
}

/** Runs what a container would run, with nothing in its environment but what the container has. */
async function start(argv: readonly string[], env: Record<string, string>): Promise<Started> {
  const tmp = await mkdtemp(join(tmpdir(), 'cdpmux-deploy-'));
  cleanUps.push(() => rm(tmp, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  const [command = '', ...args] = argv;
  const PATH = process.env['PATH'] ?? '';
  const child: ChildProcess = spawn(command === 'node' ? process.execPath : command, args, {
    cwd: root,
    env: { PATH, TMPDIR: tmp, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Started['exited'];
  cleanUps.push(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let said = '';
  child.stdout?.on('data', (text: Buffer) => (said += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
  return { child, exited, tmp, said: () => said };
}

describe('deploy/Dockerfile', () => {
  /** `[instruction, rest]`, comments dropped and continued lines joined. */
  const instructions = readFileSync('deploy/Dockerfile', 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): [string, string] => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), line.slice(at + 1)];
    });
  const lastOf = (name: string): string => {
    const found = instructions.findLast(([instruction]) => instruction === name)?.[1];
    if (found === undefined) throw new Error(`the Dockerfile has no ${name}`);
    return found;
  };
  const execForm = (text: string): string[] => (JSON.parse(text) as string[]).map(inCheckout);
  const inCheckout = (word: string): string => word.replace(/^\/app\//, `${root}/`);
  const env = Object.fromEntries(
    instructions.filter(([name]) => name === 'ENV').map(([, text]) => text.split('=') as [string, string]),
  );

  it('copies only what is there and what the build is sent', () => {
    const sources = instructions
      .filter(([name, text]) => name === 'COPY' && !text.startsWith('--from'))
      .flatMap(([, text]) => text.split(' ').slice(0, -1))
      .map((source) => source.replace(/\/$/, ''));
    expect(sources).toEqual(expect.arrayContaining(['package.json', 'src', 'proxy']));
    expect(sources.filter((source) => !existsSync(source))).toEqual([]);
    const sent = readFileSync('deploy/Dockerfile.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(sources.filter((source) => !sent.includes(source))).toEqual([]);
  });

  it('builds with a script that package.json has', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object };
    const used = instructions.flatMap(([, text]) => /npm run (\S+)/.exec(text)?.slice(1) ?? []);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((script) => !(script in scripts))).toEqual([]);
  });

  it('runs as a user given by number, not root', () => {
    expect(lastOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it('starts cdpmux, is healthy by its own check, and ends on SIGTERM', async () => {
    const port = await freePort();
    const settings = { ...env, CDPMUX_LISTEN_PORT: String(port) };
    const image = await start([...execForm(lastOf('ENTRYPOINT')), ...execForm(lastOf('CMD'))], settings);
    const [, check = '[]'] = lastOf('HEALTHCHECK').split(' CMD ');
    const isHealthy = async (): Promise<boolean> => {
      const [, ...args] = execForm(check);
      return run(process.execPath, args, { env: settings }).then(
        () => true,
        () => false,
      );
    };
    await until('health', isHealthy, image);
    const version = await fetch(`http://127.0.0.1:${port}/json/version`);
    expect(await version.json()).toHaveProperty('webSocketDebuggerUrl');

    image.child.kill('SIGTERM');
    expect(await image.exited).toEqual([0, null]);
    expect(await readdir(image.tmp)).toEqual([]);
    expect(await isHealthy()).toBe(false);
  });
});

describe('k8s/sidecar', () => {
  const kubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
  const pod = (deployment: Deployment) => deployment.spec.template.spec;
  let spec: ReturnType<typeof pod>;
  let cdpmux: Container;
  let app: Container;

  beforeAll(() => {
    spec = pod(parse(readFileSync(join(SIDECAR, 'deployment.yaml'), 'utf8')) as Deployment);
    cdpmux = spec.initContainers.find(({ name }) => name === 'cdpmux')!;
    app = spec.containers.find(({ name }) => name === 'app')!;
  });

  (kubectl ? it : it.skip)('is built by kubectl kustomize', async () => {
    const { stdout } = await run('kubectl', ['kustomize', SIDECAR]);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Deployment);
    expect(objects.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment']);
    const map = objects.find(({ kind }) => kind === 'ConfigMap') as unknown as {
      metadata: { name: string };
      data: Record<string, string>;
    };
    expect(map.data['app.mjs']).toBe(readFileSync(join(SIDECAR, 'app.mjs'), 'utf8'));
    const built = pod(objects.find(({ kind }) => kind === 'Deployment')!);
    expect(built.volumes.find(({ configMap }) => configMap !== undefined)?.configMap?.name).toBe(
      map.metadata.name,
    );
    expect(built.initContainers.map(({ image }) => image)).toEqual([expect.stringMatching(/^cdpmux:\d/)]);
  });

  it('gives every container as few rights as it can', () => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const { securityContext } of [cdpmux, app]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('mounts only volumes that it has, shared memory from memory among them', () => {
    const volumes = new Map(spec.volumes.map((volume) => [volume.name, volume]));
    for (const { name } of [...cdpmux.volumeMounts, ...app.volumeMounts]) {
      expect(volumes.has(name)).toBe(true);
    }
    const mounted = (path: string) =>
      volumes.get(cdpmux.volumeMounts.find(({ mountPath }) => mountPath === path)?.name ?? '');
    expect(mounted('/dev/shm')?.emptyDir?.medium).toBe('Memory');
    expect(mounted(cdpmux.env.find(({ name }) => name === 'HOME')!.value)?.emptyDir).toBeDefined();
  });

  it('is ready by its own probes at the pod address and serves the app, on loopback only', async () => {
    const ports = new Map<string, string>();
    for (const port of ['9222', '9223', '8080']) ports.set(port, String(await freePort()));
    const moved = (text: string): string =>
      text.replace(/\b(?:9222|9223|8080)\b/g, (port) => ports.get(port)!);
    const envOf = ({ env }: Container) =>
      Object.fromEntries(
        env.filter(({ name }) => name !== 'HOME').map(({ name, value }) => [name, moved(value)]),
      );
    const answers = async (container: Container, probe: Probe | undefined): Promise<boolean> => {
      const { path, port: portName } = probe!.httpGet;
      const { containerPort } = container.ports.find(({ name }) => name === portName)!;
      const status = await statusOf(podAddress(), Number(moved(String(containerPort))), path);
      return status >= 200 && status < 400;
    };

    // Kubernetes takes the image's entrypoint where a container has no command.
    const sidecar = await start(
      [...(cdpmux.command ?? ['node', 'dist/proxy/main.js']), ...cdpmux.args!.map(moved)],
      envOf(cdpmux),
    );
    await until('start-up probe', () => answers(cdpmux, cdpmux.startupProbe), sidecar);
    expect(await answers(cdpmux, cdpmux.readinessProbe)).toBe(true);
    expect(await answers(cdpmux, cdpmux.livenessProbe)).toBe(true);
    const clientPort = Number(moved('9222'));
    const adminPort = Number(moved('9223'));
    expect(await statusOf('127.0.0.1', clientPort, '/json/version')).toBe(200);
    expect(await statusOf(podAddress(), adminPort, '/metrics')).toBe(200);
    expect(await statusOf(podAddress(), adminPort, '/json/version')).toBe(404);
    if (podAddress() !== '127.0.0.1') expect(await statusOf(podAddress(), clientPort, '/healthz')).toBe(0);

    const mount = app.volumeMounts.find(({ name }) => name === 'app')!.mountPath;
    const command = app.command!.map((word) => word.replace(`${mount}/`, `${SIDECAR}/`));
    const example = await start(command, envOf(app));
    await until('readiness probe of the app', () => answers(app, app.readinessProbe), example);
    const page = await fetch(`http://127.0.0.1:${moved('8080')}/`);
    expect(await page.text()).toMatch(/^rendered by Mozilla\/5\.0 .*Chrome/);

    // The order of the kubelet: the app first, then its sidecar.
    for (const { child, exited } of [example, sidecar]) {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    }
  });
});
