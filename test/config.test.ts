import { describe, it, expect } from '@jest/globals';
import fc from 'fast-check';
import { loadConfig, type Config, type Sources } from '../proxy/config.js';
import { problemsOf, problemsOfSetting } from './support/config-problems.js';
import { parseJsonWithComments } from '../proxy/config/json-comments.js';
import { settings } from '../proxy/config/schema.js';
import { variableOf } from '../proxy/config/sources.js';

const MiB = 1024 * 1024;
const file = (content: string): Sources['file'] & object => ({ name: 'cdpmux.json', content });
const setting = (...assignments: string[]): Config => loadConfig({ flags: { set: assignments } });

describe('defaults', () => {
  it('are those of the documented table', () => {
    expect(loadConfig({})).toMatchObject({
      listen: { host: '127.0.0.1', port: 9222, allowedHosts: [], insecure: false },
      browsers: {
        min: 1,
        max: 20,
        kind: 'auto',
        virtualPerBrowser: 25,
        upstreams: [],
        flags: [],
        maxUses: 1_000,
        maxAge: 3_600_000,
        idleTimeout: 60_000,
        freeShare: 0.1,
        drainTimeout: 300_000,
      },
      connections: { maxPerBrowser: 10, idleTimeout: 30_000, maxLifetime: 300_000 },
      health: {
        enabled: true,
        interval: 10_000,
        timeout: 5_000,
        pageInterval: 60_000,
        outlierFactor: 5,
        maxEjected: 0.3,
        panicShare: 0.5,
        slowStart: 30_000,
        slowHogs: true,
      },
      queue: { maxLength: 100, timeout: 30_000, aging: 10_000 },
      shutdown: { timeout: 25_000, grace: 0 },
      limits: {
        message: 64 * MiB,
        clientBuffer: 256 * MiB,
        pending: 10_000,
        targets: 100,
        contexts: 100,
        sessions: 2_000,
        autoAttach: 16,
        commandsPerSecond: 'auto',
        upgradesPerSecond: 'auto',
        idle: 0,
        lifetime: 0,
        keepAlive: 600_000,
        ...{ pageHang: 30_000, pageHangAction: 'tell' },
      },
      admin: { host: '127.0.0.1' },
    });
  });

  it('leave off what is only there when set', () => {
    const config = loadConfig({});
    expect([config.chrome, config.admin.port, config.telemetry.endpoint]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('precedence', () => {
  const port = (sources: Sources): number => loadConfig(sources).listen.port;
  const inFile = file('{"listen": {"port": 1001}}');
  const env = { CDPMUX_LISTEN_PORT: '1002' };

  it('goes from defaults over the file and the environment to flags', () => {
    expect(port({})).toBe(9222);
    expect(port({ file: inFile })).toBe(1001);
    expect(port({ file: inFile, env })).toBe(1002);
    expect(port({ file: inFile, env, flags: { port: '1003' } })).toBe(1003);
  });

  it('is decided key by key, not group by group', () => {
    const config = loadConfig({
      file: file('{"browsers": {"min": 2, "max": 7}}'),
      env: { CDPMUX_BROWSERS_MAX: '9' },
      flags: { set: ['browsers.virtualPerBrowser=3'] },
    });
    expect(config.browsers).toMatchObject({ min: 2, max: 9, virtualPerBrowser: 3 });
  });

  it('lets a good value replace a wrong one of a weaker source', () => {
    expect(port({ file: file('{"listen": {"port": "none"}}'), env })).toBe(1002);
  });

  it('takes OTEL_EXPORTER_OTLP_ENDPOINT as a weaker name of the variable', () => {
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };
    const own = { CDPMUX_TELEMETRY_ENDPOINT: 'http://localhost:4319' };
    expect(loadConfig({ env: otel }).telemetry.endpoint).toBe('http://localhost:4318');
    expect(loadConfig({ env: { ...otel, ...own } }).telemetry.endpoint).toBe('http://localhost:4319');
  });
});

describe('sources', () => {
  it('name a variable for every setting, each another', () => {
    const names = settings.map(({ path }) => variableOf(path));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['CDPMUX_LISTEN_PORT', 'CDPMUX_CHROME']));
    expect(names).toContain('CDPMUX_BROWSERS_VIRTUAL_PER_BROWSER');
  });

  it('read lists from the environment parted by commas, and from flags given more than once', () => {
    const env = { CDPMUX_BROWSERS_UPSTREAMS: 'http://one:9222, ws://two:9222/x' };
    expect(loadConfig({ env }).browsers.upstreams).toEqual(['http://one:9222', 'ws://two:9222/x']);
    const flags = { upstream: ['http://three:9222', 'https://four'] };
    expect(loadConfig({ env, flags }).browsers.upstreams).toEqual(['http://three:9222', 'https://four']);
  });

  it('take an empty variable as one that is not set', () => {
    expect(loadConfig({ env: { CDPMUX_LISTEN_PORT: '' } }).listen.port).toBe(9222);
  });

  it('let the variables be that Kubernetes makes for a service named cdpmux', () => {
    const env = {
      CDPMUX_PORT: 'tcp://10.0.0.1:9222',
      CDPMUX_SERVICE_HOST: '10.0.0.1',
      CDPMUX_SERVICE_PORT: '9222',
      CDPMUX_PORT_9222_TCP_ADDR: '10.0.0.1',
    };
    expect(loadConfig({ env })).toEqual(loadConfig({}));
  });

  it('keep an equals sign in the value of --set', () => {
    expect(setting('telemetry.endpoint=http://host/?a=b').telemetry.endpoint).toBe('http://host/?a=b');
  });
});

describe('the file', () => {
  it('may hold comments and commas before a closing bracket, but not in its texts', () => {
    const content = `{
      // a line
      "chrome": "/opt/a//b/*c*/\\"//d", /* two
      lines */ "browsers": { "upstreams": ["http://one:1/,]",], },
    }`;
    const config = loadConfig({ file: file(content) });
    expect(config.chrome).toBe('/opt/a//b/*c*/"//d');
    expect(config.browsers.upstreams).toEqual(['http://one:1/,]']);
  });

  it('is read as JSON.parse does wherever there is no comment', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const json = JSON.stringify(value, null, indent);
        expect(parseJsonWithComments(json)).toEqual(JSON.parse(json));
        expect(parseJsonWithComments(`// "first\n${json}/* " ] */`)).toEqual(JSON.parse(json));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['{', '{"listen": }', '{} /* open', '', '{"a" 1}'])(
    'that is no JSON is one problem: %s',
    (content) => {
      const problems = problemsOf({ file: file(content) });
      expect(problems).toEqual([expect.stringMatching(/^cdpmux\.json: ./)]);
    },
  );

  it.each(['[]', '1', 'null', '"text"'])('must hold an object: %s', (content) => {
    expect(problemsOf({ file: file(content) })).toEqual(['cdpmux.json: must hold one JSON object']);
  });

  it('must have objects where groups are', () => {
    const [problem] = problemsOf({ file: file('{"listen": 9222}') });
    expect(problem).toMatch(/^listen = 9222 \(cdpmux\.json\): must be an object/);
  });
});

describe('durations and sizes', () => {
  it.each([
    ['250', 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1m', 60_000],
    ['1.5s', 1_500],
    ['1h', 3_600_000],
    ['0', 0],
  ])('%s is %i ms', (text, expected) => {
    expect(setting(`queue.timeout=${text}`).queue.timeout).toBe(expected);
  });

  it('may be numbers of ms in the file', () => {
    expect(loadConfig({ file: file('{"queue": {"timeout": 1500}}') }).queue.timeout).toBe(1_500);
  });

  it.each(['2h', '-1', '30 seconds', '1d', 's', '0.5ms', 'Infinity'])('%s is refused as a time', (text) => {
    expect(problemsOfSetting(`queue.timeout=${text}`)).toEqual([
      expect.stringContaining(`queue.timeout = "${text}" (--set): must be 0 to 1h`),
    ]);
  });

  it.each([
    ['2048', 2048],
    ['512KiB', 512 * 1024],
    ['64MiB', 64 * MiB],
    [String(100 * MiB - 1024), 100 * MiB - 1024],
  ])('%s is %i bytes', (text, expected) => {
    expect(setting(`limits.message=${text}`).limits.message).toBe(expected);
  });

  it.each(['100MiB', String(100 * MiB - 1023), '64MB', '-1'])('%s is refused as largest message', (text) => {
    expect(problemsOfSetting(`limits.message=${text}`)).toEqual([
      expect.stringMatching(/^limits\.message = ".*" \(--set\): must be 1024 to 104856576;/),
    ]);
  });
});

describe('shares', () => {
  it.each([
    ['0', 0],
    ['.25', 0.25],
    ['1', 1],
  ])('%s is %d', (text, expected) => {
    expect(setting(`browsers.freeShare=${text}`).browsers.freeShare).toBe(expected);
  });

  it.each(['1.1', '-0.1', '10%', '1e-1', ''])('%s is refused', (text) => {
    expect(problemsOfSetting(`browsers.freeShare=${text}`)).toEqual([
      `browsers.freeShare = "${text}" (--set): must be number, 0 to 1`,
    ]);
  });
});

describe('flags for Chrome', () => {
  it('are parted by spaces as text, and may hold commas', () => {
    const flags = ['--lang=de', '--disable-features=A,B'];
    expect(setting(`browsers.flags=${flags.join('  ')}`).browsers.flags).toEqual(flags);
    const given = ['--user-agent=a b', ...flags];
    expect(loadConfig({ file: file(JSON.stringify({ browsers: { flags: given } })) }).browsers.flags).toEqual(
      given,
    );
  });

  it.each(['lang=de', '--', '--user-data-dir=/tmp', '--remote-debugging-port=1', '--headless', '-x'])(
    '%s is refused',
    (flag) => {
      expect(problemsOfSetting(`browsers.flags=--mute ${flag}`)).toEqual([
        expect.stringMatching(
          /^browsers\.flags = .*: must be list of Chrome flags, .* none of those that cdpmux sets/,
        ),
      ]);
    },
  );
});

describe('egress lists', () => {
  it('take names, wildcards, addresses and CIDRs', () => {
    const given = 'a.test,*.b.test,*,10.0.0.0/8,::1';
    expect(setting(`policy.egress.allow=${given}`).policy.egress.allow).toEqual(given.split(','));
    expect(setting(`policy.egress.deny=${given}`).policy.egress).toMatchObject({
      mode: 'auto',
      deny: given.split(','),
      connectTimeout: 10_000,
      maxConnections: 512,
    });
  });

  it.each(['10.0.0.0/33', 'http://a.test', 'a.test:80', '0x7f.1'])('refuse %s', (entry) => {
    expect(problemsOfSetting(`policy.egress.allow=${entry}`)).toEqual([
      expect.stringMatching(/^policy\.egress\.allow = .*: must be list of host names .* CIDRs/),
    ]);
  });
});

describe('errors', () => {
  it('come all at once, each with path, value, source and what is allowed', () => {
    const problems = problemsOf({
      file: file('{"browsers": {"virtualPerBrowser": 1001, "kind": "edge"}, "queue": {"maxLength": 1.5}}'),
      env: { CDPMUX_LISTEN_PORT: '65536', CDPMUX_LISTEN_INSECURE: 'yes' },
      flags: { upstream: ['ftp://x'], set: ['limits.clientBuffer=1'], logLevel: 'loud' },
    });
    const expected = [
      /^browsers\.virtualPerBrowser = 1001 \(cdpmux\.json\): must be .*1 to 1000/,
      /^browsers\.kind = "edge" \(cdpmux\.json\): must be one of auto, shell, chrome/,
      /^queue\.maxLength = 1\.5 \(cdpmux\.json\): must be whole number/,
      /^listen\.port = "65536" \(CDPMUX_LISTEN_PORT\): must be .*0 to 65535/,
      /^listen\.insecure = "yes" \(CDPMUX_LISTEN_INSECURE\): must be true or false/,
      /^browsers\.upstreams = \["ftp:\/\/x"\] \(--upstream\): must be .*http:/,
      /^limits\.clientBuffer = "1" \(--set\): must be /,
      /^log\.level = "loud" \(--log-level\): must be one of .*info/,
    ];
    for (const one of expected) expect(problems).toContainEqual(expect.stringMatching(one));
    expect(problems).toHaveLength(expected.length);
  });

  it('are all in the message', () => {
    expect(() => setting('listen.port=x', 'browsers.max=0')).toThrow(
      /listen\.port = "x"[^]*browsers\.max = "0"|browsers\.max = "0"[^]*listen\.port = "x"/,
    );
  });

  it.each([
    ['listen.prot', 'listen.port'],
    ['browsers.virtualPerBrowsers', 'browsers.virtualPerBrowser'],
    ['listen.kind', 'browsers.kind'],
  ])('of an unknown key %s name what was probably meant', (key, meant) => {
    expect(problemsOfSetting(`${key}=1`)).toEqual([`${key} (--set): unknown key; did you mean ${meant}?`]);
  });

  it('of an unknown key in the file say where it is', () => {
    expect(problemsOf({ file: file('{"queue": {"timout": 1}, "brwsers": {}}') })).toEqual([
      'queue.timout (cdpmux.json): unknown key; did you mean queue.timeout?',
      'brwsers (cdpmux.json): unknown key; did you mean browsers?',
    ]);
  });

  it('make no guess where nothing is near', () => {
    expect(problemsOfSetting('zzzzzz=1')).toEqual(['zzzzzz (--set): unknown key']);
  });

  it.each(['__proto__', 'constructor', 'toString'])('refuse %s as a key of the file', (key) => {
    const [problem] = problemsOf({ file: file(`{"listen": {"${key}": {"port": 1}}}`) });
    expect(problem).toContain('unknown key');
  });

  it('say which variable was misspelt', () => {
    expect(problemsOf({ env: { CDPMUX_LISTEN_PROT: '1' } })).toEqual([
      'CDPMUX_LISTEN_PROT: unknown variable; did you mean CDPMUX_LISTEN_PORT?',
    ]);
  });

  it('refuse --set without a value', () => {
    expect(problemsOfSetting('listen.port')).toEqual(['--set listen.port: must be path=value']);
  });
});

describe('what only several settings say together', () => {
  it('browsers.min is at most browsers.max, whichever was set', () => {
    expect(problemsOfSetting('browsers.max=3', 'browsers.min=4')).toEqual([
      'browsers.min = "4" (--set): must be at most browsers.max, which is 3',
    ]);
    expect(setting('browsers.max=3', 'browsers.min=3').browsers).toMatchObject({ min: 3, max: 3 });
    expect(problemsOfSetting('browsers.min=21')).toHaveLength(1);
  });

  it('there is some source of browsers', () => {
    expect(problemsOfSetting('browsers.max=0', 'browsers.min=0')).toEqual([
      'browsers.max = "0" (--set): must be at least 1, since there are no browsers.upstreams',
    ]);
  });

  it('a connection lives longer than it may be idle', () => {
    expect(problemsOfSetting('connections.maxLifetime=30s')).toEqual([
      'connections.maxLifetime = "30s" (--set): must be more than connections.idleTimeout, which is 30000 ms',
    ]);
    expect(setting('connections.maxLifetime=30001').connections.maxLifetime).toBe(30_001);
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'example.org', '::ffff:192.0.2.1'])(
    'listening on %s needs tokens or listen.insecure',
    (host) => {
      expect(problemsOf({ flags: { host } })).toEqual([
        expect.stringMatching(
          /^listen\.host = .*\(--host\): must be a loopback address.*auth\.tokens.*listen\.insecure=true/,
        ),
      ]);
      expect(loadConfig({ flags: { host, set: ['listen.insecure=true'] } }).listen.host).toBe(host);
      const set = ['auth.tokens=[{"name":"a","secret":"secret-a"}]'];
      expect(loadConfig({ flags: { host, set } }).listen.host).toBe(host);
    },
  );

  it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LOCALHOST'])(
    'listening on %s needs nothing',
    (host) => {
      expect(loadConfig({ flags: { host } }).listen.host).toBe(host);
    },
  );

  it('remote Chromes need an egress proxy that they can reach', () => {
    const remote = ['policy.egress.mode=filter', 'browsers.upstreams=ws://127.0.0.1:1,ws://chrome.test:2'];
    expect(problemsOfSetting(...remote)).toEqual([
      expect.stringMatching(
        /^policy\.egress\.host = "127\.0\.0\.1" \(default\): .*ws:\/\/chrome\.test:2 reaches/,
      ),
    ]);
    expect(setting(...remote, 'policy.egress.host=10.0.0.5').policy.egress.host).toBe('10.0.0.5');
    expect(setting('policy.egress.mode=filter', 'browsers.upstreams=ws://[::1]:1').policy.egress.mode).toBe(
      'filter',
    );
    expect(problemsOfSetting('policy.egress.host=0.0.0.0')).toHaveLength(1);
  });

  it('two servers do not share an address', () => {
    expect(problemsOfSetting('admin.port=9222')).toEqual([expect.stringMatching(/^admin\.port = "9222"/)]);
    expect(setting('listen.port=0', 'admin.port=0').admin.port).toBe(0);
  });
});
