import { z } from 'zod';
import { parseJsonWithComments } from './json-comments.js';
import { poolSchema } from './browsers.js';
import type { Given } from './given.js';
import { poolSettings, problemOfPoolPath } from './pools.js';
import { configSchema, settings, type Path } from './schema.js';
import { similar } from './similar.js';

/** What a source says, and what in it can't be understood. */
export interface SourceReading {
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly string[];
}

const paths = settings.map(({ path }) => path.join('.'));

/** Reads a configuration file's text. */
export function fromFile(content: string, name: string): SourceReading {
  const given = new Map<string, Given>();
  const problems: string[] = [];
  const visit = (value: unknown, group: z.ZodObject, above: Path): void => {
    for (const [key, inner] of Object.entries(value as object)) {
      const path = [...above, key].join('.');
      const schema: unknown = Object.hasOwn(group.shape, key) ? group.shape[key] : undefined;
      if (key === '$schema' && above.length === 0) continue;
      if (key === 'pools' && above.length === 0) visitPools(inner);
      else if (schema === undefined) problems.push(unknownKey(path, name));
      else if (!(schema instanceof z.ZodObject)) given.set(path, { value: inner, source: name });
      else if (isRecord(inner)) visit(inner, schema, [...above, key]);
      else
        problems.push(
          `${path} = ${path === 'auth' ? '(hidden)' : shown(inner)} (${name}): must be an object`,
        );
    }
  };
  const visitPools = (pools: unknown): void => {
    if (!isRecord(pools))
      problems.push(`pools = ${shown(pools)} (${name}): must be an object with one object for each pool`);
    for (const [key, pool] of Object.entries(isRecord(pools) ? pools : {}) as [string, unknown][]) {
      const wrong = problemOfPoolPath(`pools.${key}.chrome`);
      if (wrong !== undefined) problems.push(`pools.${key} (${name}): ${wrong}`);
      else if (!isRecord(pool)) problems.push(`pools.${key} = ${shown(pool)} (${name}): must be an object`);
      else {
        // it is there, though it may be as the one without a name in all
        given.set(`pools.${key}`, { value: undefined, source: name });
        visit(pool, poolSchema, ['pools', key]);
      }
    }
  };
  try {
    const parsed = parseJsonWithComments(content);
    if (isRecord(parsed)) visit(parsed, configSchema, []);
    else problems.push(`${name}: must hold one JSON object`);
  } catch (error) {
    problems.push(`${name}: ${error instanceof Error ? withoutSource(error.message) : String(error)}`);
  }
  return { given, problems };
}

/** JSON.parse quotes what it can't read, which may be a secret. */
function withoutSource(message: string): string {
  return message.replace(/^(Unexpected token) .*, ("|\.\.\.).* (is not valid JSON)$/s, '$1; the text $3');
}

/** The environment variable of a setting: `browsers.virtualPerBrowser` is `CDPMUX_BROWSERS_VIRTUAL_PER_BROWSER`. */
export function variableOf(path: Path): string {
  const words = path.flatMap((key) => key.split(/(?=[A-Z])/));
  return ['CDPMUX', ...words].join('_').toUpperCase();
}

const variables = new Map(settings.map(({ path }) => [variableOf(path), path.join('.')]));
const poolVariables = poolSettings.map(({ path }) => [
  variableOf(path).slice('CDPMUX'.length),
  path.join('.'),
]);

/** The path that `CDPMUX_POOLS_MY_POOL_BROWSERS_KIND` sets: `pools.my-pool.browsers.kind`. */
function poolPathOf(variable: string): string | undefined {
  const rest = /^CDPMUX_POOLS_(.*)$/.exec(variable)?.[1] ?? '';
  const [end = '', path] = poolVariables.find(([suffix = '']) => rest.endsWith(suffix)) ?? [];
  if (path === undefined || rest.length === end.length) return undefined;
  return `pools.${rest.slice(0, -end.length).toLowerCase().replaceAll('_', '-')}.${path}`;
}

/**
 * Reads the environment. A variable that is almost one of ours is a problem; another CDPMUX_* is not, because
 * Kubernetes makes such ones (CDPMUX_PORT=tcp://…) for a service named cdpmux.
 */
export function fromEnvironment(env: NodeJS.ProcessEnv): SourceReading {
  const given = new Map<string, Given>();
  const problems: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('CDPMUX_') || name === 'CDPMUX_CONFIG' || value === undefined || value === '')
      continue;
    const path = variables.get(name) ?? poolPathOf(name);
    const wrong = path?.startsWith('pools.') === true ? problemOfPoolPath(path) : undefined;
    if (path !== undefined) {
      if (wrong === undefined) given.set(path, { value, source: name });
      else problems.push(`${path} (${name}): ${wrong}`);
      continue;
    }
    if (name.startsWith('CDPMUX_POOLS_') && !isServiceVariable(name)) {
      const known = 'CDPMUX_POOLS_<NAME>_CHROME and CDPMUX_POOLS_<NAME>_BROWSERS_<KEY>';
      problems.push(`${name}: unknown variable; those of a pool are ${known}`);
      continue;
    }
    const meant = similar(
      name.slice('CDPMUX_'.length),
      [...variables.keys()].map((one) => one.slice(7)),
    );
    if (meant !== undefined && !isServiceVariable(name)) {
      problems.push(`${name}: unknown variable; did you mean CDPMUX_${meant}?`);
    }
  }
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (endpoint !== undefined && endpoint !== '' && !given.has('telemetry.endpoint')) {
    given.set('telemetry.endpoint', { value: endpoint, source: 'OTEL_EXPORTER_OTLP_ENDPOINT' });
  }
  return { given, problems };
}

function isServiceVariable(name: string): boolean {
  return /_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$/.test(name);
}

/** What the command line gives, already told apart. */
export interface Flags {
  readonly host?: string;
  readonly port?: string;
  readonly chrome?: string;
  readonly upstream?: readonly string[];
  readonly logLevel?: string;
  /** `path=value`, each. */
  readonly set?: readonly string[];
}

/** Reads the flags. */
export function fromFlags(flags: Flags): SourceReading {
  const given = new Map<string, Given>();
  const problems: string[] = [];
  const put = (path: string, value: unknown, source: string): void => {
    if (value !== undefined) given.set(path, { value, source });
  };
  for (const assignment of flags.set ?? []) {
    const at = assignment.indexOf('=');
    const path = at < 0 ? assignment : assignment.slice(0, at);
    // What follows a path that is none may be a secret.
    if (at < 0) problems.push(`--set ${/^[\w.]*/.exec(path)?.[0]}: must be path=value`);
    else if (!isKnown(path)) problems.push(unknownKey(path, '--set'));
    else put(path, assignment.slice(at + 1), '--set');
  }
  put('listen.host', flags.host, '--host');
  put('listen.port', flags.port, '--port');
  put('chrome', flags.chrome, '--chrome');
  put('log.level', flags.logLevel, '--log-level');
  put('browsers.upstreams', flags.upstream, '--upstream');
  return { given, problems };
}

function isKnown(path: string): boolean {
  return path.startsWith('pools.') ? problemOfPoolPath(path) === undefined : paths.includes(path);
}

function unknownKey(path: string, source: string): string {
  if (path.startsWith('pools.')) return `${path} (${source}): ${problemOfPoolPath(path)}`;
  const groups = [...new Set(['pools', ...paths.map((one) => one.split('.')[0] ?? '')])];
  const key = path.slice(path.lastIndexOf('.') + 1);
  // the right key in the wrong group is as likely as a slip of the finger
  const meant = similar(path, [...paths, ...groups]) ?? paths.find((one) => one.endsWith(`.${key}`));
  return `${path} (${source}): unknown key${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

/** A value for an error message: short, on one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
