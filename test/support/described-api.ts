import Ajv from 'ajv';
import { ask, type Answer, type Asking } from './ask.js';

/** One operation of an OpenAPI document, as far as answers are checked against it. */
interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>;
}

/** An OpenAPI document. */
export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

/** Asks a cdpmux, and holds every answer against the description that this cdpmux gives of itself. */
export class DescribedApi {
  readonly document: Document;
  /** `METHOD /path/{id} status` of all answers so far. */
  readonly seen = new Set<string>();
  readonly #url: string;
  readonly #ajv = new Ajv({ allErrors: true, validateSchema: false });

  private constructor(url: string, document: Document) {
    this.#url = url;
    this.document = document;
    this.#ajv.addSchema(closed(document) as object, 'api');
  }

  static async of(url: string, asking: Asking = {}): Promise<DescribedApi> {
    const { body } = await ask(`${url}/openapi.json`, asking);
    return new DescribedApi(url, JSON.parse(body) as Document);
  }

  /** Every operation: `METHOD /path/{id}`. */
  get operations(): string[] {
    return Object.entries(this.document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
  }

  /** Asks, and throws when the answer is not as described. */
  async ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const answer = await ask(this.#url + path, { ...asking, method });
    this.check(method, path, answer);
    return answer;
  }

  /** The same, with the body parsed. */
  async json<T>(method: string, path: string, asking: Asking = {}): Promise<T> {
    return JSON.parse((await this.ask(method, path, asking)).body) as T;
  }

  /** Throws when an answer is not as described. */
  check(method: string, path: string, { status, headers, body }: Answer): void {
    const bare = path.replace(/\?.*/, '');
    const template = Object.keys(this.document.paths).find((one) => patternOf(one).test(bare));
    const operation = template && this.document.paths[template]?.[method.toLowerCase()];
    if (!operation) throw new Error(`${method} ${bare} is not described`);
    this.seen.add(`${method} ${template} ${status}`);
    const described = String(status) in operation.responses ? String(status) : 'default';
    const content = operation.responses[described]?.content;
    const what = `${method} ${path}: ${status}`;
    const type = headers['content-type']?.replace(/;.*/, '');
    if (!content) {
      if (body !== '' || type !== undefined) throw new Error(`${what} has a body, and none is described`);
      return;
    }
    if (type === undefined || !(type in content))
      throw new Error(`${what} is ${type}, which is not described`);
    if (!('schema' in content[type]!)) return;
    const parts = [
      'paths',
      template,
      method.toLowerCase(),
      'responses',
      described,
      'content',
      type,
      'schema',
    ];
    const validate = this.#ajv.getSchema(`api#/${parts.map(pointer).join('/')}`);
    if (!validate) throw new Error(`${what}: the description has no schema there`);
    if (validate(JSON.parse(body)) === true) return;
    throw new Error(`${what} is not as described: ${this.#ajv.errorsText(validate.errors)} in ${body}`);
  }
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`);
}

/** A part of a JSON pointer in a URI. */
function pointer(part: string): string {
  return encodeURIComponent(part.replace(/~/g, '~0').replace(/\//g, '~1'));
}

/** The same document with no room for properties that it does not tell of: clients may meet those of a later version, tests none. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]));
  const isObject = 'properties' in copy && copy['type'] === 'object';
  return isObject && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
}
