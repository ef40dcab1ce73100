import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig, type Sources } from '../proxy/config.js';
import { ask, refusedUpgrade, type Answer } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';
import { processesNaming } from './support/processes.js';

/** Such as no log has by chance, and with what has to be encoded in a URL. */
const secrets = {
  inConfig: 'SECRET-in+config/1111',
  inEnv: 'SECRET-in+env/222222',
  inFile: 'SECRET-in+file/33333',
  mistyped: 'SECRET-mistyped/4444',
};
const forms = Object.values(secrets).flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('hex'),
]);

/** Where any form of any secret is found, as a list of what surrounds it. */
const leaksIn = (where: string): string[] =>
  forms.flatMap((form) => {
    const at = where.indexOf(form);
    return at < 0 ? [] : [where.slice(Math.max(0, at - 60), at + form.length + 20)];
  });

/** A collector that keeps what it is sent. */
async function openCollector() {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      bodies.push(body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { endpoint: `http://127.0.0.1:${port}`, bodies, close };
}

describe('a secret', () => {
  it('is in no log, answer, metric, span or child process of a cdpmux that is used and misused with it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cdpmux-secrets-'));
    const collector = await openCollector();
    const [config, file] = [join(folder, 'cdpmux.json'), join(folder, 'secret')];
    await writeFile(file, `${secrets.inFile}\n`);
    const tokens = [
      { name: 'one', secret: secrets.inConfig, maxVirtual: 2, maxPriority: 'low', modes: ['shared'] },
      { name: 'two', secretEnv: 'CI_TOKEN', admin: true },
      { name: 'three', secretFile: file },
    ];
    await writeFile(config, JSON.stringify({ log: { level: 'trace' }, auth: { tokens } }));
    const env = { CI_TOKEN: secrets.inEnv, OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
    const cdpmux = await startProcess(['--config', config], env);
    const answers: Answer[] = [];
    try {
      const ways = Object.values(secrets).flatMap((secret) => [
        { secret, query: `token=${encodeURIComponent(secret)}`, headers: {} },
        { secret, query: 'x', headers: { authorization: `Bearer ${secret}` } },
        { secret, query: 'x', headers: { 'x-cdpmux-token': secret } },
      ]);
      for (const { secret, query, headers } of ways) {
        // without /json/version and /json/list, whose URLs hold the token for who gave it in a query
        const api = ['status', 'browsers', 'virtual-browsers', 'connections', 'queue', 'virtual-browsers/x'];
        const paths = [...api.map((path) => `/api/v1/${path}`), '/openapi.json', '/metrics'];
        for (const path of [...paths, '/', '/nowhere', '/json/bogus', '/json/close/x']) {
          answers.push(await ask(`${cdpmux.url}${path}?${query}`, { headers }));
        }
        answers.push(await ask(`${cdpmux.url}/api/v1/reload?${query}`, { method: 'POST', headers }));
        for (const bad of [
          '/?queueTimeout=x',
          '/?mode=single',
          '/nowhere?x',
          '/name/?x',
          '/devtools/page/x?x',
        ]) {
          answers.push(await refusedUpgrade(`${cdpmux.wsUrl.slice(0, -1)}${bad}&${query}`, { headers }));
        }
        if (secret === secrets.mistyped) continue;
        const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.team=red&${query}`, { headers });
        const { sessionId } = await client.newPage('data:text/html,hello');
        await client.send('Runtime.evaluate', { expression: 'location.href' }, sessionId);
        await client.ask('No.such');
        // its virtual browser and the one for /json/close are all that this token may have
        if (secret === secrets.inConfig) {
          answers.push(await refusedUpgrade(`${cdpmux.wsUrl}?${query}`, { headers }));
        }
        await client.close();
        await eventually(async () => {
          const admin = { headers: { authorization: `Bearer ${secrets.inEnv}` } };
          const { body } = await ask(`${cdpmux.url}/api/v1/status`, admin);
          const { virtualBrowsers, clients } = JSON.parse(body) as Record<string, number>;
          return clients === 0 && (virtualBrowsers ?? 9) <= 3;
        });
      }
      await writeFile(config, `{"auth": {"tokens": [{"name": "one", "secret": "${secrets.inConfig}" "x"]}}`);
      cdpmux.kill('SIGHUP');
      await eventually(() => cdpmux.err().includes('not reloaded'));
      const below = processesNaming(cdpmux.tmp).filter((pid) => pid !== cdpmux.pid);
      expect(below).not.toEqual([]);
      const processes = below.flatMap((pid) =>
        ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')),
      );
      expect(processes.flatMap(leaksIn)).toEqual([]);
    } finally {
      await cdpmux.close();
      collector.close();
      await rm(folder, { recursive: true });
    }
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 403, 404, 429]));
    const spans = collector.bodies.join();
    expect(spans).toContain('cdpmux.client');
    expect(spans).toContain('Runtime.evaluate');
    expect(cdpmux.err()).toContain('"msg":"reloaded"');
    const said = answers.map(({ headers, body }) => JSON.stringify(headers) + body);
    expect([...said, cdpmux.out(), cdpmux.err(), spans].flatMap(leaksIn)).toEqual([]);
  }, 90_000);
});

describe('a configuration that is wrong', () => {
  const file = (content: string) => ({ name: 'cdpmux.json', content });
  const list = (token: object): string => JSON.stringify({ auth: { tokens: [token] } });
  const secret = secrets.inConfig;
  it.each<[string, Sources]>([
    ['a secret that is too short', { file: file(list({ name: 'a', secret: 'SHORT' })) }],
    ['a secret with a space', { file: file(list({ name: 'a', secret: `${secret} ` })) }],
    ['a secret that is no text', { file: file(list({ name: 'a', secret: [secret] })) }],
    ['a secret in place of a variable', { file: file(list({ name: 'a', secretEnv: secret })) }],
    ['a secret under a wrong key', { file: file(list({ name: 'a', sekret: secret })) }],
    ['a secret in place of a token', { file: file(JSON.stringify({ auth: { tokens: [secret] } })) }],
    ['a secret in place of the list', { file: file(JSON.stringify({ auth: { tokens: secret } })) }],
    ['a token in place of the list', { file: file(JSON.stringify({ auth: { tokens: { secret } } })) }],
    ['a secret in place of the group', { file: file(JSON.stringify({ auth: secret })) }],
    ['two secrets', { file: file(list({ name: 'a', secret, secretEnv: 'A' })) }],
    ['a file that is no JSON', { file: file(`{"auth": {"tokens": [{"secret": ${secret}}]}}`) }],
    ['a variable that is no JSON', { env: { CDPMUX_AUTH_TOKENS: `[{"name":"a","secret":${secret}}]` } }],
    ['a flag that is no JSON', { flags: { set: [`auth.tokens=[{"name":"a","secret":"${secret}"`] } }],
    ['a flag without a value', { flags: { set: [`auth.tokens:[{"name":"a","secret":"${secret}"}]`] } }],
    [
      'a variable with a bad secret',
      { env: { A: `${secret} x` }, file: file(list({ name: 'a', secretEnv: 'A' })) },
    ],
  ])('is told without the secret: %s', (_what, sources) => {
    let problems: readonly string[] = [];
    try {
      loadConfig(sources);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems = [...error.problems, error.message];
    }
    expect(problems.length).toBeGreaterThan(1);
    expect(problems.join('\n')).toMatch(/auth|cdpmux\.json/);
    for (const part of ['SHORT', 'SECRET', 'config/1111']) expect(problems.join('\n')).not.toContain(part);
  });
});
