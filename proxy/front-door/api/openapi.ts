import { z } from 'zod';
import { rightFor, type Right } from '../../auth/rights.js';
import type { Description, Outcome } from './endpoint.js';
import { LABEL, type QueryParameters } from './query.js';
import { failure, named } from './schemas.js';

const json = 'application/json';

const words: Record<Right, string> = {
  none: 'Needs no token.',
  token: 'Needs a token, where there are any.',
  admin: 'Needs a token with the admin right, where there are tokens.',
};

/** The OpenAPI 3.1 description of what is described, with the schemas that its answers are checked against in tests. */
export function describeApi(descriptions: readonly Description[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const one of descriptions) (paths[one.path] ??= {})[one.method.toLowerCase()] = operationOf(one);
  return {
    openapi: '3.1.0',
    info: {
      title: 'cdpmux',
      version,
      description:
        'What those who operate cdpmux see and order. GET endpoints take HEAD too; no answer may be cached.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { header: [] }, { query: [] }, {}],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        header: { type: 'apiKey', in: 'header', name: 'x-cdpmux-token' },
        query: { type: 'apiKey', in: 'query', name: 'token' },
      },
    },
  };
}

function operationOf({ method, path, name, summary, query, outcomes }: Description): object {
  const right = rightFor(method, path);
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter ?? '');
  const parameters = [...inPath.map(pathParameter), ...queryParameters(query ?? {})];
  const takesId = inPath.length > 0;
  const responses: Record<string, object> = {};
  for (const [status, outcome] of Object.entries(outcomes)) responses[status] = responseOf(outcome);
  if (query) responses['400'] = responseOf({ description: 'A bad parameter.', schema: failure });
  if (takesId) responses['404'] = responseOf({ description: 'Nothing has that id.', schema: failure });
  responses['default'] = responseOf({ description: 'Any other refusal.', schema: failure });
  return {
    operationId: name,
    summary,
    description: words[right],
    ...(right === 'none' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(method === 'PUT' && {
      requestBody: { required: true, content: { 'application/octet-stream': {} } },
    }),
    responses,
  };
}

function responseOf({ description, schema, type }: Outcome): object {
  if (schema) return { description, content: { [json]: { schema: schemaOf(schema) } } };
  return type === undefined ? { description } : { description, content: { [type]: {} } };
}

function pathParameter(name: string): object {
  return { name, in: 'path', required: true, schema: { type: 'string' } };
}

function queryParameters(query: QueryParameters): object[] {
  return Object.entries(query).map(([name, { description, schema }]) => {
    if (name !== LABEL) return { name, in: 'query', description, schema: schemaOf(schema) };
    // Exploded, an object's keys are the names of parameters themselves.
    const labels = { type: 'object', additionalProperties: schemaOf(schema) };
    return {
      name: 'labels',
      in: 'query',
      description: `\`${name}=<v>\`: ${description}`,
      style: 'form',
      explode: true,
      schema: { ...labels, propertyNames: { pattern: '^label\\.' } },
    };
  });
}

/** Bodies are references, or one of several. */
function schemaOf(schema: z.ZodType): object {
  const id = named.get(schema)?.id;
  if (id !== undefined) return { $ref: refTo(id) };
  if (schema instanceof z.ZodUnion) {
    return { anyOf: (schema.options as z.ZodType[]).map(schemaOf) };
  }
  return bare(z.toJSONSchema(schema, { io: 'input' }));
}

function componentSchemas(): object {
  const { schemas } = z.toJSONSchema(named, { io: 'input', uri: refTo });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]));
}

function refTo(id: string): string {
  return `#/components/schemas/${id}`;
}

/** The document says which JSON Schema it is, and where each is in it. */
function bare({ $schema: _schema, $id: _id, ...rest }: Record<string, unknown>): object {
  return rest;
}
