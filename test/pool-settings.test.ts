import { describe, expect, it } from '@jest/globals';
import { loadConfig, readConfig, type Config, type Sources } from '../proxy/config.js';
import { problemsOf, problemsOfSetting } from './support/config-problems.js';

const setting = (...assignments: string[]): Config => loadConfig({ flags: { set: assignments } });
const inFile = (content: object): Sources => ({
  file: { name: 'cdpmux.json', content: JSON.stringify(content) },
});

describe('named pools', () => {
  it('are none by default', () => {
    expect(loadConfig({}).pools).toEqual({});
  });

  it('come from the file, the environment and flags, key by key', () => {
    const { pools } = loadConfig({
      ...inFile({ pools: { pdf: { chrome: '/opt/a', browsers: { kind: 'chrome', max: 2, maxAge: '2h' } } } }),
      env: { CDPMUX_POOLS_PDF_BROWSERS_MAX: '3', CDPMUX_POOLS_TWO_WORDS_BROWSERS_MAX_USES: '7' },
      flags: { set: ['pools.pdf.browsers.maxAge=3h', 'pools.two-words.chrome=embedded'] },
    });
    expect(pools['pdf']).toMatchObject({
      chrome: '/opt/a',
      browsers: { kind: 'chrome', max: 3, maxAge: 3 * 3_600_000 },
    });
    expect(pools['two-words']).toMatchObject({ chrome: 'embedded', browsers: { maxUses: 7 } });
    expect(Object.keys(pools).sort()).toEqual(['pdf', 'two-words']);
  });

  it('have the rest from the pool without a name', () => {
    const { browsers, chrome, pools } = loadConfig({
      ...inFile({ chrome: '/opt/c', browsers: { max: 4, flags: ['--lang=de'] }, pools: { same: {} } }),
    });
    expect(pools['same']).toEqual({ chrome, browsers });
    expect(setting('pools.a.browsers.kind=shell').pools['a']?.browsers).toEqual({
      ...loadConfig({}).browsers,
      kind: 'shell',
    });
  });

  it('have no name that objects come with', () => {
    expect(loadConfig({}).pools['constructor']).toBeUndefined();
    expect(setting('pools.constructor.browsers.max=2').pools['constructor']?.browsers.max).toBe(2);
  });

  it('tell everything that is wrong by its path, with the rest', () => {
    const problems = problemsOf({
      ...inFile({
        pools: {
          PDF: {},
          default: {},
          a: { browsers: { kind: 'edge', knd: 1 }, limits: {} },
          b: 7,
          c: { browsers: 1 },
        },
      }),
      env: { CDPMUX_POOLS_D_BROWSERS_MAX_USES: 'many' },
      flags: { set: ['pools.e.browsers.max=', 'pools.x_y.browsers.max=1', 'listen.port=x'] },
    });
    const name = 'must be 1 to 32 lower-case letters, digits and dashes, and not default';
    const expected = [
      `pools.PDF (cdpmux.json): the name of a pool ${name}`,
      `pools.default (cdpmux.json): the name of a pool ${name}`,
      'pools.a.browsers.kind = "edge" (cdpmux.json): must be one of auto, shell, chrome',
      'pools.a.browsers.knd (cdpmux.json): unknown key; did you mean pools.a.browsers.kind?',
      'pools.a.limits (cdpmux.json): unknown key',
      'pools.b = 7 (cdpmux.json): must be an object',
      'pools.c.browsers = 1 (cdpmux.json): must be an object',
      'pools.d.browsers.maxUses = "many" (CDPMUX_POOLS_D_BROWSERS_MAX_USES): must be whole number',
      'pools.e.browsers.max = "" (--set): must be whole number',
      `pools.x_y.browsers.max (--set): the name of a pool ${name}`,
      'listen.port = "x" (--set): must be whole number',
    ];
    for (const one of expected) expect(problems).toContainEqual(expect.stringContaining(one));
    expect(problems).toHaveLength(expected.length);
  });

  it('keep the rules between settings, with what they have from the pool without a name', () => {
    expect(problemsOfSetting('browsers.min=5', 'pools.a.browsers.max=3')).toEqual([
      'pools.a.browsers.min = 5 (as browsers.min): must be at most pools.a.browsers.max, which is 3',
    ]);
    expect(problemsOfSetting('pools.a.browsers.max=0', 'pools.a.browsers.min=0')).toEqual([
      'pools.a.browsers.max = "0" (--set): must be at least 1, since there are no pools.a.browsers.upstreams',
    ]);
    const remote = ['policy.egress.mode=filter', 'pools.a.browsers.upstreams=ws://chrome.test:1'];
    expect(problemsOfSetting(...remote)).toEqual([expect.stringMatching(/^policy\.egress\.host = /)]);
  });

  it('have no variable that is not one of theirs', () => {
    expect(problemsOf({ env: { CDPMUX_POOLS_PDF_BROWSERS_KND: 'chrome' } })).toEqual([
      'CDPMUX_POOLS_PDF_BROWSERS_KND: unknown variable; those of a pool are CDPMUX_POOLS_<NAME>_CHROME and CDPMUX_POOLS_<NAME>_BROWSERS_<KEY>',
    ]);
    expect(loadConfig({ env: { CDPMUX_POOLS_PORT: 'tcp://10.0.0.1:80' } }).pools).toEqual({});
  });
});

describe('remote Chromes', () => {
  it('are all there is, unless launched ones are asked for', () => {
    const upstream = ['http://one.test:9222'];
    expect(loadConfig({ flags: { upstream } }).browsers).toMatchObject({ min: 0, max: 0 });
    expect(loadConfig({ flags: { upstream, set: ['browsers.max=3'] } }).browsers).toMatchObject({
      min: 0,
      max: 3,
    });
    const both = loadConfig({ flags: { upstream, set: ['browsers.min=2', 'browsers.max=3'] } });
    expect(both.browsers).toMatchObject({ min: 2, max: 3, upstreams: upstream });
    expect(problemsOf({ flags: { upstream, set: ['browsers.min=2'] } })).toEqual([
      'browsers.min = "2" (--set): must be at most browsers.max, which is 0',
    ]);
  });

  it('of a named pool are all there is in it', () => {
    const { pools, browsers } = setting(
      'browsers.min=2',
      'pools.far.browsers.upstreams=ws://one.test:1',
      'pools.both.browsers.upstreams=ws://one.test:1',
      'pools.both.browsers.max=4',
      'pools.none.browsers.upstreams=',
    );
    expect(browsers).toMatchObject({ min: 2, max: 20, upstreams: [] });
    expect(pools['far']?.browsers).toMatchObject({ min: 0, max: 0 });
    expect(pools['both']?.browsers).toMatchObject({ min: 0, max: 4 });
    expect(pools['none']?.browsers).toMatchObject({ min: 2, max: 20, upstreams: [] });
  });
});

describe('where a value comes from', () => {
  it('is known of each, those of pools included', () => {
    const { origins } = readConfig({
      ...inFile({ queue: { timeout: '5s' }, pools: { a: { browsers: { max: 3 } } } }),
      env: { CDPMUX_LISTEN_PORT: '1' },
      flags: { logLevel: 'warn' },
    });
    expect(Object.fromEntries(origins)).toMatchObject({
      'queue.timeout': { value: 5_000, source: 'cdpmux.json' },
      'listen.port': { value: 1, source: 'CDPMUX_LISTEN_PORT' },
      'log.level': { value: 'warn', source: '--log-level' },
      'listen.host': { value: '127.0.0.1', source: 'default' },
      'pools.a.browsers.max': { value: 3, source: 'cdpmux.json' },
      'pools.a.browsers.min': { value: 1, source: 'as browsers.min' },
    });
  });
});
