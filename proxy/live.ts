import type { BrowserSettings, MuxOptions } from '../src/index.js';
import { poolSettings } from './config/pools.js';
import { settings } from './config/schema.js';
import type { Config } from './config.js';

/** Settings that a reload applies by handing them to those who use them. */
const LIVE = [
  /^(pools\.[^.]+\.)?browsers\.(?!kind$)/,
  /^(queue|limits|connections|stock|batch|health|shutdown|memory(?!\.isolateMb))\./,
  /^log\.level$/,
  /^policy\.(allowedSchemes|files\.allow)$/,
];

/** Settings that only what is launched later has. */
const AT_LAUNCH = /^(pools\.[^.]+\.)?browsers\.flags$/;

/** A configuration as it is in force. */
export type InForce = Omit<Config, 'browsers' | 'pools'> & Pick<MuxOptions, 'browsers' | 'pools'>;

/** What of a configuration can be in force without a restart, and what can't. */
export interface LiveReading {
  /** The new configuration, with what can't be changed as it was at the start. */
  readonly inForce: InForce;
  /** Paths of those that can be changed and are set otherwise than before. */
  readonly changed: readonly string[];
  /** Paths of those that can't, and are set otherwise than at the start. */
  readonly needsRestart: readonly string[];
  /** What else to do, in words. */
  readonly notes: readonly string[];
}

/** Looks at everything but who may come in and certificates. */
export function readLive(started: Config, before: Config, now: Config): LiveReading {
  const names = Object.keys(started.pools).filter((name) => Object.hasOwn(now.pools, name));
  const paths = [
    ...settings.map(({ path }) => path.join('.')),
    ...names.flatMap((name) => poolSettings.map(({ path }) => ['pools', name, ...path].join('.'))),
  ].filter((path) => !/^(auth|listen\.(allowedHosts|allowedOrigins|tls))\b/.test(path));
  const fixed = new Set([
    ...fixedOf(started.browsers, now.browsers, ''),
    ...names.flatMap((name) =>
      fixedOf(started.pools[name]!.browsers, now.pools[name]!.browsers, `pools.${name}.`),
    ),
  ]);
  const pools = Object.entries(started.pools).map(([name, pool]) => {
    const { browsers } = now.pools[name] ?? pool;
    return [name, { ...pool, browsers: inForceOf(pool.browsers, browsers, `pools.${name}.`, fixed) }];
  });
  const isLive = (path: string): boolean => !fixed.has(path) && LIVE.some((one) => one.test(path));
  const changed = paths.filter((path) => isLive(path) && differs(before, now, path));
  return {
    inForce: {
      ...now,
      browsers: inForceOf(started.browsers, now.browsers, '', fixed),
      pools: Object.fromEntries(pools) as InForce['pools'],
    },
    changed,
    needsRestart: [
      ...paths.filter((path) => !isLive(path) && differs(started, now, path)),
      ...onlyIn(started, now),
      ...onlyIn(now, started),
    ],
    notes: changed.some((path) => AT_LAUNCH.test(path))
      ? [
          'browsers.flags are those of Chromes launched from now on; POST /api/v1/reconnect replaces the ones that run.',
        ]
      : [],
  };
}

/** Whether a setting has another value. */
export function differs(one: Config, other: Config, path: string): boolean {
  return valueOf(one, path) !== valueOf(other, path);
}

/** What of a pool stays, though other settings of its kind may change. */
function fixedOf(started: BrowserSettings, now: BrowserSettings, at: string): string[] {
  const isGone = now.upstreams.length === 0;
  // No Chrome was looked for at the start, so there is none to launch; and files of virtual browsers are on this machine, where
  // remote ones don't see them. With one kind only, its settings stay together.
  const fixed =
    started.max === 0
      ? ['min', 'max', ...(isGone ? ['upstreams'] : [])]
      : started.upstreams.length === 0 && !isGone
        ? ['min', 'max', 'upstreams']
        : [];
  return fixed.map((key) => `${at}browsers.${key}`);
}

function inForceOf(
  started: BrowserSettings,
  now: BrowserSettings,
  at: string,
  fixed: ReadonlySet<string>,
): BrowserSettings {
  const kept = ['kind', 'min', 'max', 'upstreams'] as const;
  const stays = kept.filter((key) => key === 'kind' || fixed.has(`${at}browsers.${key}`));
  return { ...now, ...Object.fromEntries(stays.map((key) => [key, started[key]])) };
}

/** Pools that the other does not have. */
function onlyIn(one: Config, other: Config): string[] {
  const names = Object.keys(one.pools).filter((name) => !Object.hasOwn(other.pools, name));
  return names.map((name) => `pools.${name}`);
}

function valueOf(config: Config, path: string): string | undefined {
  const value = path.split('.').reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), config);
  return JSON.stringify(value);
}
