import type { Arena, Attack, Fight, Result } from './arena.js';
import { plausible } from './exhaustive.js';
import { kindOf, type IdKind } from './ids.js';
import { openPage, type Opened } from './page.js';
import { commands, fill, type Chooser, type Command, type Schema } from './protocol.js';
import type { Wire } from './wire.js';

/** At the bounds of what Chrome keeps numbers in, and beyond. */
const NUMBERS = [0, -1, 1e-9, 65_536, 1e9, 2 ** 31 - 1, -(2 ** 31), 2 ** 53, 1e21, 1e308];

/** A number that nothing is wrong with. */
const PLAIN = 100;

/** Longest that an answer may take, ms: some never come, and nothing is asked of them. */
const DEADLINE = 700;

/** So many are sent at once. */
const AT_ONCE = 12;

/** These end the attacker's own page, or are all of its client's. */
const own = /^(Browser\.close|Page\.(close|crash)|Target\.(closeTarget|detachFromTarget)|Inspector\..*)$/;

/** How it is done. */
export interface ExtremesOptions {
  readonly only?: readonly string[] | undefined;
  /** Only one of so many commands, beginning with this one. */
  readonly sample?: { readonly first: number; readonly oneOf: number };
}

/**
 * Sends commands to the attacker's own page, browser and workers with values that nobody needs: Chrome is to live, and its victim is to
 * notice nothing.
 */
export async function extremes(
  arena: Arena,
  { only, sample: { first, oneOf } = { first: 0, oneOf: 1 } }: ExtremesOptions,
  took: (result: Result) => void,
): Promise<void> {
  const chosen = commands.filter(
    ({ method, parameters }, index) =>
      parameters.length > 0 &&
      !own.test(method) &&
      (only?.includes(method) ?? index % oneOf === first % oneOf),
  );
  for (const command of chosen) {
    const attack: Attack = {
      name: `${command.method} with values beyond all bounds`,
      attempt: async (fight) => ({ tries: await sendAll(command, fight), leaks: [] }),
    };
    let result = await arena.run(attack);
    // what the attacker did to itself before may keep it from opening a page
    if (result.tries === 0) {
      await arena.run({
        ...attack,
        attempt: () => Promise.resolve({ tries: 0, leaks: [] }),
        isSpoiling: true,
      });
      result = await arena.run(attack);
    }
    if (result.tries === 0) result = { ...result, leaks: [...result.leaks, 'nothing could be sent'] };
    took(result);
  }
}

async function sendAll(command: Command, { attacker, stage }: Fight): Promise<number> {
  const { wire } = attacker.spot('page');
  const page = await openPage(wire, stage.site.url('attacker', 'empty')).catch(() => undefined);
  if (!page) return 0;
  const ids = await idsOf(wire, page);
  const { sessionId: worker } = attacker.spot('service worker');
  const sessions = [page.sessionId, undefined, worker];
  const values = { url: stage.site.url('attacker', 'empty'), directory: stage.directory };
  const all = variantsOf(command, ids, values);
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const sent = all
      .slice(at, at + AT_ONCE)
      .flatMap((params) => sessions.map((session) => wire.ask(command.method, params, session, DEADLINE)));
    // a page that is drawn meanwhile is what some of it is about
    sent.push(wire.ask('Page.captureScreenshot', {}, page.sessionId, DEADLINE));
    await Promise.all(sent);
  }
  await wire.ask('Target.closeTarget', { targetId: page.targetId }, undefined, DEADLINE);
  return all.length * sessions.length;
}

type Ids = ReadonlyMap<IdKind, unknown>;

/** Members of several results. */
interface Found {
  readonly frameTree?: { readonly frame: { readonly id: string; readonly loaderId: string } };
  readonly windowId?: number;
  readonly result?: { readonly objectId?: string };
  readonly root?: { readonly nodeId: number; readonly backendNodeId: number };
}

/** What the attacker's page has, by which its commands get further than to an error. */
async function idsOf(wire: Wire, { targetId, sessionId }: Opened): Promise<Ids> {
  const ask = async (method: string, params: object = {}, session?: string): Promise<Found> =>
    (await wire.ask(method, params, session, DEADLINE))?.result ?? {};
  const [tree, window, body, document] = await Promise.all([
    ask('Page.getFrameTree', {}, sessionId),
    ask('Browser.getWindowForTarget', { targetId }),
    ask('Runtime.evaluate', { expression: 'document.body' }, sessionId),
    ask('DOM.getDocument', {}, sessionId),
  ]);
  return new Map<IdKind, unknown>([
    ['target', targetId],
    ['frame', tree.frameTree?.frame.id],
    ['loader', tree.frameTree?.frame.loaderId],
    ['window', window.windowId],
    ['object', body.result?.objectId],
    ['node', document.root?.nodeId],
    ['backend node', document.root?.backendNodeId],
  ]);
}

type Values = Parameters<typeof plausible>[1];

/** Gives a number or a text its value, by where it is. */
type Leaf = (schema: Schema, path: string) => unknown;

function variantsOf(command: Command, ids: Ids, values: Values): object[] {
  const paths: string[] = [];
  build(command, ids, values, ({ type }, path) => {
    if (type === 'integer' || type === 'number') paths.push(path);
    return undefined;
  });
  const numbers = (value: number, here?: string): Leaf => {
    return ({ type }, path) => {
      const isNumber = type === 'integer' || type === 'number';
      return isNumber ? (here === undefined || here === path ? value : PLAIN) : undefined;
    };
  };
  const leaves: Leaf[] = [
    ...(paths.length > 0 ? NUMBERS.map((value) => numbers(value)) : []),
    ...(paths.length > 1 ? paths.flatMap((path) => NUMBERS.map((value) => numbers(value, path))) : []),
    ({ type }) => (type === 'string' ? 'x' : undefined),
    ({ type }) => (type === 'array' ? [] : undefined),
    ({ type }) => (type === 'boolean' ? true : undefined),
  ];
  const made = leaves.map((leaf) => build(command, ids, values, leaf));
  return [...new Map(made.map((params) => [JSON.stringify(params), params])).values()];
}

/** With all that is optional, too. */
function build({ parameters, domain }: Command, ids: Ids, values: Values, leaf: Leaf): object {
  const choose: Chooser = (schema, at, path) => {
    const kind = kindOf(schema, at);
    const id = kind && ids.get(kind);
    if (id !== undefined) return schema.type === 'array' ? [id] : id;
    // a context or session of nobody would only be refused
    if (kind !== undefined && schema.optional === true) return undefined;
    const value = leaf(schema, path);
    if (value !== undefined) return value;
    const known = schema.type === 'string' ? plausible(schema, values) : undefined;
    if (known !== undefined || schema.optional !== true || path.split('.').length > 3) return known;
    return fill({ ...schema, optional: false }, at, path, choose);
  };
  return Object.fromEntries(
    parameters.flatMap((one) => {
      const isNobodys =
        one.optional === true && kindOf(one, domain) !== undefined && !ids.get(kindOf(one, domain)!);
      return isNobodys ? [] : [[one.name, fill(one, domain, one.name!, choose)]];
    }),
  );
}
