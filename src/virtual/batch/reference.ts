/** Something in a command that stands for a part of an earlier command's result: `{"$ref":"0#/targetId"}`. */
export interface Reference {
  /** Which command's result. */
  readonly index: number;
  /** Names and indices that lead to the part, as a JSON Pointer (RFC 6901) has them. */
  readonly path: readonly string[];
  /** As it was written. */
  readonly text: string;
}

/** Why a text could not be made; its message is for the client. */
export class Unresolved extends Error {}

const pattern = /^(\d{1,9})#((?:\/[^]*)?)$/;

/** The reference that a value is; undefined where it is a value like any other. */
export function referenceOf(value: unknown): Reference | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$ref')) return undefined;
  const text = (value as { $ref: unknown }).$ref;
  const found = typeof text === 'string' && Object.keys(value).length === 1 && pattern.exec(text);
  if (!found) return undefined;
  const path = found[2]!
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return { index: Number(found[1]), path, text };
}

/** All references in a value, at whatever depth. */
export function referencesIn(value: unknown, found: Reference[] = []): Reference[] {
  if (typeof value !== 'object' || value === null) return found;
  const reference = referenceOf(value);
  if (reference) found.push(reference);
  else for (const inner of Object.values(value)) referencesIn(inner, found);
  return found;
}

/** The part of a value that a reference leads to; throws `Unresolved` where there is none. */
export function follow(value: unknown, { path, index, text }: Reference): unknown {
  let part = value;
  for (const name of path) {
    const isIndex = Array.isArray(part) ? /^(?:0|[1-9]\d*)$/.test(name) : true;
    if (typeof part !== 'object' || part === null || !isIndex || !Object.hasOwn(part, name)) {
      throw new Unresolved(`${text} leads nowhere: command ${index} has no '${name}' there in what it gave.`);
    }
    part = (part as Record<string, unknown>)[name];
  }
  return part;
}

/** A value with all that references stand for. */
export function withReferences(value: unknown, valueOf: (reference: Reference) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const reference = referenceOf(value);
  if (reference) return valueOf(reference);
  if (Array.isArray(value)) return value.map((inner) => withReferences(inner, valueOf));
  const entries = Object.entries(value).map(([name, inner]) => [name, withReferences(inner, valueOf)]);
  return Object.fromEntries(entries);
}

/**
 * The same as text. It is written piece by piece, and ends with `Unresolved` at `most` characters: a large result can be
 * referred to many times.
 */
export function textWithReferences(
  value: unknown,
  valueOf: (reference: Reference) => unknown,
  most: number,
): string {
  const parts: string[] = [];
  let length = 0;
  const put = (text: string): void => {
    length += text.length;
    if (length > most) throw new Unresolved('too large');
    parts.push(text);
  };
  const write = (inner: unknown): void => {
    const reference = referenceOf(inner);
    if (reference) put(JSON.stringify(valueOf(reference)));
    else if (Array.isArray(inner)) {
      inner.forEach((element, nth) => {
        put(nth === 0 ? '[' : ',');
        write(element);
      });
      put(inner.length === 0 ? '[]' : ']');
    } else if (typeof inner === 'object' && inner !== null) {
      const entries = Object.entries(inner);
      entries.forEach(([name, member], nth) => {
        put(`${nth === 0 ? '{' : ','}${JSON.stringify(name)}:`);
        write(member);
      });
      put(entries.length === 0 ? '{}' : '}');
    } else put(JSON.stringify(inner));
  };
  write(value);
  return parts.join('');
}
