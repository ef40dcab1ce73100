import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formsOf, kindOf } from '../proxy/egress/address.js';
import { parseBypassList } from '../proxy/egress/bypass-list.js';
import { parseEntry } from '../proxy/egress/entry.js';
import { canonicalHost } from '../proxy/egress/host.js';
import { EgressPolicy } from '../proxy/egress/policy.js';
import { systemResolver } from '../proxy/egress/resolver.js';
import { parseProxyServer } from '../proxy/egress/upstream-proxy.js';

const own = new Set(['93.184.216.34', '2606:2800::1']);
const policy = (allow: string[] = [], deny: string[] = []): EgressPolicy =>
  new EgressPolicy({ allow, deny }, () => own);
/** As the checkpoint asks: canonical host, canonical address. */
const reaches = (lists: EgressPolicy, host: string, address = host): boolean =>
  lists.judge(host, address).allowed;

describe('an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['1.1.1.1', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['100.128.0.0', 'public'],
    ['169.253.255.255', 'public'],
    ['223.255.255.255', 'public'],
    ['10.0.0.0', 'private'],
    ['10.255.255.255', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['100.127.255.254', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['169.254.0.1', 'link-local'],
    ['169.254.170.2', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['255.255.255.255', 'multicast'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['192.0.0.192', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['198.51.100.1', 'reserved'],
    ['203.0.113.1', 'reserved'],
    ['240.0.0.1', 'reserved'],
    ['93.184.216.34', 'own'],
    ['2606:4700::1111', 'public'],
    ['2606:2800::1', 'own'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fc00::1', 'private'],
    ['fdff::1', 'private'],
    ['fec0::1', 'private'],
    ['ff02::1', 'multicast'],
    ['::7f00:1', 'reserved'],
    ['::808:808', 'reserved'],
    ['::ffff:0:7f00:1', 'reserved'],
    ['64:ff9b:1::7f00:1', 'reserved'],
    ['100::1', 'reserved'],
    ['2001::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['3fff::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['5f00::1', 'reserved'],
  ])('%s is %s', (address, kind) => {
    expect(formsOf(address).map((form) => kindOf(form, own))).toEqual([kind]);
  });

  it.each([
    ['mapped', '::ffff:127.0.0.1', ['loopback']],
    ['mapped', '::ffff:a9fe:a9fe', ['metadata']],
    ['mapped', '::ffff:8.8.8.8', ['public']],
    ['NAT64', '64:ff9b::127.0.0.1', ['public', 'loopback']],
    ['NAT64', '64:ff9b::a00:1', ['public', 'private']],
    ['NAT64', '64:ff9b::8.8.8.8', ['public', 'public']],
    ['6to4', '2002:7f00:1::', ['public', 'loopback']],
    ['6to4', '2002:a9fe:a9fe::1', ['public', 'metadata']],
    ['6to4', '2002:808:808::1', ['public', 'public']],
  ])('that is %s, %s, is looked at as IPv4 too', (_form, address, kinds) => {
    expect(formsOf(address).map((form) => kindOf(form, own))).toEqual(kinds);
  });

  it('is never public when it is private in any of the ways to write it', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const networks = fc.oneof(
      fc.tuple(fc.constant(10), octet, octet, octet),
      fc.tuple(fc.constant(127), octet, octet, octet),
      fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
      fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
      fc.tuple(fc.integer({ min: 224, max: 255 }), octet, octet, octet),
    );
    const none = policy();
    fc.assert(
      fc.property(networks, ([a, b, c, d]) => {
        const number = ((a * 256 + b) * 256 + c) * 256 + d;
        const dotted = `${a}.${b}.${c}.${d}`;
        const hex = (value: number): string => value.toString(16);
        const [high, low] = [hex(a * 256 + b), hex(c * 256 + d)];
        const octal = [a, b, c, d].map((part) => `0${part.toString(8)}`).join('.');
        const written = [
          dotted,
          `${dotted}.`,
          String(number),
          `0x${hex(number)}`,
          octal,
          `${a}.${(b * 256 + c) * 256 + d}`,
          `0x${hex(a)}.${b}.${c * 256 + d}`,
          `[::ffff:${dotted}]`,
          `[::ffff:${high}:${low}]`,
          `[64:ff9b::${high}:${low}]`,
          `[2002:${high}:${low}::1]`,
          `[::${high}:${low}]`,
        ];
        for (const text of written) {
          const host = canonicalHost(text) ?? '';
          expect([text, reaches(none, host)]).toEqual([text, false]);
        }
      }),
    );
  });
});

describe('the lists', () => {
  it('let a CIDR open what is closed by default, metadata included', () => {
    const lists = policy(['10.1.0.0/16', '169.254.169.254', 'fd00::/8']);
    expect(reaches(lists, '10.1.2.3')).toBe(true);
    expect(reaches(lists, 'wiki.corp', '10.1.2.3')).toBe(true);
    expect(reaches(lists, '10.2.0.1')).toBe(false);
    expect(reaches(lists, '169.254.169.254')).toBe(true);
    expect(reaches(lists, 'fd12::1')).toBe(true);
    expect(reaches(lists, 'fe80::1')).toBe(false);
  });

  it('let a name open private addresses, and neither metadata nor link-local ones', () => {
    const lists = policy(['wiki.corp', '*.svc.corp', 'localhost']);
    expect(reaches(lists, 'wiki.corp', '10.1.2.3')).toBe(true);
    expect(reaches(lists, 'a.b.svc.corp', 'fd00::1')).toBe(true);
    expect(reaches(lists, 'localhost', '127.0.0.1')).toBe(true);
    expect(reaches(lists, 'svc.corp', '10.1.2.3')).toBe(false);
    expect(reaches(lists, 'notwiki.corp', '10.1.2.3')).toBe(false);
    expect(reaches(lists, 'wiki.corp', '169.254.169.254')).toBe(false);
    expect(reaches(lists, 'wiki.corp', '64:ff9b::a9fe:a9fe')).toBe(false);
    expect(reaches(lists, 'wiki.corp', 'fe80::1')).toBe(false);
    expect(reaches(lists, 'wiki.corp', '0.0.0.0')).toBe(false);
  });

  it('let the more specific entry decide, and deny where two are alike', () => {
    const lists = policy(
      ['example.com', '*.good.example', 'same.example', '10.0.1.0/24', '10.9.0.0/16'],
      ['*', '*.example', 'bad.good.example', 'same.example', '10.0.0.0/8', '10.9.0.0/16'],
    );
    expect(reaches(lists, 'example.com', '8.8.8.8')).toBe(true);
    expect(reaches(lists, 'other.com', '8.8.8.8')).toBe(false);
    expect(reaches(lists, '8.8.8.8')).toBe(false);
    expect(reaches(lists, 'www.good.example', '8.8.8.8')).toBe(true);
    expect(reaches(lists, 'bad.good.example', '8.8.8.8')).toBe(false);
    expect(reaches(lists, 'same.example', '8.8.8.8')).toBe(false);
    expect(reaches(lists, 'example.com', '10.0.1.1')).toBe(true);
    expect(reaches(lists, 'example.com', '10.9.0.1')).toBe(false);
  });

  it('keep denied what either kind denies', () => {
    const lists = policy(['wiki.corp', '93.184.0.0/16'], ['8.8.8.0/24', '10.0.0.0/8', 'bad.example']);
    expect(reaches(lists, 'wiki.corp', '10.1.2.3')).toBe(false);
    expect(reaches(lists, 'any.example', '8.8.8.8')).toBe(false);
    expect(reaches(lists, 'any.example', '::ffff:8.8.8.8')).toBe(false);
    expect(reaches(lists, 'any.example', '64:ff9b::808:808')).toBe(false);
    expect(reaches(lists, 'bad.example', '93.184.1.1')).toBe(false);
    expect(lists.judgeName('bad.example').allowed).toBe(false);
  });

  it.each([
    '10.0.0.0/8',
    '::/0',
    '::1',
    'fd00::/8',
    'a.example',
    '*.a.example',
    '*',
    'bücher.example',
    'DB',
    'a.example.',
  ])('take %s', (text) => {
    expect(parseEntry(text)).toBeDefined();
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0',
    '2130706433',
    '0x7f.1',
    '010.0.0.1',
    'a*.example',
    '*.*',
    'a.example:80',
    'http://a.example',
    'a/8',
    '',
    '.',
    'a b',
  ])('refuse %p', (text) => {
    expect(parseEntry(text)).toBeUndefined();
  });
});

describe('a host', () => {
  it.each([
    ['EXAMPLE.com.', 'example.com'],
    ['127.0.0.1.', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['[::ffff:127.0.0.1]', '::ffff:7f00:1'],
    ['１２７.0.0.1', '127.0.0.1'],
    ['①27.0.0.1', '127.0.0.1'],
    ['127。0。0。1', '127.0.0.1'],
    ['%31%32%37.0.0.1', '127.0.0.1'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['LocalHost', 'localhost'],
  ])('%s is read as %s', (text, host) => {
    expect(canonicalHost(text)).toBe(host);
  });

  it.each([
    '',
    '.',
    'a b',
    'a/b',
    'a@b',
    'a?b',
    'a#b',
    'a\\b',
    'a:80',
    '256.0.0.1',
    '1.2.3.4.5',
    '[::1',
    'a%00b',
  ])('is not %p', (text) => {
    expect(canonicalHost(text)).toBeUndefined();
  });
});

describe('proxyServer', () => {
  const none = { username: '', password: '' };

  it.each([
    ['p.example', { scheme: 'http', host: 'p.example', port: 80, ...none }],
    ['p.example:3128', { scheme: 'http', host: 'p.example', port: 3128, ...none }],
    ['http://p.example:3128/', { scheme: 'http', host: 'p.example', port: 3128, ...none }],
    ['HTTPS://P.example', { scheme: 'https', host: 'p.example', port: 443, ...none }],
    ['socks://p.example', { scheme: 'socks5', host: 'p.example', port: 1080, ...none }],
    ['socks4://0x7f.1:9', { scheme: 'socks4', host: '127.0.0.1', port: 9, ...none }],
    ['[::1]:3128', { scheme: 'http', host: '::1', port: 3128, ...none }],
    [
      'http://u:p%40:x@p.example:1',
      { scheme: 'http', host: 'p.example', port: 1, username: 'u', password: 'p@:x' },
    ],
  ])('%s is one proxy for all', (text, proxy) => {
    expect(parseProxyServer(text)).toEqual({ http: proxy, tunnel: proxy });
  });

  it('may differ by kind of URL', () => {
    const { http, tunnel } = parseProxyServer('http=a.example:1;https=https://b.example:2');
    expect([http?.host, tunnel?.host]).toEqual(['a.example', 'b.example']);
    const mixed = parseProxyServer('https=b.example; socks=c.example');
    expect([mixed.http?.scheme, mixed.tunnel?.scheme]).toEqual(['socks4', 'http']);
    expect(parseProxyServer('http=a.example').tunnel).toBeUndefined();
    expect(parseProxyServer('direct://')).toEqual({ http: undefined, tunnel: undefined });
  });

  it.each([
    '',
    ';',
    'a,b',
    'quic://a:1',
    'http://',
    'a:0',
    'a:99999',
    'a:b',
    'x=a',
    'a;b',
    'http=a;b',
    'http://a/b',
  ])('is refused as %p', (text) => {
    expect(() => parseProxyServer(text)).toThrow(TypeError);
  });
});

describe('proxyBypassList', () => {
  const passes = (list: string, host: string, port = 443, scheme: 'http' | 'https' = 'https'): boolean =>
    parseBypassList(list)(host, port, scheme);

  it.each([
    ['a.example', 'a.example', true],
    ['a.example', 'x.a.example', false],
    ['.a.example', 'x.a.example', true],
    ['.a.example', 'a.example', false],
    ['*.a.example', 'x.a.example', true],
    ['*a.example', 'xa.example', true],
    ['a*c.example', 'abc.example', true],
    ['a*b*c', 'abbc', true],
    ['a*b*c', 'ac', false],
    ['ab*ba', 'aba', false],
    ['*', 'a.example', true],
    ['b;A.Example', 'a.example', true],
    ['b, a.example', 'a.example', true],
    ['http://a.example', 'a.example', false],
    ['https://a.example', 'a.example', true],
    ['a.example:443', 'a.example', true],
    ['a.example:80', 'a.example', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['[fd00::1]:443', 'fd00::1', true],
    ['<local>', 'intranet', true],
    ['<local>', 'a.example', false],
    ['', 'localhost', true],
    ['', '127.0.0.9', true],
    ['', '::1', true],
    ['', '169.254.1.1', true],
    ['', '10.0.0.1', false],
    ['<-loopback>', 'localhost', false],
    ['<-loopback>', '127.0.0.1', false],
  ])('%p for %s: %s', (list, host, expected) => {
    expect(passes(list, host)).toBe(expected);
  });
});

describe('the system resolver', () => {
  it('knows localhost, addresses and the hosts file without asking anybody', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cdpmux-hosts-'));
    try {
      const file = join(directory, 'hosts');
      await writeFile(file, '# a comment\n10.0.0.7 Db.Corp db # more\nnonsense x\nfd00::7 db\n');
      const resolve = systemResolver(file);
      expect(await resolve('localhost')).toEqual(['127.0.0.1', '::1']);
      expect(await resolve('a.localhost')).toEqual(['127.0.0.1', '::1']);
      expect(await resolve('1.2.3.4')).toEqual(['1.2.3.4']);
      expect(await resolve('db.corp')).toEqual(['10.0.0.7']);
      expect(await resolve('db')).toEqual(['10.0.0.7', 'fd00::7']);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
