import * as fc from 'fast-check';

/** How many legal messages the property tests make; a fiftieth of it goes to a real Chrome. */
export const fuzzRuns = Number(process.env['CDPMUX_FUZZ_RUNS'] ?? 100_000);

const space = fc.constantFrom('', '', '', '', ' ', '\n', '\t\r ');
const piece = fc.constantFrom(
  ...['a', 'id', 'Z', '0', ' ', '/', '{', '}', '[', ',', ':', "'", 'é', '😀', '\u2028', '\x7f'],
  ...['\\n', '\\"', '\\\\', '\\/', '\\u0041', '\\u0000', '\\ud800', '\\uD83D\\uDE00', '\\b\\f\\r\\t'],
  ...[',\\"sessionId\\":\\"x\\"', 'long '.repeat(9)],
);
const string = fc.array(piece, { maxLength: 4 }).map((pieces) => `"${pieces.join('')}"`);
const key = fc.oneof(
  fc.constantFrom(
    '"id"',
    '"method"',
    '"sessionId"',
    '"params"',
    '"\\u0069d"',
    '"a"',
    '"b"',
    '"__proto__"',
    '"1"',
  ),
  string,
);
const number = fc.constantFrom(
  ...['0', '-0', '1', '-1', '12.5', '1e-1', '1.0e3', '1E+2', '2147483648', '-2147483649', '9007199254740993'],
  ...['123456789012345678901234567890', '1e308', '5e-324', '1e-400', '0e999', '0.1', '-1.5e-7', '1e00000001'],
);

/** The text of any JSON value: odd spacing, escapes, number forms, nested keys like the outer ones, keys twice. */
export const { value: jsonText } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom('null', 'true', 'false'),
    number,
    string,
    fc
      .tuple(space, fc.array(tie('value'), { maxLength: 3 }))
      .map(([gap, items]) => `[${gap}${items.join(`${gap},`)}]`),
    objectOf(tie('value')),
  ),
}));

function objectOf(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(space, fc.array(fc.tuple(key, value), { maxLength: 4 }))
    .map(
      ([gap, members]) =>
        `{${gap}${members.map(([name, text]) => `${name}${gap}:${text}`).join(`,${gap}`)}${gap}}`,
    );
}

/** The text of any JSON object. */
export const objectText = objectOf(jsonText);

const idText = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom(
    '0',
    '-0',
    '1.0e3',
    '12.0',
    '1e9',
    '100e-2',
    '0.5e1',
    '-2147483648',
    '2147483647',
    '-7.0E0',
  ),
);
const idKey = fc.constantFrom('"id"', '"id"', '"id"', '"\\u0069d"', '"i\\u0064"');
const methodKey = fc.constantFrom('"method"', '"method"', '"method"', '"m\\u0065thod"');
const paramsKey = fc.constantFrom('"params"', '"params"', '"params"', '"\\u0070arams"');
const sessionKey = fc.constantFrom('"sessionId"', '"sessionId"', '"session\\u0049d"');

/** The text of a command that Chrome takes: members in any order, with or without params and session. */
export function commandText(methods: readonly string[], sessions: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(
      space,
      fc.tuple(idKey, idText),
      fc.tuple(methodKey, fc.constantFrom(...methods)),
      fc.option(
        fc.tuple(paramsKey, fc.oneof(objectText, objectText, fc.constantFrom('null', '[]', '[1,{"a":2}]'))),
      ),
      fc.option(fc.tuple(sessionKey, fc.constantFrom(...sessions))),
      fc.integer({ min: 0, max: 23 }),
    )
    .map(([gap, id, method, params, session, order]) => {
      const members = [id, method, params, session].filter((member) => member !== null);
      const texts = members.map(([name, text]) => `${gap}${name}${gap}:${gap}${text}${gap}`);
      return `${gap}{${permuted(texts, order).join(',')}}${gap}`;
    });
}

function permuted(items: string[], order: number): string[] {
  const rest = [...items];
  const result: string[] = [];
  while (rest.length > 0) {
    result.push(...rest.splice(order % rest.length, 1));
    order = Math.floor(order / (rest.length + 1));
  }
  return result;
}

const oddMembers = [
  ...[
    '"id":5',
    '"id":"5"',
    '"id":12.5',
    '"id":2147483648',
    '"id":null',
    '"\\u0069d":6',
    '"id":1e400',
    '"id":01',
  ],
  ...[
    '"method":"Browser.getVersion"',
    '"method":""',
    '"method":7',
    '"method":"é"',
    '"method":"a\\nb"',
    '"method":null',
  ],
  ...['"params":{}', '"params":null', '"params":7', '"params":"x"', '"params":[]', '"params":{"a":1,"a":2}'],
  ...[
    '"sessionId":""',
    '"sessionId":"x"',
    '"sessionId":null',
    '"sessionId":7',
    '"sessionId":"é"',
    '"sessionId":"\\u0000"',
  ],
  ...['"extra":1', '"":1', '"é":1', '"ID":1', '"id ":1', '"error":{}', '"result":{}'],
];
const oddText = [
  ...[
    '\0',
    '\x01',
    '\x0b',
    '\x0c',
    '\x1f',
    '\x7f',
    '\ufeff',
    'é',
    '\u2028',
    '\u00a0',
    '\\',
    '"',
    '{',
    '}',
    '[',
    ']',
  ],
  ...[
    ',',
    ':',
    ' ',
    '\n',
    '-',
    '0',
    '1',
    'e',
    '.',
    '/',
    '/**/',
    '//',
    '\\x41',
    '\\v',
    '\\u12',
    '\\ud800',
    '\\q',
    '+',
  ],
  ...[
    'tru',
    'nulX',
    'falsy',
    'truX',
    'NaN',
    '1e999',
    '-',
    '00',
    '1.',
    "'",
    '"a":',
    '{}',
    '[]',
    '\x00{"id":1}',
  ],
];
const oddBytes = [
  [0xff],
  [0x80],
  [0xc0, 0xaf],
  [0xe0, 0x82, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xe2, 0x82],
  [0xf5, 0x80, 0x80, 0x80],
];

const place = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<(frame: Buffer) => Buffer> = fc.oneof(
  // mostly still legal to Chrome, hardly ever to JSON.parse
  { weight: 9, arbitrary: fc.tuple(place, fc.constantFrom('\v', '\f', ' \v\n')).map(withSpace) },
  { weight: 3, arbitrary: fc.constantFrom('true', 'false', 'null').map(withLooseConstant) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('"params":{"a":1,"a":"\\v\n"}', '"sessionId":""'), fc.boolean())
      .map(withMember),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...oddMembers), fc.boolean()).map(withMember) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(place, fc.constantFrom(...oddText))
      .map(([at, text]) => withText(at, 0, Buffer.from(text))),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(place, fc.constantFrom(...oddText))
      .map(([at, text]) => withText(at, 1, Buffer.from(text))),
  },
  { weight: 1, arbitrary: place.map((at) => withText(at, 1, Buffer.alloc(0))) },
  {
    weight: 1,
    arbitrary: place.map((at) => (frame: Buffer) => frame.subarray(0, Math.floor(at * frame.length))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(place, fc.constantFrom(...oddBytes))
      .map(([at, bytes]) => withText(at, 0, Buffer.from(bytes))),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...oddText)
      .map((text) => (frame: Buffer) => Buffer.concat([frame, Buffer.from(text)])),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...oddText)
      .map((text) => (frame: Buffer) => Buffer.concat([Buffer.from(text), frame])),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 296, max: 302 }), fc.boolean(), fc.boolean()).map(withDepth),
  },
);

function withMember([text, first]: [string, boolean]): (frame: Buffer) => Buffer {
  return (frame) => {
    const at = first ? frame.indexOf('{') : frame.lastIndexOf('}');
    const member = Buffer.from(first ? `${text},` : `,${text}`);
    return Buffer.concat([
      frame.subarray(0, first ? at + 1 : at),
      member,
      frame.subarray(first ? at + 1 : at),
    ]);
  };
}

function withSpace([at, text]: [number, string]): (frame: Buffer) => Buffer {
  return (frame) => {
    let offset = Math.floor(at * frame.length);
    while (offset > 0 && !',:{}[]'.includes(String.fromCharCode(frame[offset - 1] as number))) offset--;
    return Buffer.concat([frame.subarray(0, offset), Buffer.from(text), frame.subarray(offset)]);
  };
}

function withLooseConstant(constant: string): (frame: Buffer) => Buffer {
  return (frame) => {
    const at = frame.indexOf(constant);
    return at === -1
      ? frame
      : withText((at + constant.length - 1) / frame.length, 1, Buffer.from('#'))(frame);
  };
}

function withText(at: number, removed: number, text: Buffer): (frame: Buffer) => Buffer {
  return (frame) => {
    const offset = Math.floor(at * frame.length);
    return Buffer.concat([frame.subarray(0, offset), text, frame.subarray(offset + removed)]);
  };
}

function withDepth([depth, isArray, isFilled]: [number, boolean, boolean]): (frame: Buffer) => Buffer {
  const inner = isFilled ? '1' : isArray ? '' : '{}';
  const value = isArray
    ? '['.repeat(depth) + inner + ']'.repeat(depth)
    : '{"a":'.repeat(depth) + inner + '}'.repeat(depth);
  return withMember([`"params":{"a":${value}}`, true]);
}

/** A frame near to a legal command, or still one: one to three faults in it. */
export function mutatedFrame(methods: readonly string[], sessions: readonly string[]): fc.Arbitrary<Buffer> {
  return fc
    .tuple(commandText(methods, sessions), fc.array(mutation, { minLength: 1, maxLength: 2 }))
    .map(([text, mutations]) =>
      mutations.reduce<Buffer>((frame, mutate) => mutate(frame), Buffer.from(text)),
    );
}
