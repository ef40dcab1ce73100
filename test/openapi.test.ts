import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { DescribedApi } from './support/described-api.js';
import { eventually } from './support/eventually.js';

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'];

let cdpmux: TestCdpmux;
let api: DescribedApi;
beforeAll(async () => {
  cdpmux = await startCdpmux({ 'browsers.min': 1, 'browsers.max': 1 });
  api = await DescribedApi.of(cdpmux.url);
});
afterAll(() => cdpmux.close());

/** A request for each operation, with what is there put into its path. */
function requestFor(operation: string, ids: { browser: string; virtual: string }): [string, string] {
  const [method = '', path = ''] = operation.split(' ');
  const id = path.includes('/virtual-browsers/') ? ids.virtual : ids.browser;
  return [method, path.replace('{id}', id).replace('{name}', 'a.txt')];
}

/** What makes something comes first, what ends it last. */
function rankOf(operation: string): number {
  const last = [/^DELETE .*files/, /^DELETE/, /recycle/, /drain/, /reconnect/];
  return operation.startsWith('PUT') ? -2 : last.findIndex((one) => one.test(operation));
}

describe('the description at /openapi.json', () => {
  it('is OpenAPI 3.1 with what every document needs', async () => {
    const { headers } = await ask(`${cdpmux.url}/openapi.json`);
    expect(headers['content-type']).toMatch(/^application\/json/);
    const { document } = api;
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'cdpmux', version: expect.any(String) as unknown },
    });
    const operations = Object.values(document.paths).flatMap((one) => Object.values(one));
    const names = operations.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, id]) => id!);
    expect(references.length).toBeGreaterThan(20);
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(references));
    for (const [path, one] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(one)) {
        const { parameters = [] } = operation as { parameters?: { name: string; in: string }[] };
        expect(parameters.filter((given) => given.in === 'path').map(({ name }) => name)).toEqual(inPath);
      }
    }
  });

  it('fits the answer of every endpoint, when all is well and when nothing has that id', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const [browser] = cdpmux.mux.browsers();
    const [virtual] = cdpmux.mux.virtualBrowsers();
    const ids = { browser: browser!.id, virtual: virtual!.id };
    const order = [...api.operations].sort((a, b) => rankOf(a) - rankOf(b));
    const good = new Set<string>();
    for (const operation of order) {
      if (operation.endsWith('/events')) continue;
      const [method, path] = requestFor(operation, ids);
      const { status } = await api.ask(method, path);
      if (status < 300) good.add(operation);
      if (!operation.includes('{id}')) continue;
      const nothing = await api.ask(...requestFor(operation, { browser: 'no', virtual: 'no' }));
      expect([operation, nothing.status]).toEqual([operation, 404]);
    }
    const events = await ask(`${cdpmux.url}/api/v1/events`, { method: 'HEAD' });
    expect([events.status, events.headers['content-type']]).toEqual([200, 'text/event-stream']);
    const notYet = api.operations.filter((one) => !good.has(one) && !one.endsWith('/events'));
    expect(notYet).toEqual([]);
    await client.closed;
  });

  it('has every method of every path: all others are refused with those that are described', async () => {
    for (const [path, operations] of Object.entries(api.document.paths)) {
      if (!path.startsWith('/api/')) continue;
      const described = Object.keys(operations).map((method) => method.toUpperCase());
      const others = methods.filter((method) => !described.includes(method));
      expect(others.length).toBeGreaterThan(0);
      for (const method of others) {
        const client = path.includes('/files') ? await CdpClient.connect(cdpmux.wsUrl) : undefined;
        const virtual = cdpmux.mux.virtualBrowsers()[0]?.id ?? 'x';
        const [, real] = requestFor(`${method} ${path}`, { browser: 'x', virtual });
        const { status, headers } = await ask(cdpmux.url + real, { method });
        expect([method, path, status]).toEqual([method, path, 405]);
        const allowed = headers.allow?.split(', ').filter((one) => one !== 'HEAD');
        expect(allowed?.sort()).toEqual(described.sort());
        await client?.close();
        await eventually(() => cdpmux.mux.virtualBrowsers().length === 0);
      }
    }
  });

  it('has the endpoints of docs/operating.md, and no others', async () => {
    const page = await readFile(new URL('../docs/operating.md', import.meta.url), 'utf8');
    const [, section = ''] = /\n## The API\n([^]*?)\n## /.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| `(\w+) (\S+)` \|/gm)].map(
      ([, method, path]) => `${method} ${path}`,
    );
    const spread = rows.flatMap((row) => {
      const [, before, choices, after] = /^(.*)\{(\w+(?:,\w+)+)\}(.*)$/.exec(row) ?? [];
      return choices === undefined ? [row] : choices.split(',').map((one) => `${before}${one}${after}`);
    });
    expect(spread.map((row) => row.replace(/<(\w+)>/g, '{$1}')).sort()).toEqual([...api.operations].sort());
  });
});

describe('what an order in a wrong state is answered', () => {
  it('fits the description, too', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const id = cdpmux.mux.virtualBrowsers()[0]?.browser;
    await api.ask('POST', `/api/v1/browsers/${id}/drain`);
    const { status } = await api.ask('POST', `/api/v1/browsers/${id}/cordon`);
    expect(status).toBe(409);
    await client.close();
  });
});
