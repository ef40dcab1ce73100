import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Priority } from '../../src/index.js';
import { parseJsonWithComments } from './json-comments.js';
import { explainTokens, SECRET, SECRET_WORDS, tokenList, type TokenSetting } from './tokens.js';

/** How a client shares Chromes with others, or does not. */
export type Mode = 'shared' | 'exclusive';

/** Who may come in, and what they may ask for. Of the secret only the digest is kept. */
export interface Token {
  readonly name: string;
  /** SHA-256 of the secret. */
  readonly digest: Buffer;
  readonly maxVirtual?: number;
  readonly maxQueued?: number;
  /** Where a client asks for none. */
  readonly priority: Priority;
  readonly maxPriority: Priority;
  readonly modes: readonly Mode[];
  /** The pools that it may use, the one without a name as `default`; any where not given. */
  readonly pools?: readonly string[];
  /** Its share of places that come free, beside other tokens'. */
  readonly weight: number;
  readonly admin: boolean;
}

/** The part of the configuration that says who may come in. */
export interface Auth {
  /** Whether one must have a token at all: none may be left of a list that was there. */
  readonly required: boolean;
  readonly tokens: readonly Token[];
  /** Environment variables that hold secrets, and that nobody below needs to see. */
  readonly variables: readonly string[];
}

/** Where the tokens are. */
export interface AuthSettings {
  readonly tokens: readonly TokenSetting[];
  /** As the user wrote it, for messages. */
  readonly source: string;
  /** A file with more of them. */
  readonly file: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** The names of all pools. */
  readonly pools: readonly string[];
}

/** The digest that secrets are compared by: equal length for all, and no way back. */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Takes the secrets from where they are; what can't be had is told in `problems`, none of which holds a secret. */
export function readAuth({ tokens, source, file, env, pools }: AuthSettings): {
  auth: Auth;
  problems: string[];
} {
  const problems: string[] = [];
  const more = file === undefined ? [] : readTokenFile(file, problems);
  const all = [
    ...tokens.map((setting, index) => ({ setting, at: `auth.tokens[${index}]`, source })),
    ...more.map((setting, index) => ({ setting, at: `auth.file[${index}]`, source: file ?? '' })),
  ];
  const read: Token[] = [];
  for (const { setting, at, source: from } of all) {
    const secret = secretOf(setting, env);
    const same = read.find(({ name }) => name === setting.name);
    if (same)
      problems.push(`${at}.name = "${setting.name}" (${from}): must be another name than in auth.tokens`);
    const unknown = setting.pools?.filter((pool) => !pools.includes(pool)) ?? [];
    if (unknown.length > 0) {
      problems.push(
        `${at}.pools = ${JSON.stringify(unknown)} (${from}): must be of the pools that there are: ${pools.join(', ')}`,
      );
    }
    if (typeof secret !== 'string') {
      problems.push(`${at}.${secret.key} = "${secret.shown}" (${from}): must be ${secret.allowed}`);
      continue;
    }
    const token = tokenOf(setting, digestOf(secret));
    const twin = read.find(({ digest }) => digest.equals(token.digest));
    if (twin) problems.push(`${at}.secret (${from}): must be another than that of ${twin.name}`);
    read.push(token);
  }
  const variables = all.flatMap(({ setting }) => setting.secretEnv ?? []);
  return { auth: { required: file !== undefined || all.length > 0, tokens: read, variables }, problems };
}

function readTokenFile(file: string, problems: string[]): TokenSetting[] {
  let content: unknown;
  try {
    content = parseJsonWithComments(readFileSync(file, 'utf8'));
  } catch (error) {
    problems.push(`auth.file = ${JSON.stringify(file)}: must be a readable JSON file (${codeOf(error)})`);
    return [];
  }
  const details = explainTokens(content);
  problems.push(...details.map(({ at, shown, message }) => `auth.file${at}${shown} (${file}): ${message}`));
  return details.length > 0 ? [] : tokenList(content);
}

interface Missing {
  readonly key: 'secretEnv' | 'secretFile';
  readonly shown: string;
  readonly allowed: string;
}

function secretOf(
  { secret, secretEnv, secretFile = '' }: TokenSetting,
  env: NodeJS.ProcessEnv,
): string | Missing {
  if (secret !== undefined) return secret;
  if (secretEnv !== undefined) {
    const value = env[secretEnv]?.trim() ?? '';
    if (SECRET.test(value)) return value;
    return { key: 'secretEnv', shown: secretEnv, allowed: `a variable that is set to ${SECRET_WORDS}` };
  }
  const missing = (why: string): Missing => ({ key: 'secretFile', shown: secretFile, allowed: why });
  try {
    // Editors and `echo` end a file with a line break.
    const value = readFileSync(secretFile, 'utf8').trim();
    return SECRET.test(value) ? value : missing(`a file with ${SECRET_WORDS}`);
  } catch (error) {
    return missing(`a readable file (${codeOf(error)})`);
  }
}

function tokenOf(setting: TokenSetting, digest: Buffer): Token {
  const { name, maxVirtual, maxQueued, maxPriority = 'critical', modes = ['shared', 'exclusive'] } = setting;
  return {
    name,
    digest,
    ...(maxVirtual !== undefined && { maxVirtual }),
    ...(maxQueued !== undefined && { maxQueued }),
    priority: setting.priority ?? (maxPriority === 'low' ? 'low' : 'normal'),
    maxPriority,
    modes,
    ...(setting.pools && { pools: setting.pools }),
    weight: setting.weight ?? 1,
    admin: setting.admin ?? false,
  };
}

/** What went wrong, without the text that it went wrong with. */
function codeOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'no valid JSON';
  return (error as NodeJS.ErrnoException).code ?? 'unreadable';
}
