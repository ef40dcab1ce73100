import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** A parameter, property or type of the protocol JSON. */
export interface Schema {
  readonly name?: string | undefined;
  readonly id?: string;
  readonly type?: string;
  readonly $ref?: string;
  readonly optional?: boolean;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: readonly Schema[];
}

/** A command with its parameters. */
export interface Command {
  /** `Domain.command` */
  readonly method: string;
  readonly domain: string;
  readonly parameters: readonly Schema[];
}

interface Domain {
  readonly domain: string;
  readonly types?: readonly Schema[];
  readonly commands?: readonly { readonly name: string; readonly parameters?: readonly Schema[] }[];
}

const domains = ['browser_protocol.json', 'js_protocol.json'].flatMap(
  (file) => (require(`devtools-protocol/json/${file}`) as { domains: Domain[] }).domains,
);

const types = new Map(
  domains.flatMap(({ domain, types = [] }) =>
    types.map((type): [string, Schema] => [`${domain}.${type.id}`, type]),
  ),
);

/** Every command, stable, experimental and deprecated. */
export const commands: readonly Command[] = domains.flatMap(({ domain, commands = [] }) =>
  commands.map(({ name, parameters = [] }) => ({ method: `${domain}.${name}`, domain, parameters })),
);

/** The domains that can be switched on. */
export const enableable: readonly string[] = commands
  .filter(({ method }) => method.endsWith('.enable'))
  .map(({ domain }) => domain);

/** The full name of a type that is referred to, `Domain.Type`. */
export function refName(schema: Schema, domain: string): string | undefined {
  if (schema.$ref === undefined) return undefined;
  return schema.$ref.includes('.') ? schema.$ref : `${domain}.${schema.$ref}`;
}

/** Gives a parameter its value; undefined leaves it to `fill`. */
export type Chooser = (schema: Schema, domain: string, path: string) => unknown;

/** A plausible value: the first of an enum, and of an object what is required; `choose` decides where it wants to. */
export function fill(schema: Schema, domain: string, path: string, choose: Chooser, depth = 0): unknown {
  const chosen = choose(schema, domain, path);
  if (chosen !== undefined) return chosen;
  const name = refName(schema, domain);
  if (name !== undefined) {
    const type = types.get(name);
    if (!type) throw new Error(`no type ${name}`);
    // what is chosen by name stays the parameter's name; its type says the rest
    return fill(
      { ...type, ...(schema.name !== undefined && { name: schema.name }) },
      name.slice(0, name.indexOf('.')),
      path,
      choose,
      depth,
    );
  }
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case 'string':
    case 'binary':
      return '';
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return false;
    case 'array':
      return schema.items && depth < 4 ? [fill(schema.items, domain, `${path}[]`, choose, depth + 1)] : [];
    case 'object': {
      const filled: Record<string, unknown> = {};
      for (const property of schema.properties ?? []) {
        if (property.optional === true && choose(property, domain, `${path}.${property.name}`) === undefined)
          continue;
        if (depth < 4)
          filled[property.name!] = fill(property, domain, `${path}.${property.name}`, choose, depth + 1);
      }
      return filled;
    }
    default:
      return {};
  }
}
