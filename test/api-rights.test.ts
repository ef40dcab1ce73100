import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../proxy/config.js';
import type { QueueReport, VirtualBrowserReport } from '../src/index.js';
import { ask, errorOf } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { chromeExecutable } from './support/chrome.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { DescribedApi } from './support/described-api.js';
import { EventReader } from './support/event-source.js';
import { eventually } from './support/eventually.js';

const secrets = {
  ci: 'ci-secret-1111',
  qa: 'qa-secret-2222',
  ops: 'ops-secret-3333',
  ops2: 'ops-secret-4444',
};
type Name = keyof typeof secrets;
const tokenOf = (name: Name, more: object = {}) => ({ name, secret: secrets[name], ...more });
const admin = { admin: true };
const all = [tokenOf('ci'), tokenOf('qa'), tokenOf('ops', admin), tokenOf('ops2', admin)];
const bearer = (name: Name) => ({ headers: { authorization: `Bearer ${secrets[name]}` } });

let folder: string;
let cdpmux: TestCdpmux;
let api: DescribedApi;
const write = (tokens: object[]) => writeFile(join(folder, 'tokens.json'), JSON.stringify(tokens));
const clientOf = (name: Name, query = '') => CdpClient.connect(`${cdpmux.wsUrl}${query}`, bearer(name));
const virtualsOf = async (name: Name, query = '') => {
  const path = `/api/v1/virtual-browsers${query}`;
  const { virtualBrowsers } = await api.json<{ virtualBrowsers: VirtualBrowserReport[] }>(
    'GET',
    path,
    bearer(name),
  );
  return virtualBrowsers.map(({ tenant, labels }) => `${tenant} ${labels['n'] ?? ''}`).sort();
};
const idOf = (label: string): string =>
  cdpmux.mux.virtualBrowsers().find(({ labels }) => labels['n'] === label)?.id ?? 'none';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cdpmux-api-'));
  await write(all);
  const file = join(folder, 'tokens.json');
  const load = () => {
    const set = ['listen.port=0', `chrome=${chromeExecutable()}`, 'browsers.virtualPerBrowser=200'];
    return Promise.resolve(loadConfig({ flags: { set: [...set, `auth.file=${file}`] } }));
  };
  cdpmux = await startCdpmux({ 'auth.file': file }, { load });
  api = await DescribedApi.of(cdpmux.url, bearer('ci'));
});
afterAll(async () => {
  await cdpmux.close();
  await rm(folder, { recursive: true });
});

describe('a token without the admin right', () => {
  it('sees its own virtual browsers only, and ends those only, with 1000', async () => {
    const clients = await Promise.all([clientOf('ci', '?label.n=a'), clientOf('qa', '?label.n=b')]);
    expect(await virtualsOf('ci')).toEqual(['ci a']);
    expect(await virtualsOf('ops')).toEqual(['ci a', 'qa b']);
    expect(await virtualsOf('ops', '?tenant=qa')).toEqual(['qa b']);
    // to name another tenant shows no more than one's own
    expect(await virtualsOf('ci', '?tenant=qa')).toEqual([]);
    const [own, others] = [idOf('a'), idOf('b')].map((id) => `/api/v1/virtual-browsers/${id}`);
    const never = '/api/v1/virtual-browsers/0e9bd0a6-1111-4222-8333-444455556666';
    for (const method of ['GET', 'DELETE']) {
      const [foreign, unknown] = await Promise.all(
        [others!, never].map((path) => api.ask(method, path, bearer('ci'))),
      );
      expect([foreign?.status, unknown?.status]).toEqual([404, 404]);
      expect(foreign?.body.replace(idOf('b'), '')).toBe(unknown?.body.replace(/0e9b[\w-]+/, ''));
    }
    expect((await api.ask('GET', own!, bearer('ci'))).status).toBe(200);
    expect((await api.ask('DELETE', own!, bearer('ci'))).status).toBe(204);
    expect(await clients[0].closed).toEqual({ code: 1000, reason: 'ended by its owner' });
    expect(await clients[1].send('Browser.getVersion')).toHaveProperty('product');
    expect((await api.ask('DELETE', others!, bearer('ops'))).status).toBe(204);
    expect((await clients[1].closed).code).toBe(4503);
  });

  it('sees its own clients in the queue, with their places among all', async () => {
    await api.ask('POST', '/api/v1/pause', bearer('ops'));
    const queue = (name: Name) => api.json<QueueReport>('GET', '/api/v1/queue', bearer(name));
    const clients = [clientOf('qa', '?priority=high')];
    await eventually(async () => (await queue('ops')).length === 1);
    clients.push(clientOf('ci'));
    await eventually(async () => (await queue('ops')).length === 2);
    expect(await queue('ci')).toMatchObject({
      length: 1,
      paused: true,
      waiting: [{ tenant: 'ci', place: 2 }],
    });
    expect((await queue('ci')).waiting).toHaveLength(1);
    const status = await api.json('GET', '/api/v1/status', bearer('ci'));
    expect(status).toMatchObject({ tenant: 'ci', waiting: 1 });
    await api.ask('POST', '/api/v1/resume', bearer('ops'));
    for (const client of await Promise.all(clients)) await client.close();
  });

  it('is refused what is of all, and every order but to end its own', async () => {
    const [{ id } = { id: '' }] = cdpmux.mux.browsers();
    for (const [method, path] of [
      ['GET', '/api/v1/browsers'],
      ['GET', `/api/v1/browsers/${id}`],
      ['GET', '/api/v1/browsers/nope'],
      ['HEAD', '/api/v1/connections'],
      ['GET', '/api/v1/connections/'],
      ['GET', '/api/v1/events'],
      ['GET', '/metrics'],
      ...['cordon', 'uncordon', 'drain', 'recycle'].map((order) => [
        'POST',
        `/api/v1/browsers/${id}/${order}`,
      ]),
      ...['pause', 'resume', 'reload', 'reconnect'].map((order) => ['POST', `/api/v1/${order}`]),
    ] as [string, string][]) {
      const answer = await ask(cdpmux.url + path, { method, ...bearer('ci') });
      expect([path, answer.status]).toEqual([path, 403]);
      if (method !== 'HEAD') expect(errorOf(answer)['message']).toContain('"admin": true');
    }
    expect(cdpmux.mux.browsers()).toMatchObject([{ id, state: 'ready' }]);
    expect(cdpmux.mux.queue().paused).toBe(false);
  });
});

describe('no token', () => {
  it('is enough for nothing of the API', async () => {
    for (const [method, path] of [
      ['GET', '/openapi.json'],
      ['GET', '/api/v1/queue'],
      ['GET', '/api/v1/events'],
      ['POST', '/api/v1/pause'],
      ['DELETE', '/api/v1/virtual-browsers/x'],
      ['GET', '/api/nothing'],
    ] as const) {
      expect([path, (await ask(cdpmux.url + path, { method })).status]).toEqual([path, 401]);
    }
  });
});

describe('a listener to events', () => {
  const listen = (name: Name) => EventReader.open(`${cdpmux.url}/api/v1/events`, bearer(name).headers);
  const reload = () => api.ask('POST', '/api/v1/reload', bearer('ops'));

  it('hears what happens, and stays while its token may do it', async () => {
    const readers = [await listen('ops'), await listen('ops2')] as const;
    await write([tokenOf('ci'), tokenOf('ops', admin), tokenOf('ops2')]);
    expect((await reload()).status).toBe(200);
    await readers[1].until(() => readers[1].ended !== false, 'the end of the one without the right');
    await api.ask('POST', '/api/v1/pause', bearer('ops'));
    await api.ask('POST', '/api/v1/resume', bearer('ops'));
    await readers[0].until(() => readers[0].types.includes('queue.resumed'), 'the events');
    expect(readers[0].types).toEqual(['queue.paused', 'queue.resumed']);
    expect(readers[1].types).toEqual([]);
    expect((await listen('ops2')).status).toBe(403);
    readers[0].close();
  });

  it('is cut when its token is removed', async () => {
    await write(all);
    await reload();
    const reader = await listen('ops2');
    await write([tokenOf('ci'), tokenOf('ops', admin)]);
    await reload();
    await reader.until(() => reader.ended !== false, 'the end');
    expect(reader.ended).toBe('ended');
  });

  it('is told the end when cdpmux stops', async () => {
    const other = await startCdpmux();
    const reader = await EventReader.open(`${other.url}/api/v1/events`);
    await other.close();
    await reader.until(() => reader.ended !== false, 'the end');
    expect(reader.ended).toBe('ended');
  });
});

describe('strangers who need no token', () => {
  it('are told nothing of one another and order nothing, but may end what they know the id of', async () => {
    const open = await startCdpmux({ 'policy.trust': 'tenant', 'policy.egress.mode': 'off' });
    try {
      const client = await CdpClient.connect(open.wsUrl);
      const [{ id } = { id: '' }] = open.mux.virtualBrowsers();
      for (const [method, path] of [
        ['GET', 'virtual-browsers'],
        ['GET', 'browsers'],
        ['GET', 'events'],
        ['POST', 'pause'],
        ['POST', 'reload'],
      ] as const) {
        const answer = await ask(`${open.url}/api/v1/${path}`, { method });
        expect([path, answer.status, errorOf(answer)['code']]).toEqual([path, 403, 'FORBIDDEN']);
      }
      const ended = await ask(`${open.url}/api/v1/virtual-browsers/${id}`, { method: 'DELETE' });
      expect(ended.status).toBe(204);
      expect((await client.closed).code).toBe(1000);
    } finally {
      await open.close();
    }
  });
});
