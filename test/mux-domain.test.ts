import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import CDP from 'chrome-remote-interface';
import { muxDomain, type MuxInfo } from '../src/index.js';
import { ask } from './support/ask.js';
import { CdpClient } from './support/cdp-client.js';
import { startCdpmux, type TestCdpmux } from './support/cdpmux.js';

const [getInfo] = muxDomain.commands;

let cdpmux: TestCdpmux;
beforeAll(async () => void (cdpmux = await startCdpmux({ 'limits.targets': 7 })));
afterAll(() => cdpmux.close());

const infoOf = (client: CdpClient): Promise<MuxInfo> => client.send<MuxInfo>('Mux.getInfo');

describe('Mux.getInfo', () => {
  it('tells where the client is', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?label.team=red&timeout=60000`);
    const before = Date.now();
    const info = await infoOf(client);
    const { targetInfo } = await client.send<{ targetInfo: { targetId: string } }>('Target.getTargetInfo');
    expect(info).toMatchObject({
      virtualBrowserId: targetInfo.targetId,
      product: (await client.send<{ product: string }>('Browser.getVersion')).product,
      mode: 'shared',
      pool: 'default',
      tenant: '',
      labels: { team: 'red' },
      limits: { targets: 7, contexts: 100, sessions: 2_000, pending: 10_000, autoAttach: 16 },
    });
    expect(info.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(info.browserId).not.toBe('');
    expect(info.endsAt).toBeGreaterThan(before);
    expect(info.endsAt).toBeLessThanOrEqual(Date.now() + 60_000);
    await client.close();
  });

  it('answers with what /json/protocol describes, and nothing else', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    const info = await infoOf(client);
    expect('endsAt' in info).toBe(false);
    const described = getInfo.returns.filter((one) => !('optional' in one));
    expect(Object.keys(info).sort()).toEqual(described.map(({ name }) => name).sort());
    for (const one of described) {
      if ('type' in one)
        expect([one.name, typeof info[one.name]]).toEqual([
          one.name,
          one.type === 'string' ? 'string' : 'object',
        ]);
    }
    const [limits] = muxDomain.types;
    expect(Object.keys(info.limits).sort()).toEqual(limits.properties.map(({ name }) => name).sort());
    await client.close();
  });

  it('answers in sessions, and to a client that speaks to one page', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}name/one/`);
    const { targetId, sessionId } = await client.newPage();
    const atRoot = await infoOf(client);
    expect(await client.send('Mux.getInfo', {}, sessionId)).toEqual(atRoot);
    const ofPage = await CdpClient.connect(`${cdpmux.wsUrl}devtools/page/${targetId}`);
    expect(await infoOf(ofPage)).toEqual(atRoot);
    await Promise.all([client.close(), ofPage.close()]);
  });

  it('says so in a Chrome of its own', async () => {
    const client = await CdpClient.connect(`${cdpmux.wsUrl}?mode=exclusive`);
    expect(await infoOf(client)).toMatchObject({ mode: 'exclusive', pool: 'default' });
    await client.close();
  });

  it('has no neighbours: other commands do not exist, in the words of Chrome', async () => {
    const client = await CdpClient.connect(cdpmux.wsUrl);
    await expect(client.send('Mux.enable')).rejects.toThrow("'Mux.enable' wasn't found");
    await client.close();
  });
});

describe('the Mux domain', () => {
  it('is in /json/protocol once, in the form of the others', async () => {
    const { body } = await ask(`${cdpmux.url}/json/protocol`);
    const { domains } = JSON.parse(body) as { domains: { domain: string }[] };
    expect(domains.filter(({ domain }) => domain === 'Mux')).toEqual([JSON.parse(JSON.stringify(muxDomain))]);
  });

  it('is there by name for a client that makes its API of /json/protocol', async () => {
    const client = await CDP({ port: Number(new URL(cdpmux.url).port) });
    const { Mux } = client as unknown as { Mux: { getInfo(): Promise<MuxInfo> } };
    expect(await Mux.getInfo()).toMatchObject({ pool: 'default' });
    await client.close();
  });
});
