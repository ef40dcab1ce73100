import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../proxy/config.js';
import { ask } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';

const admin = { authorization: 'Bearer secret-of-ops' };

let folder: string;
let cdpmux: CdpmuxProcess;
const inFolder = (name: string): string => join(folder, name);
const [cert, key] = [() => inFolder('cert.pem'), () => inFolder('key.pem')];

/** A certificate for 127.0.0.1 that signs itself. */
function makeCertificate(name: string): void {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      .concat(['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'])
      .concat(['-keyout', inFolder(`${name}.key`), '-out', inFolder(`${name}.pem`)]),
    { stdio: 'ignore' },
  );
}
async function use(name: string): Promise<void> {
  await copyFile(inFolder(`${name}.pem`), cert());
  await copyFile(inFolder(`${name}.key`), key());
}
/** Whose certificate a new connection is shown. */
async function shown(): Promise<string> {
  const { hostname, port } = new URL(cdpmux.url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject }: PeerCertificate = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cdpmux-tls-'));
  for (const name of ['first', 'second']) makeCertificate(name);
  await use('first');
  const tls = { cert: cert(), key: key() };
  const tokens = [{ name: 'ops', secret: 'secret-of-ops', admin: true }];
  await writeFile(inFolder('cdpmux.json'), JSON.stringify({ listen: { tls }, auth: { tokens } }));
  cdpmux = await startProcess(['--config', inFolder('cdpmux.json')]);
});
afterAll(async () => {
  await cdpmux.close();
  await rm(folder, { recursive: true });
});

const trusting = async (name: string) => ({
  headers: admin,
  ca: await readFile(inFolder(`${name}.pem`), 'utf8'),
});

describe('with a certificate', () => {
  it('clients come by wss, to the URLs that they are given', async () => {
    expect(cdpmux.wsUrl).toMatch(/^wss:/);
    const trust = await trusting('first');
    const { body } = await ask(`${cdpmux.url}/json/version`, trust);
    const { webSocketDebuggerUrl } = JSON.parse(body) as { webSocketDebuggerUrl: string };
    expect(webSocketDebuggerUrl).toMatch(new RegExp(`^${cdpmux.wsUrl}devtools/browser/`));
    const client = await CdpClient.connect(webSocketDebuggerUrl, trust);
    const { sessionId } = await client.newPage();
    const expression = '"x".repeat(5e6)';
    const { result } = await client.send<{ result: { value: string } }>(
      'Runtime.evaluate',
      { expression },
      sessionId,
    );
    expect(result.value).toHaveLength(5_000_000);
    await client.close();
  });

  it('nothing is said in plain', async () => {
    const socket = connect(Number(new URL(cdpmux.url).port), '127.0.0.1');
    socket.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    let said = '';
    socket.on('data', (data) => (said += String(data)));
    socket.on('error', () => undefined);
    await once(socket, 'close');
    expect(said).not.toMatch(/HTTP\/1\.1 200|^ok/m);
  });

  it('a reload takes the new one, and who is connected stays', async () => {
    expect(await shown()).toBe('first');
    const client = await CdpClient.connect(cdpmux.wsUrl, await trusting('first'));
    await use('second');
    const asking = { method: 'POST', ...(await trusting('first')) };
    const { body } = await ask(`${cdpmux.url}/api/v1/reload`, asking);
    expect(JSON.parse(body)).toMatchObject({
      applied: { settings: ['listen.tls.cert', 'listen.tls.key'] },
      needsRestart: [],
    });
    expect(await shown()).toBe('second');
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    await (await CdpClient.connect(cdpmux.wsUrl, await trusting('second'))).close();
    await client.close();
  });

  it('a reload refuses one whose key is another, and the old one goes on', async () => {
    await copyFile(inFolder('first.key'), key());
    cdpmux.kill('SIGHUP');
    await eventually(() => cdpmux.err().includes('not reloaded'));
    expect(cdpmux.err()).toContain('must be a PEM certificate that belongs to listen.tls.key');
    expect(await shown()).toBe('second');
    await use('second');
  });
});

describe('the settings of a certificate', () => {
  const problemsOf = (...set: string[]): readonly string[] => {
    try {
      loadConfig({ flags: { set } });
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    throw new Error('the configuration was accepted');
  };

  it('come together', () => {
    const [one, other] = [`listen.tls.cert=${cert()}`, `listen.tls.key=${key()}`];
    expect(problemsOf(one)).toEqual([
      expect.stringMatching(/^listen\.tls\.key .* set where listen\.tls\.cert is/),
    ]);
    expect(problemsOf(other)).toEqual([expect.stringMatching(/^listen\.tls\.cert .* set where/)]);
    expect(loadConfig({ flags: { set: [one, other] } }).tls?.cert).toContain('BEGIN CERTIFICATE');
  });

  it('name files that are there, belong together and are PEM', () => {
    const with_ = (certFile: string, keyFile: string) =>
      problemsOf(`listen.tls.cert=${inFolder(certFile)}`, `listen.tls.key=${inFolder(keyFile)}`);
    expect(with_('none.pem', 'none.key')).toEqual([
      expect.stringMatching(/^listen\.tls\.cert = ".*none\.pem": must be a readable PEM file \(ENOENT\)/),
      expect.stringMatching(/^listen\.tls\.key = ".*none\.key": must be a readable PEM file \(ENOENT\)/),
    ]);
    for (const [certFile, keyFile] of [
      ['first.pem', 'second.key'],
      ['cdpmux.json', 'first.key'],
      ['first.pem', 'cdpmux.json'],
    ] as const) {
      expect(with_(certFile, keyFile)).toEqual([
        expect.stringMatching(/must be a PEM certificate that belongs to/),
      ]);
    }
  });
});
