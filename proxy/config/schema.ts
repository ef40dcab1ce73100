import { isIP } from 'node:net';
import { z } from 'zod';
import { defaultSchemes } from '../../src/index.js';
import { browserLeaves, chromePath } from './browsers.js';
import {
  bytes,
  choice,
  directories,
  directory,
  duration,
  durationOrNone,
  flag,
  host,
  hostNames,
  hostsAndNetworks,
  integer,
  ipAddress,
  megabytes,
  origins,
  perSecond,
  share,
  schemes,
  text,
  url,
} from './leaf.js';
import { tokens, type Detail } from './tokens.js';

const MiB = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;
const WEEK = 7 * DAY;

/**
 * Every setting with its default and range. Only what does something is here, so that nobody relies on a setting that
 * is accepted and forgotten.
 */
export const configSchema = z.strictObject({
  chrome: chromePath().optional(),
  listen: z.strictObject({
    host: host().default('127.0.0.1'),
    port: integer(0, 65_535, '; 0 picks a free one').default(9222),
    allowedHosts: hostNames().default([]),
    trustForwarded: flag().default(false),
    insecure: flag().default(false),
    allowedOrigins: origins().default([]),
    addressFile: text('the path of a file').optional(),
    tls: z.strictObject({
      cert: text('the path of a PEM file').optional(),
      key: text('the path of a PEM file').optional(),
    }),
  }),
  auth: z.strictObject({
    tokens: tokens().default([]),
    file: text('the path of a JSON file with a list of tokens').optional(),
  }),
  admin: z.strictObject({
    host: host().default('127.0.0.1'),
    port: integer(0, 65_535, '; 0 picks a free one').optional(),
  }),
  browsers: z.strictObject({
    // before the counts, whose defaults depend on it
    upstreams: browserLeaves.upstreams.default([]),
    min: browserLeaves.min.default(1),
    max: browserLeaves.max.default(20),
    kind: browserLeaves.kind.default('auto'),
    virtualPerBrowser: browserLeaves.virtualPerBrowser.default(25),
    flags: browserLeaves.flags.default([]),
    maxUses: browserLeaves.maxUses.default(1_000),
    maxAge: browserLeaves.maxAge.default(60 * 60 * 1000),
    idleTimeout: browserLeaves.idleTimeout.default(60_000),
    freeShare: browserLeaves.freeShare.default(0.1),
    drainTimeout: browserLeaves.drainTimeout.default(5 * 60 * 1000),
  }),
  connections: z.strictObject({
    maxPerBrowser: integer(1, 1000).default(10),
    idleTimeout: duration(1_000, DAY, '1s to 24h').default(30_000),
    maxLifetime: duration(1_000, WEEK, '1s to 168h').default(300_000),
  }),
  stock: z.strictObject({
    enabled: flag().default(true),
    max: integer(0, 100).default(4),
    memoryMb: integer(0, 1_000_000).default(256),
    maxAge: duration(1_000, DAY, '1s to 24h').default(10 * 60 * 1000),
  }),
  batch: z.strictObject({
    enabled: flag().default(true),
    maxSize: integer(1, 100).default(10),
    window: durationOrNone(1, 10_000, '1ms to 10s').default('none'),
  }),
  health: z.strictObject({
    enabled: flag().default(true),
    interval: duration(1_000, 3_600_000, '1s to 1h').default(10_000),
    timeout: duration(1_000, 120_000, '1s to 2m').default(5_000),
    pageInterval: duration(0, DAY, '0 (never) to 24h').default(60_000),
    outlierFactor: integer(2, 1_000).default(5),
    maxEjected: share().default(0.3),
    panicShare: share().default(0.5),
    slowStart: duration(0, 3_600_000, '0 to 1h').default(30_000),
    slowHogs: flag().default(true),
  }),
  queue: z.strictObject({
    maxLength: integer(0, 100_000).default(100),
    timeout: duration(0, 3_600_000, '0 to 1h').default(30_000),
    aging: duration(100, 3_600_000, '100ms to 1h').default(10_000),
  }),
  shutdown: z.strictObject({
    timeout: duration(0, DAY, '0 to 24h').default(25_000),
    grace: duration(0, 3_600_000, '0 to 1h').default(0),
    // what programs start for themselves must not stay when they have gone
    whenIdle: duration(0, DAY, '0 (never) to 24h').default(0),
  }),
  limits: z.strictObject({
    // Chrome itself stops at 100 MiB, and what it is sent may be longer by a session id than what came
    message: bytes(1024, 100 * MiB - 1024).default(64 * MiB),
    clientBuffer: bytes(MiB, 4096 * MiB).default(256 * MiB),
    pending: integer(1, 1_000_000).default(10_000),
    targets: integer(1, 100_000).default(100),
    contexts: integer(0, 100_000).default(100),
    sessions: integer(1, 1_000_000).default(2_000),
    autoAttach: integer(1, 1_000).default(16),
    // auto: none for who is trusted like this machine, and for others what keeps their neighbours quick
    commandsPerSecond: perSecond(1_000_000).default('auto'),
    upgradesPerSecond: perSecond(10_000).default('auto'),
    idle: duration(0, WEEK, '0 (no limit) to 168h').default(0),
    lifetime: duration(0, WEEK, '0 (no limit) to 168h').default(0),
    // as long as a name: outlasts a network that comes back, and not a night of forgotten pages
    keepAlive: duration(0, DAY, '0 (none) to 24h').default(600_000),
    pageHang: duration(0, DAY, '0 (never) to 24h').default(30_000),
    pageHangAction: choice('tell', 'terminate', 'close').default('tell'),
    batch: z.strictObject({
      commands: integer(1, 10_000).default(1_000),
      // with what is added on the way it must stay beneath what Chrome takes
      bytes: bytes(1024, 64 * MiB).default(64 * MiB),
      timeout: duration(100, DAY, '100ms to 24h').default(5 * 60 * 1000),
    }),
    files: z.strictObject({
      total: bytes(0, 1024 * 1024 * MiB).default(512 * MiB),
      upload: bytes(0, 1024 * 1024 * MiB).default(100 * MiB),
    }),
  }),
  memory: z.strictObject({
    enabled: flag().default(true),
    interval: duration(100, 3_600_000, '100ms to 1h').default(5_000),
    // auto: 400 and 500, and 80 and 100 more for each further place of browsers.virtualPerBrowser
    softLimitMb: megabytes().default('auto'),
    hardLimitMb: megabytes().default('auto'),
    virtual: z.strictObject({
      softLimitMb: integer(0, 1_000_000, '; 0 for no limit').default(400),
      hardLimitMb: integer(0, 1_000_000, '; 0 for no limit').default(500),
    }),
    rss: z.strictObject({
      softLimitMb: integer(0, 1_000_000, '; 0 for no limit').default(0),
      hardLimitMb: integer(0, 1_000_000, '; 0 for no limit').default(0),
    }),
    container: z.strictObject({ softShare: share().default(0.8), hardShare: share().default(0.9) }),
    isolateMb: integer(0, 16_384, "; 0 leaves V8's own").default(0),
    evictionsPerMinute: integer(0, 100_000).default(30),
  }),
  policy: z.strictObject({
    // by default local without tokens, tenant with them
    trust: choice('local', 'tenant').optional(),
    egress: z.strictObject({
      // auto: what strangers' pages send is looked at, one's own is not
      mode: choice('auto', 'off', 'filter').default('auto'),
      allow: hostsAndNetworks().default([]),
      deny: hostsAndNetworks().default([]),
      // remote Chromes must reach it
      host: ipAddress().default('127.0.0.1'),
      connectTimeout: duration(100, 120_000, '100ms to 2m').default(10_000),
      maxConnections: integer(1, 100_000).default(512),
    }),
    allowedSchemes: schemes().default([...defaultSchemes]),
    files: z.strictObject({
      allow: directories().default([]),
      directory: directory().optional(),
    }),
  }),
  log: z.strictObject({
    // auto: what happens goes to a log, a person at a terminal sees only what is wrong
    level: choice('auto', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('auto'),
  }),
  telemetry: z.strictObject({
    endpoint: url('http:', 'https:').optional(),
    serviceName: text('any text').default('cdpmux'),
  }),
});

/** All settings, checked and with defaults. */
export type Settings = z.infer<typeof configSchema>;

/** The path of a setting: `['listen', 'port']`. */
export type Path = readonly string[];

/** One setting, as the sources need to know it. */
export interface Setting {
  readonly path: Path;
  readonly schema: z.ZodType;
  readonly allowed: string;
  /** What is wrong inside of a value that has parts; its text shows no secrets. */
  readonly explain?: (value: unknown) => readonly Detail[];
}

/** All settings, in the order of the table above. */
export const settings: readonly Setting[] = leavesOf(configSchema, []);

/** The settings of a group and of those in it. */
export function leavesOf(group: z.ZodObject, above: Path): Setting[] {
  return Object.entries(group.shape).flatMap(([key, schema]) => {
    const path = [...above, key];
    if (schema instanceof z.ZodObject) return leavesOf(schema, path);
    return [{ path, schema: schema as z.ZodType, ...wordsOf(schema as z.ZodType) }];
  });
}

function wordsOf(schema: z.ZodType): Pick<Setting, 'allowed' | 'explain'> {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return wordsOf(schema.unwrap() as z.ZodType);
  }
  const { allowed, explain } = schema.meta() ?? {};
  if (typeof allowed !== 'string') throw new Error('a setting without words for what it allows');
  return {
    allowed,
    ...(typeof explain === 'function' && { explain: explain as NonNullable<Setting['explain']> }),
  };
}

/** A rule between settings: what is wrong, with the path it is said of. */
export interface Conflict {
  readonly path: Path;
  readonly allowed: string;
}

/** Looks at what single settings can't know; `get` gives undefined for those that are wrong by themselves. */
export function conflicts(get: (path: string) => unknown): Conflict[] {
  const found: Conflict[] = [];
  found.push(...conflictsOfBrowsers(get));
  for (const group of ['memory', 'memory.virtual', 'memory.rss']) {
    const [soft, hard] = [get(`${group}.softLimitMb`), get(`${group}.hardLimitMb`)];
    if (typeof soft !== 'number' || typeof hard !== 'number' || hard === 0 || soft < hard) continue;
    const allowed = `more than ${group}.softLimitMb, which is ${soft}, or 0 for no limit`;
    found.push({ path: [...group.split('.'), 'hardLimitMb'], allowed });
  }
  const [softShare, hardShare] = [get('memory.container.softShare'), get('memory.container.hardShare')];
  if (
    typeof softShare === 'number' &&
    typeof hardShare === 'number' &&
    hardShare > 0 &&
    softShare >= hardShare
  ) {
    const allowed = `more than memory.container.softShare, which is ${softShare}, or 0 for no limit`;
    found.push({ path: ['memory', 'container', 'hardShare'], allowed });
  }
  const [idle, life] = [get('connections.idleTimeout'), get('connections.maxLifetime')];
  if (typeof idle === 'number' && typeof life === 'number' && life <= idle) {
    const allowed = `more than connections.idleTimeout, which is ${idle} ms`;
    found.push({ path: ['connections', 'maxLifetime'], allowed });
  }
  const [address, tokenList] = [get('listen.host'), get('auth.tokens')];
  const isOpen = Array.isArray(tokenList) && tokenList.length === 0 && get('auth.file') === undefined;
  if (typeof address === 'string' && !isLoopback(address) && isOpen && get('listen.insecure') === false) {
    const allowed =
      'a loopback address (127.0.0.1, ::1, localhost), because whoever reaches a CDP port runs code and reads files ' +
      'on this machine; let in only who has a token with auth.tokens or auth.file, or, where the network itself is trusted, set listen.insecure=true';
    found.push({ path: ['listen', 'host'], allowed });
  }
  const [port, adminPort] = [get('listen.port'), get('admin.port')];
  if (typeof port === 'number' && port > 0 && port === adminPort && get('admin.host') === address) {
    found.push({ path: ['admin', 'port'], allowed: `another port than listen.port, which is ${port}` });
  }
  for (const [one, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (get(`listen.tls.${one}`) === undefined || get(`listen.tls.${other}`) !== undefined) continue;
    found.push({ path: ['listen', 'tls', other], allowed: `set where listen.tls.${one} is` });
  }
  return found;
}

/** The same for the browsers of one pool; `at` is what its paths begin with. */
export function conflictsOfBrowsers(get: (path: string) => unknown, at = ''): Conflict[] {
  const found: Conflict[] = [];
  const [min, max, upstreams] = ['min', 'max', 'upstreams'].map((key) => get(`browsers.${key}`));
  const pathOf = (key: string): Path => `${at}browsers.${key}`.split('.');
  if (typeof min === 'number' && typeof max === 'number' && min > max) {
    found.push({ path: pathOf('min'), allowed: `at most ${at}browsers.max, which is ${max}` });
  }
  if (max === 0 && Array.isArray(upstreams) && upstreams.length === 0) {
    const allowed = `at least 1, since there are no ${at}browsers.upstreams`;
    found.push({ path: pathOf('max'), allowed });
  }
  const filters = egressConflict(get);
  if (filters) found.push(filters);
  return found;
}

/** A remote Chrome can't reach a proxy on this machine's loopback: all its pages would fail. */
function egressConflict(get: (path: string) => unknown): Conflict | undefined {
  const [mode, host, upstreams] = [
    get('policy.egress.mode'),
    get('policy.egress.host'),
    get('browsers.upstreams'),
  ];
  const [trust, list] = [get('policy.trust'), get('auth.tokens')];
  const hasTokens = (Array.isArray(list) && list.length > 0) || get('auth.file') !== undefined;
  const strangers = trust === 'tenant' || (trust === undefined && hasTokens);
  if (
    mode === 'off' ||
    (mode === 'auto' && !strangers) ||
    typeof host !== 'string' ||
    !isLoopback(host) ||
    !Array.isArray(upstreams)
  )
    return undefined;
  const remote = (upstreams as string[]).find(
    (url) => !isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, '')),
  );
  if (remote === undefined) return undefined;
  const allowed = `an address of this machine that the Chrome at ${remote} reaches, for the filter of policy.egress (policy.egress.mode=off switches it off)`;
  return { path: ['policy', 'egress', 'host'], allowed };
}

/** Whether only this machine reaches what listens there. */
export function isLoopback(address: string): boolean {
  if (isIP(address) === 4) return address.startsWith('127.');
  return address === '::1' || address.toLowerCase() === 'localhost';
}
