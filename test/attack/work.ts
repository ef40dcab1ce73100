import type { Message } from '../support/cdp-client.js';
import type { Stage } from './arena.js';
import { House } from './house.js';
import { live } from './living.js';
import { Wire } from './wire.js';

/** What a client was told, one line for each thing said, without what differs from run to run by nature. */
export type Transcript = ReadonlySet<string>;

/** Does the victim's whole work with a client of its own; gives all it was told, or throws where it fails. */
export async function work({ parties, site, directory }: Stage): Promise<Transcript> {
  const wire = await Wire.connect(parties.victim.wsUrl, parties.victim.headers);
  const said: [Message, string][] = [];
  wire.onText = (_text, message, asked) => said.push([message, asked]);
  try {
    const house = await House.build(wire, site, directory);
    await house.during(live);
    const faults = [...(await house.changes()), ...(await house.finish())];
    if (faults.length > 0) throw new Error(`the victim's work: ${faults.join('; ')}`);
    // shorter ones are numbers, which could be anything
    const long = house.ids.filter(({ real }) => String(real).length >= 8);
    const names = new Map(long.map(({ kind, of, real }) => [String(real), `<${kind} of ${of}>`]));
    const rename = renamer(names, new URL(site.origin).port);
    return new Set(said.map(([message, asked]) => lineOf(message, asked, rename)));
  } finally {
    await wire.terminate();
  }
}

/** What was said in each of several runs alone, and what in any of them. */
export class Alone {
  readonly #always: Set<string>;
  readonly #ever: Set<string>;

  constructor(runs: readonly Transcript[]) {
    const [first = new Set<string>(), ...others] = runs;
    this.#always = new Set([...first].filter((line) => others.every((run) => run.has(line))));
    this.#ever = new Set(runs.flatMap((run) => [...run]));
  }

  /** How many lines came in every run. */
  get size(): number {
    return this.#always.size;
  }

  /** What a run beside somebody lacks, and what it has that no run alone had. */
  differences(run: Transcript): string[] {
    return [
      ...[...this.#always].filter((line) => !run.has(line)).map((line) => `lacks ${line}`),
      ...[...run].filter((line) => !this.#ever.has(line)).map((line) => `has ${line}`),
    ];
  }
}

/** Events that come or not, or in several forms, as time allows. */
const inPassing = new Set([
  'Target.targetInfoChanged',
  'Network.dataReceived',
  'Network.resourceChangedPriority',
  'Network.requestWillBeSentExtraInfo',
  'Network.responseReceivedExtraInfo',
  'Network.policyUpdated',
  'ServiceWorker.workerVersionUpdated',
  'ServiceWorker.workerRegistrationUpdated',
  'Debugger.scriptParsed',
  'Page.downloadProgress',
  'Browser.downloadProgress',
  'Page.frameStartedNavigating',
  'Page.frameResized',
  'CSS.fontsUpdated',
  'DOM.childNodeCountUpdated',
]);

function lineOf(
  { method, params, result, error }: Message,
  asked: string,
  rename: (text: string) => string,
): string {
  if (method !== undefined) {
    if (inPassing.has(method)) return method;
    return `${method} ${namesIn(params, rename)}`;
  }
  const { method: command } = JSON.parse(asked || '{}') as { method?: string };
  // asked until something is there
  if (command === 'Target.getTargets') return command;
  if (error) return `${command} refused: ${rename(error.message)}`;
  return `${command} gave ${namesIn(result, rename)}`;
}

/** What a message says as texts: names, URLs, values; numbers and ids differ by nature. */
function namesIn(value: unknown, rename: (text: string) => string): string {
  const texts = new Set<string>();
  const look = (part: unknown, key = ''): void => {
    if (
      typeof part === 'string' &&
      !/(title|hash|time|date|nonce|ticket|attached|data$|last-?modified)/i.test(key)
    ) {
      // a new page is told of just before or just after it has its first URL
      if (part !== '' && part !== 'about:blank') texts.add(`${key}=${rename(part)}`);
    } else if (typeof part === 'object' && part !== null) {
      for (const [name, member] of Object.entries(part)) look(member, Array.isArray(part) ? key : name);
    }
  };
  look(value);
  return [...texts].sort().join(' ').slice(0, 600);
}

function renamer(names: ReadonlyMap<string, string>, port: string): (text: string) => string {
  return (text) => {
    const name = names.get(text);
    if (name !== undefined) return name;
    return text
      .replaceAll(`:${port}`, ':<port>')
      .replaceAll(/[0-9A-F]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, '<id>')
      .replaceAll(/-?\d+(\.-?\d+)*/g, '#');
  };
}
