declare const stands: unique symbol;

/** What stands for a value of this type until the batch has been run. */
export interface Standing<T> {
  readonly [stands]: T;
}

type IsAny<T> = 0 extends 1 & T ? true : false;

/** Stands for a value that a batch will get; its members stand for the members of that value. */
export type Ref<T> = Standing<T> &
  (IsAny<T> extends true
    ? { readonly [name: string]: Ref<T> }
    : T extends readonly (infer Element)[]
      ? { readonly [index: number]: Ref<Element> }
      : T extends object
        ? { readonly [Name in keyof T]-?: Ref<Exclude<T[Name], undefined>> }
        : unknown);

/** A value in which any part may be one that an earlier command of the batch will give. */
export type WithRefs<T> =
  | T
  | Standing<T>
  | (T extends readonly (infer Element)[]
      ? readonly WithRefs<Element>[]
      : T extends object
        ? { [Name in keyof T]: WithRefs<T[Name]> }
        : never);

/** The same with the values in place of what stood for them. */
export type Resolved<T> =
  T extends Standing<infer Value> ? Value : T extends object ? { [Name in keyof T]: Resolved<T[Name]> } : T;

/** Where a value is: in which command's result, and by which names. */
export interface Place {
  readonly index: number;
  readonly path: readonly string[];
}

const places = new WeakMap<object, Place>();

/** Makes what stands for a part of a command's result. */
export function standFor<T>(index: number, path: readonly string[] = []): Ref<T> {
  const pointer = path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
  const written = { $ref: `${index}#${pointer}` };
  const stand = new Proxy(written, {
    get(_target, name) {
      // JSON.stringify asks for it; nothing in the protocol has that name.
      if (name === 'toJSON') return () => written;
      // A promise resolves with what has a `then`.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return standFor(index, [...path, name]);
    },
  });
  places.set(stand, { index, path });
  return stand as unknown as Ref<T>;
}

/** Where the value is that something stands for; undefined where it stands for itself. */
export function placeOf(value: unknown): Place | undefined {
  return typeof value === 'object' && value !== null ? places.get(value) : undefined;
}

/** A value with what `valueAt` gives in the place of all that stands for something. */
export function resolve<T>(value: T, valueAt: (place: Place) => unknown): Resolved<T> {
  const place = placeOf(value);
  if (place) return valueAt(place) as Resolved<T>;
  if (Array.isArray(value)) {
    const list: unknown[] = value.map((inner: unknown) => resolve(inner, valueAt));
    return list as Resolved<T>;
  }
  if (typeof value !== 'object' || value === null) return value as Resolved<T>;
  const entries = Object.entries(value).map(([name, inner]: [string, unknown]) => [
    name,
    resolve(inner, valueAt),
  ]);
  return Object.fromEntries(entries) as Resolved<T>;
}
