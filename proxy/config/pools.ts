import type { PoolSettings } from '../../src/index.js';
import { browserLeaves, poolSchema } from './browsers.js';
import type { Given } from './given.js';
import { conflictsOfBrowsers, leavesOf, type Conflict, type Setting } from './schema.js';
import { similar } from './similar.js';

/** What the pool without a name is called where one must be named. */
export const DEFAULT_POOL = 'default';

const NAME = /^[a-z0-9-]{1,32}$/;
const NAME_WORDS = `1 to 32 lower-case letters, digits and dashes, and not ${DEFAULT_POOL}, which is the pool without a name`;

/** The settings that each named pool has, by their paths below `pools.<name>`. */
export const poolSettings: readonly Setting[] = leavesOf(poolSchema, []);
const byPath = new Map(poolSettings.map((setting) => [setting.path.join('.'), setting]));

/** A name that a pool can have in requests, the one without a name included. */
export function isPoolName(name: string): boolean {
  return NAME.test(name);
}

/** What is wrong with a path that begins with `pools.`; undefined when nothing is. */
export function problemOfPoolPath(path: string): string | undefined {
  const [, name = '', ...rest] = path.split('.');
  if (!isPoolName(name) || name === DEFAULT_POOL) return `the name of a pool must be ${NAME_WORDS}`;
  const below = rest.join('.');
  if (byPath.has(below)) return undefined;
  const meant = similar(below, [...byPath.keys()]);
  return `unknown key${meant === undefined ? '' : `; did you mean pools.${name}.${meant}?`}`;
}

/** What the settings of pools come to. */
export interface PoolsReading {
  readonly pools: Readonly<Record<string, PoolSettings>>;
  /** By full path, with what a pool has from the one without a name. */
  readonly origins: ReadonlyMap<string, Given>;
  /** Values that are wrong by themselves, by full path. */
  readonly wrong: readonly (readonly [path: string, setting: Setting])[];
  readonly conflicts: readonly Conflict[];
}

/** Gives each pool what was set for it, and the rest from the pool without a name. */
export function readPools(
  given: ReadonlyMap<string, Given>,
  top: (path: string) => Given | undefined,
): PoolsReading {
  const origins = new Map<string, Given>();
  const wrong: [string, Setting][] = [];
  const conflicts: Conflict[] = [];
  // without a prototype: a client may ask for the pool named constructor
  const pools = Object.create(null) as Record<string, PoolSettings>;
  for (const name of namesIn(given)) {
    const at = `pools.${name}.`;
    const values = new Map<string, unknown>();
    const isRemote = namesUpstreams(given.get(`${at}browsers.upstreams`)?.value);
    for (const [path, setting] of byPath) {
      const own = given.get(at + path);
      const origin = own ?? inherited(path, isRemote, top);
      if (own) {
        const result = setting.schema.safeParse(own.value);
        if (!result.success) {
          wrong.push([at + path, setting]);
          continue;
        }
        origins.set(at + path, { value: result.data, source: own.source });
      } else if (origin) origins.set(at + path, origin);
      values.set(path, origins.get(at + path)?.value);
    }
    const get = (path: string): unknown => (byPath.has(path) ? values.get(path) : top(path)?.value);
    conflicts.push(...conflictsOfBrowsers(get, at));
    pools[name] = poolOf(values);
  }
  return { pools, origins, wrong, conflicts };
}

function namesIn(given: ReadonlyMap<string, Given>): Set<string> {
  const names = [...given.keys()].filter((path) => path.startsWith('pools.'));
  return new Set(names.map((path) => path.split('.')[1] ?? ''));
}

function namesUpstreams(value: unknown): boolean {
  const { data } = browserLeaves.upstreams.safeParse(value);
  return data !== undefined && data.length > 0;
}

/** Remote Chromes of its own are what a pool consists of, unless it says how many are launched beside them. */
function inherited(
  path: string,
  isRemote: boolean,
  top: (path: string) => Given | undefined,
): Given | undefined {
  if (isRemote && (path === 'browsers.min' || path === 'browsers.max'))
    return { value: 0, source: 'default' };
  const origin = top(path);
  return origin && { value: origin.value, source: `as ${path}` };
}

function poolOf(values: ReadonlyMap<string, unknown>): PoolSettings {
  const root: { chrome?: unknown; browsers: Record<string, unknown> } = { browsers: {} };
  for (const [path, value] of values) {
    if (path === 'chrome') {
      if (value !== undefined) root.chrome = value;
    } else root.browsers[path.slice('browsers.'.length)] = value;
  }
  // every leaf was checked by its schema, or there is a problem and nobody sees this
  return root as unknown as PoolSettings;
}
