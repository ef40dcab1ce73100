import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MuxInfo } from '../src/index.js';
import { ask, errorOf, refusedUpgrade } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

const bearer = (name: string) => ({ headers: { authorization: `Bearer secret-of-${name}` } });
const tokens = [
  { name: 'any', secret: 'secret-of-any' },
  { name: 'some', secret: 'secret-of-some', pools: ['small', 'default'] },
  { name: 'one', secret: 'secret-of-one', pools: ['small'] },
];

let cdpmux: TestCdpmux;
beforeAll(async () => {
  cdpmux = await startCdpmux({
    'auth.tokens': JSON.stringify(tokens),
    'policy.trust': 'local',
    'pools.small.browsers.max': 1,
    'pools.small.browsers.virtualPerBrowser': 3,
  });
});
afterAll(() => cdpmux.close());

async function poolFor(name: string, query = ''): Promise<string> {
  const client = await CdpClient.connect(`${cdpmux.wsUrl}${query}`, bearer(name));
  const { pool } = await client.send<MuxInfo>('Mux.getInfo');
  await client.close();
  return pool;
}

describe('named pools', () => {
  it('are had by name, and are apart from the one without', async () => {
    expect(await poolFor('any')).toBe('default');
    expect(await poolFor('any', '?pool=default')).toBe('default');
    expect(await poolFor('any', '?pool=small')).toBe('small');
    const headers = { ...bearer('any').headers, 'x-cdpmux-pool': 'small' };
    const client = await CdpClient.connect(cdpmux.wsUrl, { headers });
    expect((await client.send<MuxInfo>('Mux.getInfo')).pool).toBe('small');
    await client.close();
    const ofSmall = cdpmux.mux.browsers().filter(({ pool }) => pool === 'small');
    expect(ofSmall).toEqual([expect.objectContaining({ capacity: 3, state: 'ready' })]);
  });

  it.each(['none', 'constructor'])('that are not there are 404: %s', async (name) => {
    const refused = await refusedUpgrade(`${cdpmux.wsUrl}?pool=${name}`, bearer('any'));
    expect([refused.status, errorOf(refused)['message']]).toEqual([404, expect.stringContaining('small')]);
  });

  it('are for the tokens that may use them; without a wish a token gets its first', async () => {
    expect([await poolFor('some'), await poolFor('some', '?pool=default'), await poolFor('one')]).toEqual([
      'small',
      'default',
      'small',
    ]);
    const refused = await refusedUpgrade(`${cdpmux.wsUrl}?pool=default`, bearer('one'));
    expect([refused.status, errorOf(refused)['parameter']]).toEqual([403, 'pool']);
  });

  it('are kept to by HTTP, too', async () => {
    const poolOfList = async (name: string): Promise<string[]> => {
      expect((await ask(`${cdpmux.url}/json/list`, bearer(name))).status).toBe(200);
      return cdpmux.mux.virtualBrowsers(name).map(({ pool }) => pool);
    };
    expect(await poolOfList('one')).toEqual(['small']);
    expect(await poolOfList('any')).toEqual(['']);
  });
});
