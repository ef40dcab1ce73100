import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { closeAll, get, getThrough, listen } from './support/egress.js';
import { Lanes, open } from './support/egress-lane.js';
import { eventually } from './support/eventually.js';

describe('a lane', () => {
  let lanes: Lanes;

  beforeEach(async () => {
    lanes = await Lanes.open();
  });

  afterEach(() => lanes.close());

  it('reaches what is allowed, by plain HTTP and by a tunnel', async () => {
    const proxy = await lanes.lane();
    const authority = `${open}:${lanes.site.port}`;
    expect(await get(proxy, `http://${authority}/a`)).toMatchObject({
      status: 200,
      body: `reached ${open} as ${authority}`,
    });
    expect(await getThrough(await lanes.tunnel(proxy, authority), 'x')).toContain(`reached ${open} as x`);
  });

  it('says with 403 which address it denies, and why', async () => {
    const proxy = await lanes.lane();
    const body = 'cdpmux: 127.0.0.1 is a loopback address, which policy.egress.allow does not open.\n';
    expect(await get(proxy, `http://127.0.0.1:${lanes.site.port}/a`)).toMatchObject({ status: 403, body });
    expect(await lanes.tunnel(proxy, `127.0.0.1:${lanes.site.port}`)).toMatchObject({ status: 403, body });
    expect([lanes.site.seen, lanes.denied]).toEqual([[], 2]);
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
    lanes.names.set('localhost', ['127.0.0.1', '::1']);
    const proxy = await lanes.lane();
    const answers = [
      await get(proxy, `http://${host}:${lanes.site.port}/a`, { host: 'x' }),
      await lanes.tunnel(proxy, `${host}:${lanes.site.port}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([403, 403]);
    expect(lanes.site.seen).toEqual([]);
  });

  it('looks a name up once and connects to the address that it checked, whatever DNS says next', async () => {
    const rebinds = () => lanes.names.set('rebind.test', [open], ['127.0.0.1']);
    rebinds();
    const proxy = await lanes.lane();
    const first = await get(proxy, `http://rebind.test:${lanes.site.port}/a`);
    expect([first.status, lanes.names.lookups]).toEqual([200, ['rebind.test']]);
    expect(await get(proxy, `http://rebind.test:${lanes.site.port}/b`)).toMatchObject({ status: 403 });
    rebinds();
    lanes.names.lookups.length = 0;
    const through = await lanes.tunnel(proxy, `rebind.test:${lanes.site.port}`);
    expect(lanes.names.lookups).toEqual(['rebind.test']);
    expect(await getThrough(through, 'x')).toContain(`reached ${open}`);
    expect(await lanes.tunnel(proxy, `rebind.test:${lanes.site.port}`)).toMatchObject({ status: 403 });
    expect(lanes.site.seen.filter((one) => one.startsWith('127.0.0.1'))).toEqual([]);
  });

  it('connects to the permitted ones of several addresses only', async () => {
    lanes.names.set('mixed.test', ['127.0.0.1', '::1', open]);
    const proxy = await lanes.lane();
    expect(await get(proxy, `http://mixed.test:${lanes.site.port}/a`)).toMatchObject({ status: 200 });
    expect(await getThrough(await lanes.tunnel(proxy, `mixed.test:${lanes.site.port}`), 'x')).toContain(
      `reached ${open}`,
    );
    expect(new Set(lanes.site.seen.map((one) => one.split(' ')[0]))).toEqual(new Set([open]));
  });

  it('tries the next permitted address where one does not answer', async () => {
    lanes.names.set('two.test', ['127.0.0.3', open]);
    const only = await lanes.silent();
    const proxy = await lanes.lane(
      undefined,
      undefined,
      lanes.gate(lanes.egress({ allow: ['127.0.0.2/31'] })),
    );
    expect((await lanes.tunnel(proxy, `two.test:${only}`)).status).toBe(200);
  });

  it('answers 502 for a name that is unknown, or not found in time', async () => {
    const proxy = await lanes.lane();
    expect(await get(proxy, 'http://unknown.test/')).toMatchObject({ status: 502 });
    const silent = lanes.egress({ connectTimeout: 100 }, () => new Promise(() => undefined));
    const slow = await lanes.lane(undefined, undefined, lanes.gate(silent));
    const answer = await lanes.tunnel(slow, 'silent.test:443');
    expect(answer).toMatchObject({ status: 502, body: expect.stringContaining('within 100 ms') });
  });

  it('answers 400 for what is no host', async () => {
    const proxy = await lanes.lane();
    expect((await lanes.tunnel(proxy, 'a%20b:443')).status).toBe(400);
  });

  it('counts every denial, and logs each destination once, fifty at most', async () => {
    const proxy = await lanes.lane();
    for (let i = 0; i < 60; i++) await get(proxy, `http://10.0.0.${i}/`);
    await get(proxy, 'http://10.0.0.1/');
    expect([lanes.denied, lanes.logged.length]).toEqual([61, 50]);
    expect(lanes.logged.at(-1)).toContain('only counted');
  });

  it('takes no more connections than it may, says so, and takes more once some have gone', async () => {
    const gate = lanes.gate(lanes.egress({ maxConnections: 2 }));
    const proxy = await lanes.lane(undefined, undefined, gate);
    const authority = `${open}:${lanes.site.port}`;
    const [first] = [await lanes.tunnel(proxy, authority), await lanes.tunnel(proxy, authority)];
    const answer = await lanes.tunnel(proxy, authority);
    expect(answer).toMatchObject({
      status: 503,
      body: expect.stringContaining('policy.egress.maxConnections'),
    });
    first.socket.destroy();
    await eventually(async () => (await lanes.tunnel(proxy, authority)).status === 200);
  });

  it('closes every connection when the virtual browser ends, also to a server that never closes its end', async () => {
    const ends: Socket[] = [];
    const server = createServer(
      { allowHalfOpen: true },
      (socket) => void ends.push(socket.on('error', () => undefined)),
    );
    const port = await listen(server, open);
    lanes.atEnd(() => closeAll(server));
    lanes.atEnd(() => ends.forEach((socket) => socket.destroy()));
    const gate = lanes.gate();
    const proxy = await lanes.lane(undefined, undefined, gate);
    const { socket } = await lanes.tunnel(proxy, `${open}:${port}`);
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
    const gate = lanes.gate();
    const { url } = await lanes.upstream();
    const [one, two, other] = await Promise.all([
      gate.proxyFor({}),
      gate.proxyFor({ proxyBypassList: 'a.test' }),
      gate.proxyFor({ proxyServer: url }),
    ]);
    expect(two.proxyServer).toBe(one.proxyServer);
    expect(other.proxyServer).not.toBe(one.proxyServer);
    const isOpen = async (): Promise<boolean> =>
      get(one.proxyServer, `http://${open}:${lanes.site.port}/`).then(
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
    const egress = lanes.egress({ allow: ['127.0.0.0/8', '0.0.0.0', 'localhost'] });
    lanes.names.set('localhost', ['127.0.0.1']);
    const [mine, theirs] = [
      await lanes.lane(undefined, undefined, lanes.gate(egress)),
      await lanes.lane(undefined, undefined, lanes.gate(egress)),
    ];
    const { port } = new URL(theirs);
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0']) {
      expect(await get(mine, `http://${host}:${port}/`)).toMatchObject({
        status: 403,
        body: expect.stringContaining("cdpmux's own"),
      });
      expect((await lanes.tunnel(mine, `${host}:${port}`)).status).toBe(403);
    }
    await expect(lanes.gate(egress).proxyFor({ proxyServer: theirs })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect((await get(mine, `http://127.0.0.1:${lanes.site.port}/`)).status).toBe(200);
  });
});
