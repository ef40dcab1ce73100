import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ReloadReport } from '../proxy/reload.js';
import { ask, errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startProcess, type CdpmuxProcess } from './support/cdpmux-process.js';
import { eventually } from './support/eventually.js';

const ops = { name: 'ops', secret: 'secret-of-ops', admin: true };
const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });
const admin = bearer(ops.secret);
const unchanged = { added: [], changed: [], removed: [] };

let folder: string;
let cdpmux: CdpmuxProcess;
const inFolder = (name: string): string => join(folder, name);

/** Writes the configuration, and the file with further tokens. */
const write = async (settings: object, tokens: object[] = []): Promise<void> => {
  await writeFile(inFolder('tokens.json'), `// more of them\n${JSON.stringify(tokens)}`);
  await writeFile(inFolder('cdpmux.json'), JSON.stringify(settings));
};
const withTokens = (tokens: object[], more: object = {}): Promise<void> =>
  write({ auth: { tokens: [ops], file: inFolder('tokens.json') }, ...more }, tokens);
const reload = async (): Promise<ReloadReport> => {
  const { status, body } = await ask(`${cdpmux.url}/api/v1/reload`, { method: 'POST', ...admin });
  expect([status, body]).toEqual([200, expect.any(String)]);
  return JSON.parse(body) as ReloadReport;
};
const statusFor = async (secret: string): Promise<number> =>
  (await ask(`${cdpmux.url}/api/v1/status`, bearer(secret))).status;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cdpmux-reload-'));
  await withTokens([]);
  cdpmux = await startProcess(['--config', inFolder('cdpmux.json'), '--set', 'log.level=info']);
});
afterAll(async () => {
  await cdpmux.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await withTokens([]);
  await reload();
});

describe('a reload', () => {
  it('lets new tokens in, by POST and by SIGHUP', async () => {
    expect(await statusFor('secret-of-a')).toBe(401);
    await withTokens([{ name: 'a', secret: 'secret-of-a' }]);
    expect((await reload()).applied.tokens).toEqual({ ...unchanged, added: ['a'] });
    await (await CdpClient.connect(cdpmux.wsUrl, bearer('secret-of-a'))).close();
    await withTokens([
      { name: 'a', secret: 'secret-of-a' },
      { name: 'b', secret: 'secret-of-b' },
    ]);
    cdpmux.kill('SIGHUP');
    await eventually(async () => (await statusFor('secret-of-b')) === 200);
    expect(cdpmux.err()).toMatch(/"added":\["b"\].*"msg":"reloaded"/);
  });

  it('takes a secret anew from its file, and who is connected by the old one stays', async () => {
    const token = { name: 'f', secretFile: inFolder('secret') };
    await writeFile(inFolder('secret'), 'first-secret\n');
    await withTokens([token]);
    await reload();
    const client = await CdpClient.connect(cdpmux.wsUrl, bearer('first-secret'));
    await writeFile(inFolder('secret'), 'second-secret\n');
    expect((await reload()).applied.tokens).toEqual({ ...unchanged, changed: ['f'] });
    expect(await client.send('Browser.getVersion')).toHaveProperty('product');
    expect([await statusFor('first-secret'), await statusFor('second-secret')]).toEqual([401, 200]);
    await client.close();
  });

  it('closes the clients of a removed token with 4401, and nobody else', async () => {
    await withTokens(['a', 'b'].map((name) => ({ name, secret: `secret-of-${name}` })));
    await reload();
    const [gone, named, stays] = await Promise.all([
      CdpClient.connect(cdpmux.wsUrl, bearer('secret-of-a')),
      CdpClient.connect(`${cdpmux.wsUrl}name/kept/`, bearer('secret-of-a')),
      CdpClient.connect(cdpmux.wsUrl, bearer('secret-of-b')),
    ]);
    await withTokens([{ name: 'b', secret: 'secret-of-b' }]);
    expect((await reload()).applied.tokens).toEqual({ ...unchanged, removed: ['a'] });
    for (const { closed } of [gone, named]) {
      expect(await closed).toEqual({ code: 4401, reason: 'the token was removed' });
    }
    expect((await refusedUpgrade(cdpmux.wsUrl, bearer('secret-of-a'))).status).toBe(401);
    expect(await stays.send('Browser.getVersion')).toHaveProperty('product');
    await stays.close();
  });

  it('changes limits and rights of those who come from then on', async () => {
    await withTokens([{ name: 'a', secret: 'secret-of-a', maxVirtual: 1 }]);
    await reload();
    const first = await CdpClient.connect(cdpmux.wsUrl, bearer('secret-of-a'));
    expect((await refusedUpgrade(cdpmux.wsUrl, bearer('secret-of-a'))).status).toBe(429);
    await withTokens([{ name: 'a', secret: 'secret-of-a', maxVirtual: 2, admin: true }]);
    await reload();
    const second = await CdpClient.connect(cdpmux.wsUrl, bearer('secret-of-a'));
    expect((await ask(`${cdpmux.url}/metrics`, bearer('secret-of-a'))).status).toBe(200);
    await Promise.all([first.close(), second.close()]);
  });

  it('says what is in force and what needs a restart', async () => {
    await withTokens([], {
      listen: { allowedOrigins: ['https://tools.example'], port: 1234 },
      queue: { maxLength: 7 },
      policy: { trust: 'local' },
      browsers: { kind: 'chrome', flags: ['--lang=de'] },
      pools: { more: {} },
    });
    const { applied, needsRestart, notes } = await reload();
    expect(applied.settings).toEqual(['listen.allowedOrigins', 'browsers.flags', 'queue.maxLength']);
    // the port was given as a flag, which wins
    expect([...needsRestart].sort()).toEqual(['browsers.kind', 'policy.trust', 'pools.more']);
    expect(notes).toEqual([expect.stringMatching(/^browsers\.flags .*\/api\/v1\/reconnect/)]);
    const headers = { ...admin.headers, origin: 'https://tools.example' };
    await (await CdpClient.connect(cdpmux.wsUrl, { headers })).close();
    // what still waits for a restart is told again, what is in force is not
    expect(await reload()).toEqual({
      applied: { tokens: unchanged, settings: [] },
      needsRestart,
      notes: [],
    });
  });

  it('changes sizes, limits and the log while it runs', async () => {
    const before = await CdpClient.connect(cdpmux.wsUrl, admin);
    await withTokens([], {
      browsers: { min: 2, virtualPerBrowser: 9 },
      limits: { targets: 1, message: 2048 },
      policy: { allowedSchemes: ['about'] },
    });
    const { applied, needsRestart } = await reload();
    expect([...applied.settings].sort()).toEqual([
      'browsers.min',
      'browsers.virtualPerBrowser',
      'limits.message',
      'limits.targets',
      'policy.allowedSchemes',
    ]);
    expect(needsRestart).toEqual([]);
    const ready = async (): Promise<unknown[]> => {
      const { body } = await ask(`${cdpmux.url}/api/v1/browsers`, admin);
      const { browsers } = JSON.parse(body) as { browsers: { state: string; capacity: number }[] };
      return browsers.filter(({ state, capacity }) => state === 'ready' && capacity === 9);
    };
    await eventually(async () => (await ready()).length === 2, { within: 20_000, what: 'a second Chrome' });

    const after = await CdpClient.connect(`${cdpmux.wsUrl}?initialPage=false`, admin);
    const open = (url: string) => ({ url });
    expect((await after.ask('Target.createTarget', open('https://a.test/'))).error?.message).toMatch(/https/);
    await after.send('Target.createTarget', open('about:blank'));
    expect((await after.ask('Target.createTarget', open('about:blank'))).error?.message).toMatch(
      /^1 pages .*limits\.targets/,
    );
    after.raw(JSON.stringify({ id: 1, method: 'x'.repeat(2048) }));
    expect((await after.closed).code).toBe(1009);
    // who was there keeps what it came with
    await before.send('Target.createTarget', open('about:blank'));
    await before.send('Target.createTarget', open('about:blank'));
    await before.close();
  }, 60_000);

  it('of a configuration that is wrong changes nothing, and lists everything that is wrong', async () => {
    await withTokens([{ name: 'a', secret: 'secret-of-a' }]);
    await reload();
    await withTokens(
      [
        { name: 'a', secret: 'short' },
        { name: 'c d', secretFile: inFolder('nowhere'), maxVirtul: 3 },
      ],
      { queue: { maxLength: -1 } },
    );
    const { status, body } = await ask(`${cdpmux.url}/api/v1/reload`, { method: 'POST', ...admin });
    const error = errorOf({ status, body, headers: {} }) as unknown as { code: string; problems: string[] };
    expect([status, error.code]).toEqual([422, 'BAD_CONFIG']);
    for (const problem of [
      /^queue\.maxLength = -1 /,
      /^auth\.file\[0\]\.secret = \(hidden\) .*8 to 512/,
      /^auth\.file\[1\]\.name = "c d" .*1 to 64/,
      /^auth\.file\[1\]\.maxVirtul .*unknown key; did you mean maxVirtual\?/,
    ]) {
      expect(error.problems).toContainEqual(expect.stringMatching(problem));
    }
    expect(error.problems).toHaveLength(4);
    expect(await statusFor('secret-of-a')).toBe(200);
    cdpmux.kill('SIGHUP');
    await eventually(() => cdpmux.err().includes('"msg":"not reloaded'));
    expect(await statusFor('secret-of-a')).toBe(200);
  });

  it('never opens the door: without any token left nobody comes in', async () => {
    await write({});
    expect((await reload()).needsRestart).toEqual(['auth.tokens']);
    expect([await statusFor(ops.secret), (await ask(`${cdpmux.url}/json/version`)).status]).toEqual([
      401, 401,
    ]);
    // a signal can still give the tokens back
    await withTokens([]);
    cdpmux.kill('SIGHUP');
    await eventually(async () => (await statusFor(ops.secret)) === 200);
  });

  it('is made with POST only', async () => {
    const { status, headers } = await ask(`${cdpmux.url}/api/v1/reload`, admin);
    expect([status, headers.allow]).toEqual([405, 'POST']);
  });
});

describe('a reload of a cdpmux without tokens', () => {
  it('changes what is logged from then on', async () => {
    const config = inFolder('log.json');
    await writeFile(config, '{}');
    const open = await startProcess(['--config', config]);
    try {
      for (const level of ['error', 'info']) {
        await writeFile(config, JSON.stringify({ log: { level } }));
        const { body } = await ask(`${open.url}/api/v1/reload`, { method: 'POST' });
        expect((JSON.parse(body) as ReloadReport).applied.settings).toEqual(['log.level']);
      }
      await eventually(() => open.err().includes('"msg":"reloaded"'), { what: 'the line of the second one' });
      expect(open.err().match(/"msg":"reloaded"/g)).toHaveLength(1);
    } finally {
      await open.close();
    }
  });

  it('does not bring the first ones, and says that they need a restart', async () => {
    const config = inFolder('open.json');
    await writeFile(config, '{}');
    const open = await startProcess(['--config', config]);
    try {
      await writeFile(config, JSON.stringify({ auth: { tokens: [ops] } }));
      const { status, body } = await ask(`${open.url}/api/v1/reload`, { method: 'POST' });
      expect(status).toBe(422);
      expect(body).toMatch('the first ones need a restart');
      await (await CdpClient.connect(open.wsUrl)).close();
    } finally {
      await open.close();
    }
  });
});
