import { describe, expect, it } from '@jest/globals';
import { CdpmuxError } from '../src/index.js';
import { readParameters } from '../proxy/front-door/upgrade-parameters.js';

function refusal(query: string, headers: Record<string, string> = {}): Record<string, unknown> {
  try {
    readParameters(query, headers);
  } catch (error) {
    if (!(error instanceof CdpmuxError)) throw error;
    return { code: error.code, message: error.message, ...error.details };
  }
  throw new Error(`${query} was taken`);
}

const oneLine = 'a text of 1 to 2048 characters in one line, with no space around it';

describe('the parameters of an upgrade', () => {
  it('have defaults, and unknown ones are ignored', () => {
    const defaults = { initialPage: true, priority: 'normal', labels: {} };
    expect(readParameters('', {})).toEqual(defaults);
    expect(readParameters('stealth=1&blockAds', { 'x-cdpmux-else': 'x' })).toEqual(defaults);
  });

  it('come from the query', () => {
    const query =
      'initialPage=false&priority=high&queueTimeout=250&timeout=60000&proxyServer=http%3A%2F%2Fp%3A1&proxyBypassList=*.a&affinity=a.test&pool=pdf&label.team=red&userAgent=Own%2F1&windowSize=1280,720';
    expect(readParameters(query, {})).toEqual({
      initialPage: false,
      priority: 'high',
      queueTimeout: 250,
      timeout: 60_000,
      proxyServer: 'http://p:1',
      proxyBypassList: '*.a',
      appearance: { userAgent: 'Own/1', windowSize: { width: 1280, height: 720 } },
      affinity: 'a.test',
      pool: 'pdf',
      asksPool: 'pdf',
      labels: { team: 'red' },
    });
  });

  it('come from headers as well, and the query wins', () => {
    const headers = {
      'x-cdpmux-priority': 'low',
      'x-cdpmux-queuetimeout': '7',
      'x-cdpmux-pool': 'pdf',
      'x-cdpmux-label.team': 'blue',
    };
    expect(readParameters('PRIORITY=critical', headers)).toEqual({
      initialPage: true,
      priority: 'critical',
      queueTimeout: 7,
      pool: 'pdf',
      asksPool: 'pdf',
      labels: { team: 'blue' },
    });
  });

  it.each([
    ['initialPage', 'maybe', 'true or false'],
    ['priority', 'urgent', 'low, normal, high or critical'],
    ['queueTimeout', '-1', 'a number of milliseconds from 0 to 86400000'],
    ['queueTimeout', '86400001', 'a number of milliseconds from 0 to 86400000'],
    ['queueTimeout', '1e3', 'a number of milliseconds from 0 to 86400000'],
    ['queueTimeout', '', 'a number of milliseconds from 0 to 86400000'],
    ['timeout', '86400001', 'a number of milliseconds from 0 to 86400000'],
    ['proxyServer', '', 'a text of 1 to 4096 characters'],
    ['affinity', '', 'a text of 1 to 256 characters'],
    ['userAgent', '', oneLine],
    ['userAgent', ' Own/1', oneLine],
    ['userAgent', 'Own/1\u0007', oneLine],
    ['userAgent', 'x'.repeat(2049), oneLine],
    ['windowSize', '1280', 'two numbers from 1 to 9999, as in 1280,720'],
    ['windowSize', '0,720', 'two numbers from 1 to 9999, as in 1280,720'],
    ['windowSize', '1280,10000', 'two numbers from 1 to 9999, as in 1280,720'],
    ['affinity', 'x'.repeat(257), 'a text of 1 to 256 characters'],
    ['pool', 'PDF', 'the name of a pool: 1 to 32 lower-case letters, digits and dashes'],
    ['pool', '', 'the name of a pool: 1 to 32 lower-case letters, digits and dashes'],
    ['mode', 'private', 'shared or exclusive'],
    ['launch', '{"args":["--lang=de"]}', 'nothing without mode=exclusive'],
    ['keepAlive', '5m', 'a number of milliseconds from 0 to 86400000'],
    ['label.a b', 'x', 'label.<k> with letters, digits, dots and dashes'],
    ['label.a', 'x'.repeat(257), 'a text of at most 256 characters'],
  ])('are refused with parameter, value and range: %s=%s', (parameter, value, range) => {
    const shown = value.slice(0, 100);
    const expected = { code: 'BAD_PARAMETER', parameter, value: shown, range };
    const given = refusal(new URLSearchParams([[parameter, value]]).toString());
    expect(given).toMatchObject(expected);
    expect(given['message']).toBe(
      `Parameter ${parameter} has the value ${JSON.stringify(shown)}; it takes ${range}.`,
    );
    if (parameter.includes(' ')) return;
    expect(refusal('', { [`x-cdpmux-${parameter.toLowerCase()}`]: value })).toMatchObject(expected);
  });

  it('ask for a Chrome of one’s own, with flags', () => {
    const launch = JSON.stringify({
      args: ['--lang=de', '--mute-audio', '--proxy-server=http://p:1', '--window-size=100,200'],
    });
    const query = new URLSearchParams([
      ['mode', 'exclusive'],
      ['launch', launch],
      ['proxyBypassList', '*.a'],
    ]);
    expect(readParameters(query.toString(), {})).toEqual({
      initialPage: true,
      priority: 'normal',
      labels: {},
      mode: 'exclusive',
      launch: { args: ['--lang=de', '--accept-lang=de'] },
      appearance: { windowSize: { width: 100, height: 200 } },
      proxyServer: 'http://p:1',
      proxyBypassList: '*.a',
    });
    expect(readParameters('mode=shared&launch=%7B%7D', {})).toEqual({
      initialPage: true,
      priority: 'normal',
      labels: {},
      mode: 'shared',
    });
  });

  it.each([
    ['{"args":["--lang=de"]', 'it takes {"args":["--flag", "--flag=value", …]} and nothing else'],
    ['{"args":"--lang=de"}', 'it takes {"args":["--flag", "--flag=value", …]} and nothing else'],
    ['{"headless":false}', 'it takes {"args":["--flag", "--flag=value", …]} and nothing else'],
    ['["--lang=de"]', 'it takes {"args":["--flag", "--flag=value", …]} and nothing else'],
    [
      '{"args":["--no-sandbox"]}',
      'the flag --no-sandbox, which is not taken: whether Chrome has its sandbox',
    ],
  ])('are refused with what launch takes: %s', (launch, words) => {
    const given = refusal(`mode=exclusive&launch=${encodeURIComponent(launch)}`);
    expect(given).toMatchObject({ code: 'BAD_PARAMETER', parameter: 'launch' });
    expect(given['message']).toContain(words);
  });

  it('name one proxy only', () => {
    const launch = encodeURIComponent('{"args":["--proxy-server=http://p:1"]}');
    expect(refusal(`mode=exclusive&launch=${launch}&proxyServer=http://p:2`)).toMatchObject({
      parameter: 'proxyServer',
      range: 'nothing but "http://p:1", which launch says',
    });
  });

  it.each([
    ['--user-agent=Own/1', 'userAgent', 'Own/2'],
    ['--window-size=100,200', 'windowSize', '100,300'],
  ])('say the same as the flag %s', (flag, parameter, other) => {
    const own = flag.slice(flag.indexOf('=') + 1);
    const launch = { mode: 'exclusive', launch: JSON.stringify({ args: [flag] }) };
    const query = (value: string): string =>
      new URLSearchParams({ ...launch, [parameter]: value }).toString();
    const read = readParameters(query(own), {});
    expect(read.launch).toEqual({ args: [] });
    expect(readParameters(query(own), {})).toEqual(
      readParameters(`mode=exclusive&launch={"args":["${flag}"]}`, {}),
    );
    expect(refusal(query(other))).toMatchObject({
      parameter,
      range: `nothing but ${JSON.stringify(own)}, which launch says`,
    });
  });

  it('ask for no longer life than the one that is allowed', () => {
    const longest = { lifetime: 5_000, keepAlive: 0 };
    expect(readParameters('timeout=5000', {}, undefined, longest).timeout).toBe(5_000);
    expect(readParameters('timeout=5001', {}).timeout).toBe(5_001);
    expect(() => readParameters('timeout=5001', {}, undefined, longest)).toThrow(
      /timeout has the value "5001"; it takes at most 5000 ms, which limits\.lifetime allows/,
    );
  });

  it('ask to be kept no longer than is allowed, and not at all where that is 0', () => {
    const kept = (text: string, keepAlive: number) =>
      readParameters(`keepAlive=${text}`, {}, undefined, { lifetime: 0, keepAlive }).keepAlive;
    expect([kept('5000', 5_000), kept('0', 0)]).toEqual([5_000, 0]);
    expect(() => kept('5001', 5_000)).toThrow(/at most 5000 ms, which limits\.keepAlive allows/);
    expect(() => kept('1', 0)).toThrow(/at most 0 ms, which limits\.keepAlive allows/);
  });

  it('name the pool, of which the one without a name is called default', () => {
    const allowance = (pools?: string[]) =>
      ({
        tenant: { name: 'ci', trust: 'tenant' },
        priority: 'normal',
        maxPriority: 'critical',
        modes: ['shared'],
        ...(pools && { pools }),
      }) as const;
    const poolOf = (query: string, pools?: string[]) => readParameters(query, {}, allowance(pools)).pool;
    expect(readParameters('pool=default', {}).pool).toBeUndefined();
    expect([poolOf(''), poolOf('pool=default'), poolOf('pool=pdf')]).toEqual([undefined, undefined, 'pdf']);
    // without one a token gets the first that it may use
    expect([poolOf('', ['pdf', 'default']), poolOf('pool=default', ['pdf', 'default'])]).toEqual([
      'pdf',
      undefined,
    ]);
    for (const query of ['pool=default', 'pool=other']) {
      expect(() => poolOf(query, ['pdf', 'x'])).toThrow(
        /^The token ci may not have pool (default|other), but pdf or x; .* change pools of this token/,
      );
    }
  });

  it('have at most 16 labels', () => {
    const query = (count: number) =>
      Array.from({ length: count }, (_none, index) => `label.k${index}=v`).join('&');
    expect(Object.keys(readParameters(query(16), {}).labels)).toHaveLength(16);
    expect(refusal(query(17))).toMatchObject({ parameter: 'label', range: 'at most 16 labels' });
  });
});
