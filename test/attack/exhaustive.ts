import type { Message } from '../support/cdp-client.js';
import type { Attacker, Spot } from './attacker.js';
import { kindOf, type Id } from './ids.js';
import { commands, fill, type Chooser, type Command, type Schema } from './protocol.js';

/** Longest that an answer may take, ms; a second look waits for longer. */
const DEADLINE = 2_000;
const LONG_DEADLINE = 15_000;
const NO_ANSWER = 'no answer';

/** One way to send a command: with the victim's ids, and with such as never existed. */
interface Variant {
  readonly label: string;
  readonly real: object;
  /** Undefined where the command names nothing that could exist or not. */
  readonly never: object | undefined;
}

/** What came of one command. */
export interface Outcome {
  readonly method: string;
  readonly leaks: string[];
  /** Kinds of session in which it was not answered. */
  readonly unanswered: string[];
  readonly sent: number;
}

/** These end or stop the attacker's own sessions: each has an attacker of its own. */
const fatal =
  /^(Browser\.(close|crash|crashGpuProcess)|Page\.(close|crash|waitForDebugger|setWebLifecycleState|navigate|reload|navigateToHistoryEntry|setDocumentContent)|Debugger\.(pause|pauseOnAsyncCall|stepInto|stepOut|stepOver|setSkipAllPauses)|Target\.(closeTarget|setAutoAttach)|Emulation\.(setScriptExecutionDisabled|setVirtualTimePolicy)|Fetch\.enable|Network\.(setRequestInterception|emulateNetworkConditions.*)|Runtime\.terminateExecution|Inspector\..*|Tracing\.start|Memory\.(simulatePressureNotification|forciblyPurgeJavaScriptMemory|prepareForLeakDetection|getDOMCountersForLeakDetection)|ServiceWorker\.(stopAllWorkers|stopWorker|unregister))$/;

/** Whether a command is better sent by an attacker that is thrown away after it. */
export const isFatal = ({ method }: Command): boolean => fatal.test(method);

/** All commands, those that end the attacker last. */
export const inOrder: readonly Command[] = [
  ...commands.filter((command) => !isFatal(command)),
  ...commands.filter(isFatal),
];

/** Of all ways to send a command, one of so many, beginning with this one. */
export interface Sample {
  readonly first: number;
  readonly oneOf: number;
}

/** Sends one command with each of the victim's ids from every session, or in some of these ways, and judges what comes of it. */
export async function attack(
  command: Command,
  attacker: Attacker,
  ids: readonly Id[],
  own: { readonly url: string; readonly directory: string },
  { spots = attacker.spots, sample }: { readonly spots?: readonly Spot[]; readonly sample?: Sample } = {},
): Promise<Outcome> {
  const { method } = command;
  const variants = variantsOf(command, ids, own);
  const leaks: string[] = [];
  const unanswered = new Set<string>();
  let sent = 0;
  const send = async (spot: Spot, params: object, deadline: number): Promise<Message | undefined> => {
    sent++;
    const reply = await spot.wire.ask(method, params, spot.sessionId, deadline);
    if (!reply) unanswered.add(spot.kind);
    return reply;
  };
  const suspects: { spot: Spot; variant: Variant; never: object }[] = [];
  const ways = spots.flatMap((spot) => variants.map((variant) => ({ spot, variant })));
  const looks = sampled(ways, sample).map(async ({ spot, variant }) => {
    const { real, never } = variant;
    if (never === undefined) return void (await send(spot, real, DEADLINE));
    const asked = [never, real, never].map((params) => send(spot, params, DEADLINE));
    if (toldApart(await Promise.all(asked), ids)) suspects.push({ spot, variant, never });
  });
  await Promise.all(looks);
  // Once may be chance, and commands sent at once may be what differs: of many `IndexedDB.deleteDatabase` at once in one
  // worker Chrome answers some, of those sent one after the other all. So each suspect again, one after the other.
  for (const { spot, variant, never } of suspects) {
    const replies: (Message | undefined)[] = [];
    for (const params of [never, variant.real, never]) replies.push(await send(spot, params, LONG_DEADLINE));
    const told = toldApart(replies, ids);
    if (told !== undefined) leaks.push(`in a ${spot.kind} session with ${variant.label}: ${told}`);
  }
  return { method, leaks: [...leaks, ...attacker.takeLeaks()], unanswered: [...unanswered], sent };
}

/** At least one, where there is one. */
function sampled<T>(all: readonly T[], sample: Sample | undefined): readonly T[] {
  if (!sample) return all;
  const oneOf = Math.min(sample.oneOf, all.length);
  return all.filter((_one, index) => index % oneOf === sample.first % oneOf);
}

/** How the middle one of three replies differs from both others, which name what never was; undefined where it does not. */
function toldApart(replies: readonly (Message | undefined)[], ids: readonly Id[]): string | undefined {
  const [before, answer, after] = replies.map((reply) => plain(reply, ids));
  return answer === before || answer === after ? undefined : `${answer} but for one that never was ${before}`;
}

function variantsOf(
  command: Command,
  ids: readonly Id[],
  own: { readonly url: string; readonly directory: string },
): Variant[] {
  const { parameters, domain, method } = command;
  const required = parameters.filter(({ optional }) => optional !== true);
  const variants = new Map<string, Variant>();
  for (const parameter of parameters) {
    for (const id of ids) {
      let isUsed = false;
      const chooser =
        (of: 'real' | 'never'): Chooser =>
        (schema, at, path) => {
          const kind = kindOf(schema, at);
          if (kind === undefined) return plausible(schema, own);
          const isHere = path === parameter.name || path.startsWith(`${parameter.name}.`);
          if (isHere && kind === id.kind) isUsed = true;
          const chosen = isHere && kind === id.kind ? id : ids.find((one) => one.kind === kind);
          return schema.type === 'array' ? [chosen?.[of]] : chosen?.[of];
        };
      const build = (of: 'real' | 'never'): object =>
        Object.fromEntries(
          [...new Set([...required, parameter])].map((one) => [
            one.name,
            fill(one, domain, one.name!, chooser(of)),
          ]),
        );
      const real = build('real');
      if (!isUsed) continue;
      const never = build('never');
      const isSame = JSON.stringify(real) === JSON.stringify(never);
      const label = `${parameter.name} of ${id.of} (${id.kind})`;
      variants.set(label, { label, real, never: isSame ? undefined : never });
    }
  }
  {
    const real = Object.fromEntries(
      required.map((one) => [one.name, fill(one, domain, one.name!, (schema) => plausible(schema, own))]),
    );
    variants.set('', { label: 'nothing but what is required', real, never: undefined });
  }
  if (method === 'Target.attachToTarget') {
    for (const variant of [...variants.values()]) {
      for (const flatten of [true, false]) {
        const label = `${variant.label}, flatten ${flatten}`;
        const never = variant.never && { ...variant.never, flatten };
        variants.set(label, { label, real: { ...variant.real, flatten }, never });
      }
    }
  }
  return [...variants.values()];
}

/** Values that a schema alone can't tell. */
export function plausible(
  { name = '', type }: Schema,
  own: { readonly url: string; readonly directory: string },
): unknown {
  const known: Record<string, unknown> = {
    url: own.url,
    expression: '1',
    functionDeclaration: 'function(){return this}',
    message: '{"id":1,"method":"Runtime.evaluate","params":{"expression":"document.title=1"}}',
    downloadPath: own.directory,
    permissions: ['geolocation'],
    permission: { name: 'geolocation' },
    storageTypes: 'all',
    width: 500,
    height: 500,
    deviceScaleFactor: 1,
    flatten: true,
    // µs: a profiler that samples at each of them takes the processor from everybody until it is stopped
    interval: 100_000,
  };
  if (!(name in known) || (name === 'url' && type !== 'string')) return undefined;
  return known[name];
}

/** A reply as text, without what differs by nature. */
function plain(reply: Message | undefined, ids: readonly Id[]): string {
  if (!reply) return NO_ANSWER;
  let text = JSON.stringify(reply.error ?? reply.result) ?? 'nothing';
  for (const { real, never, kind } of ids) {
    // shorter ones would be found everywhere, and are numbers
    if (typeof real !== 'string' || real.length < 8) continue;
    text = text.replaceAll(real, `<${kind}>`).replaceAll(String(never), `<${kind}>`);
  }
  return text
    .replaceAll(/(victim|nobody)\.localhost/g, '<host>')
    .replaceAll(/[0-9A-F]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, '<hex>')
    .replaceAll(/\d+(\.\d+)*(e[+-]\d+)?/g, '#')
    .slice(0, 2_000);
}
