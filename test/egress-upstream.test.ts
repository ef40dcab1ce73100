import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RequestError, Server as ProxyChain } from 'proxy-chain';
import { get, getThrough, openSocks } from './support/egress.js';
import { Lanes, open } from './support/egress-lane.js';

describe('a lane that goes on to the proxy a client asked for', () => {
  let lanes: Lanes;

  beforeEach(async () => {
    lanes = await Lanes.open();
  });

  afterEach(() => lanes.close());

  it('sends requests there and still checks where they go', async () => {
    lanes.names.set('site.test', [open]);
    lanes.names.set('inside.test', ['10.0.0.1']);
    const { url, asked } = await lanes.upstream();
    const proxy = await lanes.lane(url);
    const authority = `site.test:${lanes.site.port}`;
    expect(await get(proxy, `http://${authority}/a`)).toMatchObject({
      status: 200,
      body: `reached 127.0.0.1 as ${authority}`,
    });
    expect(await getThrough(await lanes.tunnel(proxy, authority), 'x')).toContain('reached 127.0.0.1');
    expect(asked).toEqual([authority, authority]);
    expect((await get(proxy, `http://inside.test:${lanes.site.port}/`)).status).toBe(403);
    expect((await lanes.tunnel(proxy, `inside.test:${lanes.site.port}`)).status).toBe(403);
    expect((await lanes.tunnel(proxy, `127.0.0.1:${lanes.site.port}`)).status).toBe(403);
    expect(asked).toHaveLength(2);
  });

  it('leaves a name that is unknown here to that proxy', async () => {
    const { url, asked } = await lanes.upstream();
    const proxy = await lanes.lane(url);
    expect((await get(proxy, `http://only-there.test:${lanes.site.port}/`)).status).toBe(200);
    expect((await lanes.tunnel(proxy, `only-there.test:${lanes.site.port}`)).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  it('looks up the name of that proxy once for each request, and connects to what it checked', async () => {
    const { url, asked } = await lanes.upstream();
    const { port } = new URL(url);
    lanes.names.set('site.test', [open]);
    lanes.names.set('proxy.test', [open], [open], ['127.0.0.1']);
    const proxy = await lanes.lane(`proxy.test:${port}`);
    expect((await get(proxy, `http://site.test:${lanes.site.port}/`)).status).toBe(200);
    expect((await lanes.tunnel(proxy, `site.test:${lanes.site.port}`)).status).toBe(200);
    expect((await get(proxy, `http://site.test:${lanes.site.port}/`)).status).toBe(403);
    expect((await lanes.tunnel(proxy, `site.test:${lanes.site.port}`)).status).toBe(403);
    expect(lanes.names.lookups.filter((one) => one === 'proxy.test')).toHaveLength(4);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['127.0.0.1:3128', 'FORBIDDEN'],
    ['socks5://169.254.169.254', 'FORBIDDEN'],
    ['http=10.0.0.1:1;https=10.0.0.1:2', 'FORBIDDEN'],
    ['a.test,b.test', 'BAD_PARAMETER'],
    ['quic://a.test', 'BAD_PARAMETER'],
  ])('refuses %s', async (proxyServer, code) => {
    await expect(lanes.gate().proxyFor({ proxyServer })).rejects.toMatchObject({ code });
  });

  it('refuses a text that is too long', async () => {
    const wishes = [{ proxyServer: 'x'.repeat(5_000) }, { proxyBypassList: 'x;'.repeat(5_000) }];
    for (const wish of wishes) {
      await expect(lanes.gate().proxyFor(wish)).rejects.toMatchObject({ code: 'BAD_PARAMETER' });
    }
  });

  it('asks for the credentials that proxy wants, and passes them on', async () => {
    const { url, asked } = await lanes.upstream('user:secret');
    lanes.names.set('site.test', [open]);
    const [proxy, authority] = [await lanes.lane(url), `site.test:${lanes.site.port}`];
    const header = (text: string) => ({
      'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}`,
    });
    for (const given of [undefined, header('user:wrong')]) {
      const answers = [
        await get(proxy, `http://${authority}/`, given),
        await lanes.tunnel(proxy, authority, given),
      ];
      for (const { status, headers } of answers) {
        expect([status, headers['proxy-authenticate']]).toEqual([407, expect.stringMatching(/^Basic /)]);
      }
    }
    expect(asked).toEqual([]);
    expect((await get(proxy, `http://${authority}/`, header('user:secret'))).status).toBe(200);
    expect((await lanes.tunnel(proxy, authority, header('user:secret'))).status).toBe(200);
    const within = await lanes.lane(url.replace('//', '//user:secret@'));
    expect((await get(within, `http://${authority}/`)).status).toBe(200);
    expect((await lanes.tunnel(within, authority)).status).toBe(200);
  });

  it('goes past that proxy for hosts of the bypass list, and past no check', async () => {
    lanes.names.set('near.test', [open]);
    const { url, asked } = await lanes.upstream();
    const proxy = await lanes.lane(url, 'near.test;10.0.0.0/8;*.far.test');
    expect((await get(proxy, `http://near.test:${lanes.site.port}/`)).body).toContain(`reached ${open}`);
    expect(await getThrough(await lanes.tunnel(proxy, `near.test:${lanes.site.port}`), 'x')).toContain(
      `reached ${open}`,
    );
    expect((await get(proxy, 'http://10.1.2.3/')).status).toBe(403);
    expect((await lanes.tunnel(proxy, 'localhost:1')).status).not.toBe(200);
    expect(asked).toEqual([]);
  });

  it('goes through SOCKS, which is given the name', async () => {
    lanes.names.set('site.test', [open]);
    lanes.names.set('socks.test', [open]);
    const socks = await openSocks(open, { host: '127.0.0.1', port: lanes.site.port });
    lanes.atEnd(() => socks.close());
    const proxy = await lanes.lane(`socks5://socks.test:${socks.port}`);
    expect(await getThrough(await lanes.tunnel(proxy, 'site.test:443'), 'x')).toContain('reached 127.0.0.1');
    expect((await get(proxy, 'http://site.test/')).status).toBe(200);
    expect((await lanes.tunnel(proxy, '10.0.0.1:443')).status).toBe(403);
    expect(socks.asked).toEqual(['site.test:443', 'site.test:80']);
  });

  it('gives up on a proxy that is silent', async () => {
    const port = await lanes.silent();
    lanes.names.set('site.test', [open]);
    const proxy = await lanes.lane(
      `${open}:${port}`,
      undefined,
      lanes.gate(lanes.egress({ connectTimeout: 200 })),
    );
    expect((await lanes.tunnel(proxy, 'site.test:443')).status).toBe(502);
  });

  it('passes on why that proxy refuses a tunnel', async () => {
    const server = new ProxyChain({
      port: 0,
      host: open,
      prepareRequestFunction: () => {
        throw new RequestError('no', 451);
      },
    });
    await server.listen();
    lanes.atEnd(() => server.close(true));
    lanes.names.set('site.test', [open]);
    expect((await lanes.tunnel(await lanes.lane(`${open}:${server.port}`), 'site.test:443')).status).toBe(
      451,
    );
  });
});
