import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';
import { eventually } from './support/eventually.js';

/** Longest wait for anything, ms. */
const PATIENCE = 15_000;
const tokens = [
  { name: 'one', secret: 'secret-of-one', maxVirtual: 1 },
  { name: 'two', secret: 'secret-of-two' },
];
const as = (name: string) => ({ headers: { authorization: `Bearer secret-of-${name}` } });

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux({ 'auth.tokens': JSON.stringify(tokens), 'limits.keepAlive': 60_000 });
}, 60_000);
afterAll(() => cdpmux.close());

const isGone = (id: string): Promise<void> =>
  eventually(() => cdpmux.mux.virtualBrowsers().every((one) => one.id !== id), {
    within: PATIENCE,
    what: `the end of ${id}`,
  });
/** Leaves one that is kept, and gives its id. */
const leave = async (name: string, query = ''): Promise<string> => {
  const client = await CdpClient.connect(`${cdpmux.wsUrl}?keepAlive=60000${query}`, as(name));
  const info = await client.send<{ virtualBrowserId: string }>('Mux.getInfo');
  client.socket.terminate();
  const isLeft = (): boolean => cdpmux.mux.virtualBrowsers(name).every(({ clients }) => clients === 0);
  await eventually(isLeft, { within: PATIENCE, what: 'its loss' });
  return info.virtualBrowserId;
};
const urlOf = (id: string): string => `${cdpmux.wsUrl}devtools/browser/${id}`;

describe('a virtual browser that is kept', () => {
  it('is for its own tenant only, and counts for that one’s quota until it ends', async () => {
    const id = await leave('one');
    expect((await refusedUpgrade(urlOf(id), as('two'))).status).toBe(404);
    const over = await refusedUpgrade(cdpmux.wsUrl, as('one'));
    expect([over.status, errorOf(over)['limit']]).toEqual([429, 'maxVirtual']);
    const back = await CdpClient.connect(urlOf(id), as('one'));
    await back.ask('Browser.close');
    await isGone(id);
    const next = await CdpClient.connect(cdpmux.wsUrl, as('one'));
    await next.close();
  });

  it('is kept no longer than limits.keepAlive', async () => {
    const refused = await refusedUpgrade(`${cdpmux.wsUrl}?keepAlive=60001`, as('two'));
    expect([refused.status, errorOf(refused)['parameter']]).toEqual([400, 'keepAlive']);
  });

  it('ends when its lifetime does, whether somebody is there or not', async () => {
    const id = await leave('two', '&timeout=1000');
    await isGone(id);
    expect(errorOf(await refusedUpgrade(urlOf(id), as('two')))).toMatchObject({ code: 'ENDED' });
  });

  it('is ended by an operator, and with its token', async () => {
    const id = await leave('two');
    expect(cdpmux.mux.endVirtualBrowser(id, { code: 4503, reason: 'an operator ended it' })).toBe(true);
    await isGone(id);
    const other = await leave('two');
    cdpmux.mux.endTenant('two', { code: 1008, reason: 'the token was removed' });
    await isGone(other);
  });
});
