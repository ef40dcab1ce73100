import { CdpmuxError, readLaunchFlags, type LaunchFlags, type Tenant } from '../../src/index.js';

const RANGE = '{"args":["--flag", "--flag=value", …]} and nothing else';

/** Reads `launch={"args":[…]}`: the flags of a Chrome of the client's own, or BAD_PARAMETER. */
export function readLaunch(text: string, trust: Tenant['trust']): LaunchFlags {
  const { args = [], ...others } = objectOf(text);
  if (Object.keys(others).length > 0 || !isTextList(args)) throw bad(text);
  return readLaunchFlags(args, trust);
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(text);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(text);
  return value as Readonly<Record<string, unknown>>;
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function bad(text: string): CdpmuxError {
  const value = text.slice(0, 100);
  const message = `Parameter launch has the value ${JSON.stringify(value)}; it takes ${RANGE}.`;
  return new CdpmuxError('BAD_PARAMETER', message, { details: { parameter: 'launch', value, range: RANGE } });
}
