import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RequestError, Server as ProxyChain } from 'proxy-chain';
import { createEgress, type EgressOptions } from '../proxy/egress/egress-proxy.js';
import type { EgressGate } from '../src/index.js';
import {
  closeAll,
  get,
  getThrough,
  listen,
  openSocks,
  openWatched,
  tunnel as openTunnel,
  type Tunnel,
  type Watched,
} from './support/egress.js';
import { eventually } from './support/eventually.js';

/** The only address of this machine that may be reached; the site listens there too. */
const open = '127.0.0.2';

describe('a lane', () => {
  let site: Watched;
  let names: Map<string, string[][]>;
  let lookups: string[];
  let logged: string[];
  let denied: number;
  let cleanUp: (() => unknown)[];

  beforeEach(async () => {
    site = await openWatched();
    names = new Map();
    [lookups, logged, denied, cleanUp] = [[], [], 0, [() => site.close()]];
  });

  afterEach(async () => {
    for (const step of cleanUp.reverse()) await step();
  });

  /** Answers the next of a name's answers, the last one for ever. */
  const resolve = (host: string): Promise<string[]> => {
    lookups.push(host);
    const answers = names.get(host);
    if (!answers) return Promise.reject(new Error(`${host} has no address`));
    return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? []);
  };

  const defaults: EgressOptions = {
    mode: 'filter',
    allow: [open],
    deny: [],
    host: '127.0.0.1',
    connectTimeout: 2_000,
    maxConnections: 100,
  };

  const egressWith = (options: Partial<EgressOptions> = {}) => {
    const log = (_level: string, message: string): void => void logged.push(message);
    return createEgress({ ...defaults, ...options }, { log, strangers: true, resolve });
  };

  const gateOf = (egress = egressWith()): EgressGate => {
    const tenant = { name: 'acme', trust: 'tenant' as const };
    const gate = egress?.open({ virtualBrowserId: 'v', tenant, onDenied: () => denied++ });
    if (!gate) throw new Error('it does not filter');
    cleanUp.push(() => gate.close());
    return gate;
  };

  const lane = async (proxyServer?: string, proxyBypassList?: string, gate = gateOf()): Promise<string> =>
    (await gate.proxyFor({ proxyServer, proxyBypassList })).proxyServer;

  const tunnel = async (...args: Parameters<typeof openTunnel>): Promise<Tunnel> => {
    const opened = await openTunnel(...args);
    cleanUp.push(() => opened.socket.destroy());
    return opened;
  };

  /** A proxy of the client's own, on an address that may be reached. */
  const upstream = async (credentials?: string): Promise<{ url: string; asked: string[] }> => {
    const asked: string[] = [];
    const server = new ProxyChain({
      port: 0,
      host: open,
      prepareRequestFunction: ({ hostname, port, username, password }) => {
        const given = `${username}:${password}`;
        if (credentials !== undefined && given !== credentials) return { requestAuthentication: true };
        asked.push(`${hostname}:${port}`);
        // Whatever it is asked for, it finds at the site.
        const lookup = (
          _host: string,
          options: { all?: boolean },
          done: (...args: unknown[]) => void,
        ): void =>
          options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
        return { dnsLookup: lookup as never };
      },
    });
    await server.listen();
    cleanUp.push(() => server.close(true));
    return { url: `http://${open}:${server.port}`, asked };
  };

  it('reaches what is allowed, by plain HTTP and by a tunnel', async () => {
    const proxy = await lane();
    const authority = `${open}:${site.port}`;
    expect(await get(proxy, `http://${authority}/a`)).toMatchObject({
      status: 200,
      body: `reached ${open} as ${authority}`,
    });
    expect(await getThrough(await tunnel(proxy, authority), 'x')).toContain(`reached ${open} as x`);
  });

  it('says with 403 which address it denies, and why', async () => {
    const proxy = await lane();
    const body = 'cdpmux: 127.0.0.1 is a loopback address, which policy.egress.allow does not open.\n';
    expect(await get(proxy, `http://127.0.0.1:${site.port}/a`)).toMatchObject({ status: 403, body });
    expect(await tunnel(proxy, `127.0.0.1:${site.port}`)).toMatchObject({ status: 403, body });
    expect([site.seen, denied]).toEqual([[], 2]);
  });

  it.each([
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    'localhost',
    'LOCALHOST.',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '0',
    '0.0.0.0',
    '[::]',
    '%31%32%37.0.0.1',
  ])('denies this machine written as %s', async (host) => {
    names.set('localhost', [['127.0.0.1', '::1']]);
    const proxy = await lane();
    const answers = [
      await get(proxy, `http://${host}:${site.port}/a`, { host: 'x' }),
      await tunnel(proxy, `${host}:${site.port}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect(site.seen).toEqual([]);
  });

  it('looks a name up once and connects to the address that it checked, whatever DNS says next', async () => {
    const rebinds = (): Map<string, string[][]> => names.set('rebind.test', [[open], ['127.0.0.1']]);
    rebinds();
    const proxy = await lane();
    const first = await get(proxy, `http://rebind.test:${site.port}/a`);
    expect([first.status, lookups]).toEqual([200, ['rebind.test']]);
    expect(await get(proxy, `http://rebind.test:${site.port}/b`)).toMatchObject({ status: 403 });
    rebinds();
    lookups.length = 0;
    const through = await tunnel(proxy, `rebind.test:${site.port}`);
    expect(lookups).toEqual(['rebind.test']);
    expect(await getThrough(through, 'x')).toContain(`reached ${open}`);
    expect(await tunnel(proxy, `rebind.test:${site.port}`)).toMatchObject({ status: 403 });
    expect(site.seen.filter((one) => one.startsWith('127.0.0.1'))).toEqual([]);
  });

  it('connects to the permitted ones of several addresses only', async () => {
    names.set('mixed.test', [['127.0.0.1', '::1', open]]);
    const proxy = await lane();
    expect(await get(proxy, `http://mixed.test:${site.port}/a`)).toMatchObject({ status: 200 });
    expect(await getThrough(await tunnel(proxy, `mixed.test:${site.port}`), 'x')).toContain(
      `reached ${open}`,
    );
    expect(new Set(site.seen.map((one) => one.split(' ')[0]))).toEqual(new Set([open]));
  });

  it('tries the next permitted address where one does not answer', async () => {
    names.set('two.test', [['127.0.0.3', open]]);
    const only = await listenOnly(open);
    const proxy = await lane(undefined, undefined, gateOf(egressWith({ allow: ['127.0.0.2/31'] })));
    expect((await tunnel(proxy, `two.test:${only}`)).status).toBe(200);
  });

  const listenOnly = async (host: string): Promise<number> => {
    const server = createServer();
    cleanUp.push(() => closeAll(server));
    server.on('connection', (socket) => cleanUp.push(() => socket.destroy()));
    return listen(server, host);
  };

  it('answers 502 for a name that is unknown, or not found in time', async () => {
    const proxy = await lane();
    expect(await get(proxy, 'http://unknown.test/')).toMatchObject({ status: 502 });
    const silent = createEgress(
      { ...defaults, connectTimeout: 100 },
      { log: () => undefined, strangers: true, resolve: () => new Promise(() => undefined) },
    );
    const slow = await lane(undefined, undefined, gateOf(silent));
    const answer = await tunnel(slow, 'silent.test:443');
    expect(answer).toMatchObject({ status: 502, body: expect.stringContaining('within 100 ms') });
  });

  it('answers 400 for what is no host', async () => {
    const proxy = await lane();
    expect((await tunnel(proxy, 'a%20b:443')).status).toBe(400);
  });

  it('counts every denial, and logs each destination once, fifty at most', async () => {
    const proxy = await lane();
    for (let i = 0; i < 60; i++) await get(proxy, `http://10.0.0.${i}/`);
    await get(proxy, 'http://10.0.0.1/');
    expect([denied, logged.length]).toEqual([61, 50]);
    expect(logged.at(-1)).toContain('only counted');
  });

  it('takes no more connections than it may, says so, and takes more once some have gone', async () => {
    const gate = gateOf(egressWith({ maxConnections: 2 }));
    const proxy = await lane(undefined, undefined, gate);
    const authority = `${open}:${site.port}`;
    const [first] = [await tunnel(proxy, authority), await tunnel(proxy, authority)];
    const answer = await tunnel(proxy, authority);
    expect(answer).toMatchObject({
      status: 503,
      body: expect.stringContaining('policy.egress.maxConnections'),
    });
    first.socket.destroy();
    await eventually(async () => (await tunnel(proxy, authority)).status === 200);
  });

  it('closes every connection when the virtual browser ends, also to a server that never closes its end', async () => {
    const ends: Socket[] = [];
    const server = createServer(
      { allowHalfOpen: true },
      (socket) => void ends.push(socket.on('error', () => undefined)),
    );
    const port = await listen(server, open);
    cleanUp.push(() => closeAll(server));
    cleanUp.push(() => ends.forEach((socket) => socket.destroy()));
    const gate = gateOf();
    const proxy = await lane(undefined, undefined, gate);
    const { socket } = await tunnel(proxy, `${open}:${port}`);
    await eventually(() => ends.length === 1);
    const closed = once(socket, 'close');
    gate.close();
    socket.resume();
    await closed;
    // Somebody who only ended his half would still take what is written.
    await eventually(() => {
      ends[0]?.write('x');
      return ends[0]?.destroyed === true;
    });
    const refused = connect(Number(new URL(proxy).port), '127.0.0.1');
    await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(gate.proxyFor({})).rejects.toMatchObject({ code: 'ENDED' });
  });

  it('is one for all contexts that ask for the same, and closes with the last of them', async () => {
    const gate = gateOf();
    const { url } = await upstream();
    const [one, two, other] = await Promise.all([
      gate.proxyFor({}),
      gate.proxyFor({ proxyBypassList: 'a.test' }),
      gate.proxyFor({ proxyServer: url }),
    ]);
    expect(two.proxyServer).toBe(one.proxyServer);
    expect(other.proxyServer).not.toBe(one.proxyServer);
    const isOpen = async (): Promise<boolean> =>
      get(one.proxyServer, `http://${open}:${site.port}/`).then(
        () => true,
        () => false,
      );
    one.release();
    one.release();
    expect(await isOpen()).toBe(true);
    two.release();
    await eventually(async () => !(await isOpen()));
  });

  it("is out of reach for another virtual browser's pages, even where loopback is allowed", async () => {
    const egress = egressWith({ allow: ['127.0.0.0/8', '0.0.0.0', 'localhost'] });
    names.set('localhost', [['127.0.0.1']]);
    const [mine, theirs] = [
      await lane(undefined, undefined, gateOf(egress)),
      await lane(undefined, undefined, gateOf(egress)),
    ];
    const { port } = new URL(theirs);
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0']) {
      expect(await get(mine, `http://${host}:${port}/`)).toMatchObject({
        status: 403,
        body: expect.stringContaining("cdpmux's own"),
      });
      expect((await tunnel(mine, `${host}:${port}`)).status).toBe(403);
    }
    await expect(gateOf(egress).proxyFor({ proxyServer: theirs })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect((await get(mine, `http://127.0.0.1:${site.port}/`)).status).toBe(200);
  });

  describe('that goes on to the proxy a client asked for', () => {
    it('sends requests there and still checks where they go', async () => {
      names.set('site.test', [[open]]);
      names.set('inside.test', [['10.0.0.1']]);
      const { url, asked } = await upstream();
      const proxy = await lane(url);
      const authority = `site.test:${site.port}`;
      expect(await get(proxy, `http://${authority}/a`)).toMatchObject({
        status: 200,
        body: `reached 127.0.0.1 as ${authority}`,
      });
      expect(await getThrough(await tunnel(proxy, authority), 'x')).toContain('reached 127.0.0.1');
      expect(asked).toEqual([authority, authority]);
      expect((await get(proxy, `http://inside.test:${site.port}/`)).status).toBe(403);
      expect((await tunnel(proxy, `inside.test:${site.port}`)).status).toBe(403);
      expect((await tunnel(proxy, `127.0.0.1:${site.port}`)).status).toBe(403);
      expect(asked).toHaveLength(2);
    });

    it('leaves a name that is unknown here to that proxy', async () => {
      const { url, asked } = await upstream();
      const proxy = await lane(url);
      expect((await get(proxy, `http://only-there.test:${site.port}/`)).status).toBe(200);
      expect((await tunnel(proxy, `only-there.test:${site.port}`)).status).toBe(200);
      expect(asked).toHaveLength(2);
    });

    it('looks up the name of that proxy once for each request, and connects to what it checked', async () => {
      const { url, asked } = await upstream();
      const { port } = new URL(url);
      names.set('site.test', [[open]]);
      names.set('proxy.test', [[open], [open], ['127.0.0.1']]);
      const proxy = await lane(`proxy.test:${port}`);
      expect((await get(proxy, `http://site.test:${site.port}/`)).status).toBe(200);
      expect((await tunnel(proxy, `site.test:${site.port}`)).status).toBe(200);
      expect((await get(proxy, `http://site.test:${site.port}/`)).status).toBe(403);
      expect((await tunnel(proxy, `site.test:${site.port}`)).status).toBe(403);
      expect(lookups.filter((one) => one === 'proxy.test')).toHaveLength(4);
      expect(asked).toHaveLength(2);
    });

    it.each([
      ['127.0.0.1:3128', 'FORBIDDEN'],
      ['socks5://169.254.169.254', 'FORBIDDEN'],
      ['http=10.0.0.1:1;https=10.0.0.1:2', 'FORBIDDEN'],
      ['a.test,b.test', 'BAD_PARAMETER'],
      ['quic://a.test', 'BAD_PARAMETER'],
    ])('refuses %s', async (proxyServer, code) => {
      await expect(gateOf().proxyFor({ proxyServer })).rejects.toMatchObject({ code });
    });

    it('refuses a text that is too long', async () => {
      const wishes = [{ proxyServer: 'x'.repeat(5_000) }, { proxyBypassList: 'x;'.repeat(5_000) }];
      for (const wish of wishes) {
        await expect(gateOf().proxyFor(wish)).rejects.toMatchObject({ code: 'BAD_PARAMETER' });
      }
    });

    it('asks for the credentials that proxy wants, and passes them on', async () => {
      const { url, asked } = await upstream('user:secret');
      names.set('site.test', [[open]]);
      const [proxy, authority] = [await lane(url), `site.test:${site.port}`];
      const header = (text: string) => ({
        'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}`,
      });
      for (const given of [undefined, header('user:wrong')]) {
        const answers = [
          await get(proxy, `http://${authority}/`, given),
          await tunnel(proxy, authority, given),
        ];
        for (const { status, headers } of answers) {
          expect([status, headers['proxy-authenticate']]).toEqual([407, expect.stringMatching(/^Basic /)]);
        }
      }
      expect(asked).toEqual([]);
      expect((await get(proxy, `http://${authority}/`, header('user:secret'))).status).toBe(200);
      expect((await tunnel(proxy, authority, header('user:secret'))).status).toBe(200);
      const within = await lane(url.replace('//', '//user:secret@'));
      expect((await get(within, `http://${authority}/`)).status).toBe(200);
      expect((await tunnel(within, authority)).status).toBe(200);
    });

    it('goes past that proxy for hosts of the bypass list, and past no check', async () => {
      names.set('near.test', [[open]]);
      const { url, asked } = await upstream();
      const proxy = await lane(url, 'near.test;10.0.0.0/8;*.far.test');
      expect((await get(proxy, `http://near.test:${site.port}/`)).body).toContain(`reached ${open}`);
      expect(await getThrough(await tunnel(proxy, `near.test:${site.port}`), 'x')).toContain(
        `reached ${open}`,
      );
      expect((await get(proxy, 'http://10.1.2.3/')).status).toBe(403);
      expect((await tunnel(proxy, 'localhost:1')).status).not.toBe(200);
      expect(asked).toEqual([]);
    });

    it('goes through SOCKS, which is given the name', async () => {
      names.set('site.test', [[open]]);
      names.set('socks.test', [[open]]);
      const socks = await openSocks(open, { host: '127.0.0.1', port: site.port });
      cleanUp.push(() => socks.close());
      const proxy = await lane(`socks5://socks.test:${socks.port}`);
      expect(await getThrough(await tunnel(proxy, 'site.test:443'), 'x')).toContain('reached 127.0.0.1');
      expect((await get(proxy, 'http://site.test/')).status).toBe(200);
      expect((await tunnel(proxy, '10.0.0.1:443')).status).toBe(403);
      expect(socks.asked).toEqual(['site.test:443', 'site.test:80']);
    });

    it('gives up on a proxy that is silent', async () => {
      const port = await listenOnly(open);
      names.set('site.test', [[open]]);
      const proxy = await lane(`${open}:${port}`, undefined, gateOf(egressWith({ connectTimeout: 200 })));
      expect((await tunnel(proxy, 'site.test:443')).status).toBe(502);
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
      cleanUp.push(() => server.close(true));
      names.set('site.test', [[open]]);
      expect((await tunnel(await lane(`${open}:${server.port}`), 'site.test:443')).status).toBe(451);
    });
  });
});
