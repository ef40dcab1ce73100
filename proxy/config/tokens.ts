import { z } from 'zod';
import { similar } from './similar.js';

/** Shorter ones are guessed. */
export const SHORTEST_SECRET = 8;
/** Longer than any that a generator makes, and short enough for a header. */
const LONGEST_SECRET = 512;
/** From the one that waits longest. */
export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
const MODES = ['shared', 'exclusive'] as const;

/** What a secret may be: it goes into headers and URLs. */
export const SECRET = new RegExp(`^[\\x21-\\x7e]{${SHORTEST_SECRET},${LONGEST_SECRET}}$`);

/** The same in words. */
export const SECRET_WORDS = `${SHORTEST_SECRET} to ${LONGEST_SECRET} visible ASCII characters without spaces`;

const count = (min: number) => {
  const error = `a whole number, ${min} to 100000`;
  return z.int({ error }).min(min, { error }).max(100_000, { error }).optional();
};
const WEIGHT = 'a whole number, 1 to 100';
const text = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });
const word = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: `one of ${words.join(', ')}` });

/** One token as the configuration gives it. */
const tokenSchema = z
  .strictObject(
    {
      name: text(/^[\w.-]{1,64}$/, '1 to 64 letters, digits, dots, dashes and underscores'),
      secret: text(SECRET, SECRET_WORDS).optional(),
      secretEnv: text(/^[A-Za-z_]\w{0,255}$/, 'the name of an environment variable').optional(),
      secretFile: text(/^.{1,4096}$/, 'the path of a file').optional(),
      maxVirtual: count(1),
      maxQueued: count(0),
      priority: word(PRIORITIES).optional(),
      maxPriority: word(PRIORITIES).optional(),
      modes: z
        .array(word(MODES), { error: 'a list of modes' })
        .nonempty({ error: `one or more of ${MODES.join(', ')}` })
        .optional(),
      pools: z
        .array(text(/^[a-z0-9-]{1,32}$/, 'the name of a pool'), { error: 'a list of names of pools' })
        .nonempty({ error: 'one or more names of pools, that without a name as default' })
        .optional(),
      weight: z.int({ error: WEIGHT }).min(1, { error: WEIGHT }).max(100, { error: WEIGHT }).optional(),
      admin: z.boolean({ error: 'true or false' }).optional(),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'an object with name and secret' : undefined) },
  )
  .superRefine((token, context) => {
    const given = [token.secret, token.secretEnv, token.secretFile].filter((one) => one !== undefined);
    if (given.length !== 1) {
      const message = 'exactly one of secret, secretEnv and secretFile';
      context.addIssue({ code: 'custom', path: ['secret'], message });
    }
    const { priority = 'low', maxPriority = 'critical' } = token;
    if (PRIORITIES.indexOf(priority) > PRIORITIES.indexOf(maxPriority)) {
      const message = `at most maxPriority, which is ${maxPriority}`;
      context.addIssue({ code: 'custom', path: ['priority'], message });
    }
  });

/** One token as the configuration gives it, checked. */
export type TokenSetting = z.infer<typeof tokenSchema>;

const LIST_WORDS = 'a list of tokens, each such as {"name": "ci", "secretEnv": "CI_TOKEN"}; as text, JSON';

/** A list of tokens that `explainTokens` finds nothing wrong with. */
export function tokenList(value: unknown): TokenSetting[] {
  return listSchema().parse(value);
}

function listSchema() {
  return z.array(tokenSchema, { error: LIST_WORDS }).superRefine(unique);
}

/** The leaf `auth.tokens`: a list of objects, or its JSON as text. */
export function tokens() {
  const read = (value: unknown): unknown => (typeof value === 'string' ? parsed(value) : value);
  return z.preprocess(read, listSchema()).meta({ allowed: LIST_WORDS, explain: explainTokens });
}

/** One thing that is wrong inside of a leaf: where, the value as it may be shown, and what is allowed there. */
export interface Detail {
  /** After the leaf's path: `[1].priority`. */
  readonly at: string;
  /** ` = "urgent"`, or empty where there is none. */
  readonly shown: string;
  readonly message: string;
}

/** Everything that is wrong with a list of tokens; no text of it holds a secret. */
export function explainTokens(value: unknown): Detail[] {
  const list = typeof value === 'string' ? parsed(value) : value;
  const { error } = listSchema().safeParse(list);
  return (error?.issues ?? []).flatMap((issue) => {
    const at = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        at: `${at}.${key}`,
        shown: '',
        message: `unknown key${meant(key)}`,
      }));
    }
    return [{ at, shown: showAt(list, issue.path), message: `must be ${issue.message}` }];
  });
}

function unique(list: readonly { readonly name: string }[], context: z.RefinementCtx): void {
  list.forEach(({ name }, index) => {
    if (list.findIndex((other) => other.name === name) === index) return;
    const message = 'another name than the tokens before it have';
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  });
}

function meant(key: string): string {
  const known = similar(key, Object.keys(tokenSchema.shape));
  return known === undefined ? '' : `; did you mean ${known}?`;
}

/** A text that is no JSON stays what it is, which no list is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Where a value can be no secret, not even one that somebody put into the wrong place. */
const SHOWN = new Set([
  'maxVirtual',
  'maxQueued',
  'priority',
  'maxPriority',
  'modes',
  'pools',
  'weight',
  'admin',
  'name',
]);

function showAt(list: unknown, path: readonly PropertyKey[]): string {
  const value = path.reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), list);
  if (value === undefined) return '';
  const key = path.find((one) => typeof one === 'string');
  const isShown =
    typeof key === 'string' && SHOWN.has(key) && (typeof value !== 'string' || value.length <= 64);
  return ` = ${isShown ? JSON.stringify(value) : '(hidden)'}`;
}
