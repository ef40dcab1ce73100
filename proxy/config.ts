import { readAuth, type Auth } from './config/auth.js';
import type { PoolSettings } from '../src/index.js';
import type { Given } from './config/given.js';
import { DEFAULT_POOL, readPools } from './config/pools.js';
import { configSchema, conflicts, settings, type Setting, type Settings } from './config/schema.js';
import { fromEnvironment, fromFile, fromFlags, shown, type Flags } from './config/sources.js';
import { readTls, type Tls } from './config/tls.js';
import type { TokenSetting } from './config/tokens.js';

export type { Auth, Mode, Token } from './config/auth.js';
export type { Tls } from './config/tls.js';
export type { Flags } from './config/sources.js';

/** The whole configuration: all settings, and what was read from where they point to. */
export type Config = Omit<Settings, 'auth'> & {
  readonly auth: Auth;
  /** By name. */
  readonly pools: Readonly<Record<string, PoolSettings>>;
  /** With which connections are encrypted; without it they are not. */
  readonly tls?: Tls;
};

/** Where settings come from, beside the defaults; a later one wins. */
export interface Sources {
  readonly file?: { readonly name: string; readonly content: string };
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: Flags;
}

/** The configuration is not usable; `problems` has one line for each thing that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['The configuration is not usable:', ...problems].join('\n  '));
    this.problems = problems;
  }
}

/** Merges the sources and checks the whole; throws a `ConfigError` with every problem at once. */
export function loadConfig(sources: Sources): Config {
  return readConfig(sources).config;
}

/** The same, with each value and where it comes from by its path. */
export function readConfig({ file, env = {}, flags = {} }: Sources): {
  readonly config: Config;
  readonly origins: ReadonlyMap<string, Given>;
} {
  const readings = [
    ...(file ? [fromFile(file.content, file.name)] : []),
    fromEnvironment(env),
    fromFlags(flags),
  ];
  const given = new Map<string, Given>(readings.flatMap((reading) => [...reading.given]));
  const problems = readings.flatMap((reading) => reading.problems);
  const origins = new Map<string, Given>();
  const get = (name: string): unknown => origins.get(name)?.value;
  for (const setting of settings) {
    const name = setting.path.join('.');
    const { value, source } = given.get(name) ?? byDefault(name, get);
    const result = setting.schema.safeParse(value);
    if (result.success) origins.set(name, { value: result.data, source });
    else problems.push(...problemsOf(name, given.get(name), setting));
  }
  const { pools, ...ofPools } = readPools(given, (name) => origins.get(name));
  for (const [name, setting] of ofPools.wrong) problems.push(...problemsOf(name, given.get(name), setting));
  for (const [name, origin] of ofPools.origins) origins.set(name, origin);
  for (const { path, allowed } of [...conflicts(get), ...ofPools.conflicts]) {
    const name = path.join('.');
    problems.push(problem(given.get(name) ?? origins.get(name), name, allowed));
  }
  const { auth, problems: authProblems } = readAuth({
    tokens: (get('auth.tokens') ?? []) as TokenSetting[],
    source: given.get('auth.tokens')?.source ?? 'default',
    file: get('auth.file') as string | undefined,
    env,
    pools: [DEFAULT_POOL, ...Object.keys(pools)],
  });
  const [cert, key] = [get('listen.tls.cert'), get('listen.tls.key')];
  const hasTls = typeof cert === 'string' && typeof key === 'string';
  const { tls, problems: tlsProblems } = hasTls ? readTls(cert, key) : { problems: [] };
  problems.push(...authProblems, ...tlsProblems);
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  const config = { ...configSchema.parse(nested(get)), auth, pools, ...(tls && { tls }) };
  return { config, origins };
}

/** With remote Chromes none is launched unless somebody says how many. */
function byDefault(name: string, get: (name: string) => unknown): Given {
  const isCount = name === 'browsers.min' || name === 'browsers.max';
  const upstreams = isCount && get('browsers.upstreams');
  const value = Array.isArray(upstreams) && upstreams.length > 0 ? 0 : undefined;
  return { value, source: 'default' };
}

function problemsOf(name: string, given: Given | undefined, { allowed, explain }: Setting): string[] {
  if (!explain) return [problem(given, name, allowed)];
  const details = explain(given?.value);
  return details.map(
    ({ at, shown: value, message }) => `${name}${at}${value} (${given?.source}): ${message}`,
  );
}

function problem(given: Given | undefined, name: string, allowed: string): string {
  return `${name} = ${shown(given?.value)} (${given?.source ?? 'default'}): must be ${allowed}`;
}

function nested(get: (name: string) => unknown): unknown {
  const root: Record<string, unknown> = {};
  for (const { path } of settings) {
    let group = root;
    for (const key of path.slice(0, -1)) group = (group[key] ??= {}) as Record<string, unknown>;
    const value = get(path.join('.'));
    if (value !== undefined) group[path.at(-1) ?? ''] = value;
  }
  return root;
}
