import { configSchema, conflicts, settings, type Config } from './config/schema.js';
import { fromEnvironment, fromFile, fromFlags, shown, type Flags, type Given } from './config/sources.js';

export type { Config } from './config/schema.js';
export type { Flags } from './config/sources.js';

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
  for (const { path, schema, allowed } of settings) {
    const name = path.join('.');
    const result = schema.safeParse(given.get(name)?.value);
    if (result.success) values.set(name, result.data);
    else problems.push(problem(name, given.get(name), undefined, allowed));
  }
  for (const { path, allowed } of conflicts((name) => values.get(name))) {
    const name = path.join('.');
    problems.push(problem(name, given.get(name), values.get(name), allowed));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return configSchema.parse(nested(values));
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
