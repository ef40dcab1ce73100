import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as fc from 'fast-check';

import { projectRoot } from './paths.js';

/** How a frame is made of a recorded one; the numbers decide everything that is chosen on the way. */
export interface Plan {
  readonly op: Operation;
  /** Which recorded frame. */
  readonly frame: number;
  /** Which other one, or which method. */
  readonly other: number;
  readonly numbers: readonly number[];
}

/** What a client knows, or should not know, of a virtual browser; each list may be empty. */
export interface Ids {
  readonly session: readonly string[];
  readonly target: readonly string[];
  readonly context: readonly string[];
  readonly object: readonly string[];
}

/** Where a frame is sent. */
export interface Scene {
  readonly own: Ids;
  readonly foreign: Ids;
  /** An id that this client has not used. */
  readonly nextId: () => number;
}

/** What goes over the wire. */
export interface Sending {
  readonly how: 'text' | 'binary' | 'fragments' | 'pings';
  readonly data: Buffer;
  /** Where a frame is cut in pieces, or how many pings go before it. */
  readonly cut: number;
}

interface Recorded {
  readonly method: string;
  readonly params?: unknown;
  readonly sessionId?: string;
}

type Operation = (typeof weights)[number]['value'];

const weights = [
  { weight: 1200, value: 'plain' },
  { weight: 1200, value: 'crossed' },
  { weight: 1200, value: 'foreign' },
  { weight: 600, value: 'never' },
  { weight: 1000, value: 'number' },
  { weight: 600, value: 'id' },
  { weight: 1200, value: 'flip' },
  { weight: 800, value: 'truncate' },
  { weight: 600, value: 'splice' },
  { weight: 800, value: 'twice' },
  { weight: 400, value: 'escape' },
  { weight: 400, value: 'nul' },
  { weight: 200, value: 'nest' },
  { weight: 80, value: 'huge' },
  { weight: 400, value: 'fragments' },
  { weight: 80, value: 'pings' },
  // each of these ends the connection
  { weight: 1, value: 'binary' },
  { weight: 1, value: 'utf8' },
] as const;

const planOf: fc.Arbitrary<Plan> = fc.record({
  op: fc.oneof(...weights.map(({ weight, value }) => ({ weight, arbitrary: fc.constant(value) }))),
  frame: fc.nat(),
  other: fc.nat(),
  numbers: fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
});

/** The plans of one batch: the same for the same seed. */
export function plansOf(seed: number, count: number): Plan[] {
  return fc.sample(planOf, { seed, numRuns: count });
}

const corpus = readFileSync(join(projectRoot, 'test/support/corpus/frames.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

interface ProtocolJson {
  readonly domains: readonly { domain: string; commands: readonly { name: string }[] }[];
}
const require = createRequire(import.meta.url);
const methods = ['browser_protocol', 'js_protocol'].flatMap((name) => {
  const { domains } = require(`devtools-protocol/json/${name}.json`) as ProtocolJson;
  return domains.flatMap(({ domain, commands }) => commands.map((command) => `${domain}.${command.name}`));
});

const borderIds = [
  ...['0', '-0', '-1', '1e3', '1.0', '1.5', '2147483647', '2147483648', '-2147483648', '-2147483649'],
  ...[
    '1000000000',
    '1000000001',
    '2147483646',
    '9007199254740993',
    '1e400',
    '01',
    '"1"',
    'null',
    '[1]',
    '{}',
  ],
];
const borderNumbers = [
  ...[0, -0, -1, 1, 0.5, -1e9, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53],
  ...[1e21, 1e308, -1e308, 5e-324],
];

function at<T>(list: readonly T[], number: number): T | undefined {
  return list[number % list.length];
}

/**
 * These take from the others: the one ends the connection, and with it what a batch may find; with the other a page
 * takes a whole CPU, idle or not, as long as it lives.
 */
const seldom: ReadonlySet<string> = new Set(['Browser.close', 'Emulation.setCPUThrottlingRate']);

/** Puts ids in the places of a recorded frame's, where there are any. */
function fill(value: unknown, ids: Ids, number: number): unknown {
  if (typeof value === 'string' && value.startsWith('$')) {
    const never = 'F'.repeat(26) + String(number % 1_000_000).padStart(6, '0');
    if (value === '$session') return at(ids.session, number) ?? never;
    if (value === '$target' || value === '$frame') return at(ids.target, number) ?? never;
    if (value === '$context') return at(ids.context, number) ?? never;
    if (value === '$object') return at(ids.object, number) ?? '1.1.1';
    return never;
  }
  if (Array.isArray(value)) return value.map((item, index) => fill(item, ids, number + index));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item], index) => [key, fill(item, ids, number + index)]),
  );
}

/** Replaces one number in a value; gives whether there was one. */
function breakNumber(value: unknown, which: number, border: number): unknown {
  let left = which % Math.max(1, JSON.stringify(value ?? null).match(/[:,[]-?\d/g)?.length ?? 0);
  const walk = (item: unknown): unknown => {
    if (typeof item === 'number') return left-- === 0 ? border : item;
    if (Array.isArray(item)) return item.map(walk);
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value);
}

const none: Ids = { session: [], target: [], context: [], object: [] };

/** Makes the frame of a plan. */
export function render({ op, frame, other, numbers: n }: Plan, { own, foreign, nextId }: Scene): Sending {
  const [n0 = 0, n1 = 0, n2 = 0, n3 = 0] = n;
  let recorded = at(corpus, frame)!;
  if (seldom.has(recorded.method) && n3 % 30 !== 0) recorded = at(corpus, other)!;
  const message = (ids: Ids, from: Recorded = recorded): Record<string, unknown> => ({
    id: nextId(),
    ...(fill(from, ids, n0) as Recorded),
  });
  const text = (value: string): Sending => ({ how: 'text', data: Buffer.from(value), cut: 0 });
  const plain = (): string => JSON.stringify(message(own));
  switch (op) {
    case 'plain':
      return text(plain());
    case 'crossed': {
      const { params } = at(corpus, other)!;
      const method = n1 % 2 === 0 ? at(methods, n2)! : recorded.method;
      return text(JSON.stringify(message(own, { ...recorded, method, params })));
    }
    case 'foreign': {
      const whose = { ...own, ...(n1 % 3 === 0 ? foreign : { ...foreign, session: own.session }) };
      return text(JSON.stringify(message(whose)));
    }
    case 'never':
      return text(JSON.stringify(message(n1 % 2 === 0 ? none : { ...none, session: own.session })));
    case 'number': {
      const whole = message(own);
      return text(
        JSON.stringify({ ...whole, params: breakNumber(whole['params'], n1, at(borderNumbers, n2)!) }),
      );
    }
    case 'id':
      return text(plain().replace(/"id":\d+/, `"id":${at(borderIds, n1)!}`));
    case 'flip': {
      const data = Buffer.from(plain());
      for (const place of n.slice(0, 1 + (n1 % 4))) {
        const where = place % data.length;
        // still UTF-8: what is not has its own case
        if (data[where]! < 128) data[where] = data[where]! ^ (1 << ((place >> 8) % 7));
      }
      return { how: 'text', data, cut: 0 };
    }
    case 'truncate': {
      const whole = plain();
      return text(n1 % 2 === 0 ? whole.slice(0, n2 % whole.length) : whole.slice(n2 % whole.length));
    }
    case 'splice': {
      const [one, two] = [plain(), JSON.stringify(message(own, at(corpus, other)))];
      const between = at(['', ',', '\n', '}', '{', '"'], n3)!;
      return text(one.slice(0, n1 % (one.length + 1)) + between + two.slice(n2 % two.length));
    }
    case 'twice': {
      const members = Object.entries(message(own)).map(([key, value]) => `"${key}":${JSON.stringify(value)}`);
      const again = [...members, `"id":${nextId()}`, '"sessionId":""', `"method":"Browser.getVersion"`];
      members.splice(n1 % (members.length + 1), 0, at(again, n2)!);
      return text(`{${members.join(',')}}`);
    }
    case 'escape': {
      const escaped = (letter: string): string => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
      let left = n1 % 12;
      return text(plain().replace(/[a-zA-Z]/g, (letter) => (left-- === 0 ? escaped(letter) : letter)));
    }
    case 'nul': {
      const whole = plain();
      const where = n1 % (whole.length + 1);
      const inner = n2 % 2 === 0 ? '\0' : `\0${JSON.stringify({ ...message(foreign), id: nextId() })}\0`;
      return text(whole.slice(0, where) + inner + whole.slice(where));
    }
    case 'nest': {
      const depth = at([10, 100, 299, 300, 301, 1_000, 20_000], n1)!;
      const [open, shut] = at(
        [
          ['[', ']'],
          ['{"a":', '}'],
        ] as const,
        n2,
      )!;
      const nested = `${open.repeat(depth)}1${shut.repeat(depth)}`;
      const session = n3 % 2 === 0 ? '' : `,"sessionId":"${at(own.session, n0) ?? ''}"`;
      return text(`{"id":${nextId()},"method":"${recorded.method}","params":{"x":${nested}}${session}}`);
    }
    case 'huge': {
      const size = at([20_000, 100_000, 1_000_000, 9_000_000], n1 % 40 === 0 ? 3 : n1 % 3)!;
      const filler = at(['x', 'é', '\\n', '\\u0041', '\x7f'], n2)!.repeat(size / 10);
      const where = n3 % 2 === 0 ? `"params":{"x":"${filler}"}` : `"params":{},"sessionId":"${filler}"`;
      return text(`{"id":${nextId()},"method":"${recorded.method}",${where}}`);
    }
    case 'fragments':
      return { how: 'fragments', data: Buffer.from(plain()), cut: 1 + (n1 % 20) };
    case 'pings':
      return { how: 'pings', data: Buffer.from(plain()), cut: 1 + (n1 % 300) };
    case 'binary':
      return { how: 'binary', data: Buffer.from(plain()), cut: 0 };
    case 'utf8': {
      const data = Buffer.from(plain());
      data[n1 % data.length] = 0xff;
      return { how: 'text', data, cut: 0 };
    }
  }
}
