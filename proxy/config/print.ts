import type { Given } from './given.js';

const HIDDEN = '(hidden)';

/** The configuration as JSON: each setting's value and where it comes from; what may be a secret is hidden. */
export function printedConfig(origins: ReadonlyMap<string, Given>): string {
  const lines = [...origins].map(([path, { value, source }]) => {
    const shown = { value: withoutSecrets(value) ?? null, source };
    return `  ${JSON.stringify(path)}: ${JSON.stringify(shown)}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** Tokens have secrets, and so may URLs: a user's password, or a key in the query. */
function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutCredentials(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const hidden = Object.entries(value).map(([key, inner]) => [
    key,
    key === 'secret' ? HIDDEN : withoutSecrets(inner),
  ]);
  return Object.fromEntries(hidden);
}

function withoutCredentials(text: string): string {
  if (!text.includes('://')) return text;
  const [before = '', query] = text.split(/\?(.*)/s, 2);
  const address = before.replace(/:\/\/[^/@]*@/g, `://${HIDDEN}@`);
  return query === undefined ? address : `${address}?${query.replace(/=[^&]*/g, `=${HIDDEN}`)}`;
}
