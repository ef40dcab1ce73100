import { readAuth, type Auth } from './config/auth.js';
import { configSchema, conflicts, settings, type Setting, type Settings } from './config/schema.js';
import { fromEnvironment, fromFile, fromFlags, shown, type Flags, type Given } from './config/sources.js';
import { readTls, type Tls } from './config/tls.js';
import type { TokenSetting } from './config/tokens.js';

export type { Auth, Mode, Token } from './config/auth.js';
export type { Tls } from './config/tls.js';
export type { Flags } from './config/sources.js';

/** The whole configuration: all settings, and what was read from where they point to. */
export type Config = Omit<Settings, 'auth'> & {
  readonly auth: Auth;
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
export function loadConfig({ file, env = {}, flags = {} }: Sources): Config {
  const readings = [
    ...(file ? [fromFile(file.content, file.name)] : []),
    fromEnvironment(env),
    fromFlags(flags),
  ];
  const given = new Map<string, Given>(readings.flatMap((reading) => [...reading.given]));
  const problems = readings.flatMap((reading) => reading.problems);
  const values = new Map<string, unknown>();
  for (const setting of settings) {
    const name = setting.path.join('.');
    const result = setting.schema.safeParse(given.get(name)?.value);
    if (result.success) values.set(name, result.data);
    else problems.push(...problemsOf(name, given.get(name), setting));
  }
  for (const { path, allowed } of conflicts((name) => values.get(name))) {
    const name = path.join('.');
    problems.push(problem(name, given.get(name), values.get(name), allowed));
  }
  const { auth, problems: authProblems } = readAuth({
    tokens: (values.get('auth.tokens') ?? []) as TokenSetting[],
    source: given.get('auth.tokens')?.source ?? 'default',
    file: values.get('auth.file') as string | undefined,
    env,
  });
  const [cert, key] = [values.get('listen.tls.cert'), values.get('listen.tls.key')];
  const hasTls = typeof cert === 'string' && typeof key === 'string';
  const { tls, problems: tlsProblems } = hasTls ? readTls(cert, key) : { problems: [] };
  problems.push(...authProblems, ...tlsProblems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...configSchema.parse(nested(values)), auth, ...(tls && { tls }) };
}

function problemsOf(name: string, given: Given | undefined, { allowed, explain }: Setting): string[] {
  if (!explain) return [problem(name, given, undefined, allowed)];
  const details = explain(given?.value);
  return details.map(
    ({ at, shown: value, message }) => `${name}${at}${value} (${given?.source}): ${message}`,
  );
}

function problem(name: string, given: Given | undefined, byDefault: unknown, allowed: string): string {
  return given
    ? `${name} = ${shown(given.value)} (${given.source}): must be ${allowed}`
    : `${name} = ${shown(byDefault)} (default): must be ${allowed}`;
}

function nested(values: ReadonlyMap<string, unknown>): unknown {
  const root: Record<string, unknown> = {};
  for (const { path } of settings) {
    let group = root;
    for (const key of path.slice(0, -1)) group = (group[key] ??= {}) as Record<string, unknown>;
    const value = values.get(path.join('.'));
    if (value !== undefined) group[path.at(-1) ?? ''] = value;
  }
  return root;
}
