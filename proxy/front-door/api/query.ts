import { z } from 'zod';
import { CdpmuxError } from '../../../src/index.js';

/** One parameter of a query: the schema decides, `allowed` says it in words. */
export interface QueryParameter {
  readonly description: string;
  readonly schema: z.ZodType<string>;
  readonly allowed: string;
}

/** What an endpoint takes in its query. */
export interface QueryParameters {
  readonly [name: string]: QueryParameter;
}

/** What a request gave, already checked. */
export interface Query {
  readonly values: ReadonlyMap<string, string>;
  /** Of `label.<k>=<v>`. */
  readonly labels: ReadonlyMap<string, string>;
}

/** The parameter that stands for `label.<k>=<v>` with any k. */
export const LABEL = 'label.<k>';

const LONGEST = 256;

/** A parameter that is compared as it is. */
export function textParameter(description: string): QueryParameter {
  const schema = z.string().max(LONGEST);
  return { description, schema, allowed: `a text of at most ${LONGEST} characters` };
}

/** A parameter that is one of some words. */
export function choiceParameter(description: string, schema: z.ZodEnum): QueryParameter {
  return { description, schema: schema as z.ZodType<string>, allowed: schema.options.join(', ') };
}

/** Reads a query; throws BAD_PARAMETER for what the endpoint does not take, since a filter with a typo would show everything. */
export function readQuery(query: string, parameters: QueryParameters = {}): Query {
  const values = new Map<string, string>();
  const labels = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const isLabel = LABEL in parameters && name.startsWith('label.');
    const parameter = isLabel ? parameters[LABEL] : own(parameters, name);
    if (!parameter) throw unknown(name, Object.keys(parameters));
    const known = isLabel ? labels : values;
    const key = isLabel ? name.slice('label.'.length) : name;
    if (known.has(key)) throw bad(name, value, 'one value, and was given twice');
    if (!parameter.schema.safeParse(value).success) throw bad(name, value, parameter.allowed);
    known.set(key, value);
  }
  return { values, labels };
}

/** Those of a list whose properties are what the query says. */
export function filter<T extends object>(list: readonly T[], { values, labels }: Query): T[] {
  return list.filter((one) => {
    const fits = [...values].every(([name, value]) => Reflect.get(one, name) === value);
    return fits && [...labels].every(([key, value]) => labelOf(one, key) === value);
  });
}

function labelOf(one: object, key: string): unknown {
  const labels: unknown = Reflect.get(one, 'labels');
  return Object.entries(labels ?? {}).find(([name]) => name === key)?.[1];
}

function own(parameters: QueryParameters, name: string): QueryParameter | undefined {
  return name !== LABEL && Object.hasOwn(parameters, name) ? parameters[name] : undefined;
}

function unknown(name: string, known: readonly string[]): CdpmuxError {
  const takes = known.length === 0 ? 'none' : known.join(', ');
  const message = `This takes no parameter ${JSON.stringify(name.slice(0, 100))}; it takes ${takes}.`;
  return new CdpmuxError('BAD_PARAMETER', message, { details: { parameter: name.slice(0, 100) } });
}

function bad(parameter: string, value: string, range: string): CdpmuxError {
  const shown = value.slice(0, 100);
  const message = `Parameter ${parameter} has the value ${JSON.stringify(shown)}; it takes ${range}.`;
  return new CdpmuxError('BAD_PARAMETER', message, { details: { parameter, value: shown, range } });
}
