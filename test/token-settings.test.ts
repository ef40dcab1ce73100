import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Access } from '../proxy/auth/access.js';
import { readCredentials } from '../proxy/auth/credentials.js';
import { rightFor } from '../proxy/auth/rights.js';
import { loadConfig, type Config, type Sources } from '../proxy/config.js';
import { problemsOf } from './support/config-problems.js';
import { rulesOf } from '../proxy/reload.js';

type Asked = Parameters<typeof readCredentials>[0];

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'cdpmux-tokens-'))));
afterAll(() => rm(folder, { recursive: true }));

const file = (tokens: unknown, more: object = {}): Sources => ({
  file: { name: 'cdpmux.json', content: JSON.stringify({ auth: { tokens, ...more } }) },
});
const load = (tokens: unknown, env: Record<string, string> = {}): Config =>
  loadConfig({ ...file(tokens), env });

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

describe('auth.tokens', () => {
  it('are none by default, and then none is needed', () => {
    expect(loadConfig({}).auth).toEqual({ required: false, tokens: [], variables: [] });
  });

  it('have defaults, and of the secret only the digest is kept', () => {
    const { auth } = load([{ name: 'ci', secret: 'secret-of-ci' }]);
    expect(auth.required).toBe(true);
    expect(auth.tokens).toEqual([
      {
        name: 'ci',
        digest: digest('secret-of-ci'),
        priority: 'normal',
        maxPriority: 'critical',
        modes: ['shared', 'exclusive'],
        weight: 1,
        admin: false,
      },
    ]);
  });

  it('take all that can be said of one, as JSON in a file, a variable or a flag', () => {
    const token = {
      name: 'ci-1.a_b',
      maxVirtual: 5,
      maxQueued: 0,
      priority: 'low',
      maxPriority: 'high',
      modes: ['shared'],
      pools: ['default'],
      weight: 100,
      admin: true,
    } as const;
    const tokens = [{ ...token, secret: 'secret-of-ci' }];
    const text = JSON.stringify(tokens);
    for (const config of [
      load(tokens),
      loadConfig({ env: { CDPMUX_AUTH_TOKENS: text } }),
      loadConfig({ flags: { set: [`auth.tokens=${text}`] } }),
    ]) {
      expect(config.auth.tokens).toEqual([{ ...token, digest: digest('secret-of-ci') }]);
    }
  });

  it('take their secrets from variables and files as well, without the line break at the end', async () => {
    const secretFile = join(folder, 'secret');
    await writeFile(secretFile, 'secret-of-file\r\n');
    const { tokens, variables } = load(
      [
        { name: 'env', secretEnv: 'CI_TOKEN' },
        { name: 'file', secretFile },
      ],
      { CI_TOKEN: 'secret-of-env' },
    ).auth;
    expect(tokens.map((token) => token.digest)).toEqual([digest('secret-of-env'), digest('secret-of-file')]);
    expect(variables).toEqual(['CI_TOKEN']);
  });

  it('may be in a file of their own, beside those in the configuration', async () => {
    const name = join(folder, 'tokens.json');
    await writeFile(name, '[ // here\n {"name": "b", "secret": "secret-of-b"}, ]');
    const both = loadConfig(file([{ name: 'a', secret: 'secret-of-a' }], { file: name }));
    expect(both.auth.tokens.map((token) => token.name)).toEqual(['a', 'b']);
    await writeFile(name, '[]');
    expect(loadConfig(file([], { file: name })).auth).toMatchObject({ required: true, tokens: [] });
  });

  it('whose highest priority is low are low', () => {
    expect(load([{ name: 'a', secret: 'secret-of-a', maxPriority: 'low' }]).auth.tokens[0]?.priority).toBe(
      'low',
    );
  });

  it.each<[string, object, RegExp]>([
    [
      'no name',
      { secret: 'secret-of-a' },
      /^auth\.tokens\[0\]\.name \(cdpmux\.json\): must be 1 to 64 letters/,
    ],
    [
      'an empty name',
      { name: '', secret: 'secret-of-a' },
      /\[0\]\.name = "" \(cdpmux\.json\): must be 1 to 64/,
    ],
    ['a name with a slash', { name: 'a/b', secret: 'secret-of-a' }, /\[0\]\.name = "a\/b" .*1 to 64 letters/],
    ['no secret', { name: 'a' }, /\[0\]\.secret .*exactly one of secret, secretEnv and secretFile/],
    ['two secrets', { name: 'a', secret: 'secret-of-a', secretEnv: 'A' }, /exactly one of secret/],
    ['a short secret', { name: 'a', secret: '1234567' }, /\[0\]\.secret = \(hidden\) .*8 to 512 visible/],
    [
      'a variable that is not set',
      { name: 'a', secretEnv: 'NONE' },
      /\[0\]\.secretEnv = "NONE" .*that is set to 8/,
    ],
    ['a variable that is empty', { name: 'a', secretEnv: 'EMPTY' }, /\[0\]\.secretEnv = "EMPTY" /],
    [
      'a file that is not there',
      { name: 'a', secretFile: '/no/such' },
      /\[0\]\.secretFile = "\/no\/such" .*ENOENT/,
    ],
    ['no places', { name: 'a', secret: 'secret-of-a', maxVirtual: 0 }, /\.maxVirtual = 0 .*1 to 100000/],
    [
      'half a place',
      { name: 'a', secret: 'secret-of-a', maxQueued: 1.5 },
      /\.maxQueued = 1\.5 .*0 to 100000/,
    ],
    [
      'a priority of its own',
      { name: 'a', secret: 'secret-of-a', priority: 'urgent' },
      /"urgent" .*one of low, normal/,
    ],
    [
      'a priority above its highest',
      { name: 'a', secret: 'secret-of-a', priority: 'high', maxPriority: 'low' },
      /\.priority = "high" .*at most maxPriority, which is low/,
    ],
    [
      'no pools',
      { name: 'a', secret: 'secret-of-a', pools: [] },
      /\.pools = \[\] .*one or more names of pools/,
    ],
    [
      'a pool that is not there',
      { name: 'a', secret: 'secret-of-a', pools: ['pdf', 'default'] },
      /\.pools = \["pdf"\] .*of the pools that there are: default$/,
    ],
    ['a weight of nothing', { name: 'a', secret: 'secret-of-a', weight: 0 }, /\.weight = 0 .*1 to 100/],
    [
      'no modes',
      { name: 'a', secret: 'secret-of-a', modes: [] },
      /\.modes = \[\] .*one or more of shared, exclusive/,
    ],
    [
      'an unknown mode',
      { name: 'a', secret: 'secret-of-a', modes: ['x'] },
      /\.modes\[0\] = "x" .*shared, exclusive/,
    ],
    [
      'admin as a text',
      { name: 'a', secret: 'secret-of-a', admin: 'yes' },
      /\.admin = "yes" .*true or false/,
    ],
    [
      'an unknown key',
      { name: 'a', secret: 'secret-of-a', max: 1 },
      /\[0\]\.max \(cdpmux\.json\): unknown key/,
    ],
  ])('with %s are refused', (_what, token, problem) => {
    expect(problemsOf({ ...file([token]), env: { EMPTY: '' } })).toEqual([expect.stringMatching(problem)]);
  });

  it.each([['one'], [{}], [1], [null]])('must be a list, not %j', (tokens) => {
    const [problem, ...rest] = problemsOf(file(tokens));
    expect(rest).toEqual([]);
    expect(problem).toMatch(/^auth\.tokens = \(hidden\) \(cdpmux\.json\): must be a list of tokens/);
  });

  it('are told everything that is wrong with them at once, with all else', () => {
    const problems = problemsOf({
      ...file([
        { name: 'a', secret: 'x', maxVirtul: 2 },
        { name: 'b', secretEnv: 'B', priority: 'x' },
      ]),
      flags: { port: '-1' },
    });
    expect(problems).toEqual([
      expect.stringMatching(/^listen\.port/),
      expect.stringMatching(/^auth\.tokens\[0\]\.secret = \(hidden\)/),
      expect.stringMatching(/^auth\.tokens\[0\]\.maxVirtul .*did you mean maxVirtual\?/),
      expect.stringMatching(/^auth\.tokens\[1\]\.priority/),
    ]);
  });

  it('have names and secrets that no other has, wherever it is', async () => {
    const name = join(folder, 'same.json');
    await writeFile(name, '[{"name": "a", "secret": "secret-of-a"}]');
    expect(problemsOf(file([{ name: 'a', secret: 'another-secret' }], { file: name }))).toEqual([
      expect.stringMatching(/^auth\.file\[0\]\.name = "a" .*must be another name than in auth\.tokens/),
    ]);
    expect(problemsOf(file([{ name: 'b', secret: 'secret-of-a' }], { file: name }))).toEqual([
      expect.stringMatching(/^auth\.file\[0\]\.secret .*must be another than that of b/),
    ]);
    const twice = ['one', 'two'].map((part) => ({ name: 'a', secret: `secret-${part}` }));
    expect(problemsOf(file(twice))).toEqual([
      expect.stringMatching(/^auth\.tokens\[1\]\.name = "a" .*must be another name/),
    ]);
  });
});

describe('a request', () => {
  const request = (url: string, headers: Record<string, string> = {}) =>
    ({ url, headers, method: 'GET' }) as unknown as Asked;

  it.each<[string, string, Record<string, string>, string | undefined, string]>([
    ['nothing', '/', {}, undefined, '/'],
    ['a query', '/?token=abc', {}, 'abc', '/'],
    ['a query among others', '/json?for_tab&token=a%2Bb&x=1', {}, 'a+b', '/json?for_tab&x=1'],
    ['a query in capitals', '/?TOKEN=abc', {}, 'abc', '/'],
    ['two in a query', '/?token=abc&token=def', {}, 'def', '/'],
    ['a query over a header', '/?token=abc', { 'x-cdpmux-token': 'def' }, 'abc', '/'],
    ['a header over Authorization', '/', { 'x-cdpmux-token': 'a', authorization: 'Bearer b' }, 'a', '/'],
    ['Authorization', '/x?y=token=z', { authorization: 'Bearer abc' }, 'abc', '/x?y=token=z'],
    ['a password', '/', { authorization: 'Basic abc' }, undefined, '/'],
    ['/json/new', '/json/new?https://a/?b&token=c', {}, undefined, '/json/new?https://a/?b&token=c'],
    ['/json/new, first', '/json/new?token=c&https://a/?token=b', {}, 'c', '/json/new?https://a/?token=b'],
    ['a name and /json/new', '/name/x/json/new/?a&token=b', {}, undefined, '/name/x/json/new/?a&token=b'],
  ])('with %s gives its token', (_what, url, headers, token, rest) => {
    expect(readCredentials(request(url, headers))).toMatchObject({ token, url: rest });
  });

  it.each<[string, string, string]>([
    ['GET', '/healthz', 'none'],
    ['GET', '/readyz', 'none'],
    ['GET', '/metrics', 'admin'],
    ['GET', '/', 'token'],
    ['PUT', '/json/new', 'token'],
    ['GET', '/json/close/x', 'token'],
    ['GET', '/api/v1/status', 'token'],
    ['POST', '/api/v1/reload', 'admin'],
    ['DELETE', '/api/v1/virtual-browsers/x', 'token'],
    ['DELETE', '/api/v1/virtual-browsers', 'admin'],
    ['GET', '/api/v1/virtual-browsers', 'token'],
    ['GET', '/api/v1/queue', 'token'],
    ['GET', '/api/v1/browsers', 'admin'],
    ['HEAD', '/api/v1/browsers/x', 'admin'],
    ['GET', '/api/v1/connections/', 'admin'],
    ['GET', '/api/v1/events', 'admin'],
    ['POST', '/api/v1/browsers/x/drain', 'admin'],
    ['GET', '/openapi.json', 'token'],
    ['PATCH', '/api/v2/x', 'admin'],
    ['PUT', '/api/v1/virtual-browsers/x/files/a.txt', 'token'],
    ['PUT', '/api/v1/virtual-browsers/x/filesystem', 'admin'],
    ['GET', '/nowhere', 'token'],
  ])('%s %s needs: %s', (method, path, right) => {
    expect(rightFor(method, path)).toBe(right);
  });

  it.each<[string, string[], string]>([
    ['with tokens a tenant', ['auth.tokens=[{"name":"a","secret":"secret-of-a"}]'], 'tenant'],
    ['without them local', [], 'local'],
    ['what policy.trust says', ['policy.trust=tenant'], 'tenant'],
    [
      'that with tokens too',
      ['policy.trust=local', 'auth.tokens=[{"name":"a","secret":"secret-of-a"}]'],
      'local',
    ],
  ])('is trusted as %s', (_what, set, trust) => {
    const config = loadConfig({ flags: { set } });
    const access = new Access(rulesOf(config), config.policy.trust);
    expect(access.identifyUpgrade(request('/?token=secret-of-a')).tenant.trust).toBe(trust);
  });
});
