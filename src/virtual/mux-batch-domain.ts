const integer = { type: 'integer' } as const;
const number = { type: 'number' } as const;
const text = { type: 'string' } as const;
const optional = { optional: true } as const;

/** The types of `Mux.batch`, in the form of Chrome's own descriptions. */
export const batchTypes = [
  {
    id: 'BatchLimits',
    type: 'object',
    description: 'What the batches of one client may have.',
    properties: [
      { name: 'commands', ...integer, description: 'Commands in one batch.' },
      {
        name: 'bytes',
        ...integer,
        description:
          'Bytes of all its batches that run: what was sent, what references stand for, results and kept events.',
      },
      { name: 'timeout', ...integer, description: 'Longest time of a batch, ms.' },
    ],
  },
  {
    id: 'BatchSession',
    type: 'any',
    description:
      'The id of a session, a reference to one, or an empty string for the root. Where it is left out, the session in which the batch itself is sent.',
  },
  {
    id: 'BatchCommand',
    type: 'object',
    description: 'Either a command, with method, or a step that waits for an event, with waitFor.',
    properties: [
      { name: 'method', ...text, ...optional, description: 'The command; not Mux.batch.' },
      {
        name: 'params',
        type: 'object',
        ...optional,
        description:
          'Its parameters. Anywhere in them {"$ref":"0#/targetId"} stands for a part of an earlier command\'s result: the number of that command, and a JSON Pointer into its result. The result of a step that waited is the event: {method, params, sessionId}.',
      },
      { name: 'sessionId', $ref: 'BatchSession', ...optional },
      { name: 'waitFor', $ref: 'BatchWait', ...optional },
      {
        name: 'timeout',
        ...number,
        ...optional,
        description: 'How long to wait for the event, ms; by default as long as the batch has.',
      },
    ],
  },
  {
    id: 'BatchWait',
    type: 'object',
    description:
      'An event to wait for. It may have come before the turn of this step; each event is taken by one step only. The client gets it, too, as it would without a batch.',
    properties: [
      { name: 'event', ...text, description: 'Its name, such as Page.loadEventFired; it must be enabled.' },
      { name: 'sessionId', $ref: 'BatchSession', ...optional },
      {
        name: 'match',
        type: 'object',
        ...optional,
        description: 'What its parameters must have at least, at whatever depth; with references.',
      },
      {
        name: 'after',
        ...integer,
        ...optional,
        description:
          'Only events count that came after this earlier command was sent; by default all since the batch began.',
      },
    ],
  },
  {
    id: 'BatchResult',
    type: 'object',
    description: 'What one command came to: either result, event or error.',
    properties: [
      { name: 'result', type: 'object', ...optional, description: 'As without a batch.' },
      {
        name: 'event',
        type: 'object',
        ...optional,
        description: 'The event that was waited for: method, params, and sessionId where it has one.',
      },
      {
        name: 'error',
        type: 'object',
        ...optional,
        description: 'As without a batch: code and message; also where the command was not run.',
      },
      {
        name: 'start',
        ...number,
        ...optional,
        description: 'When it was sent, ms since the batch began; not there where it was not.',
      },
      { name: 'duration', ...number, ...optional, description: 'What it took, ms.' },
    ],
  },
] as const;

/** `Mux.batch`, in the form of Chrome's own descriptions. */
export const batchCommand = {
  name: 'batch',
  description:
    'Runs many commands that come in one frame, each by the rules for a frame of its own, and answers when all are done: one round trip for all of them.',
  parameters: [
    { name: 'commands', type: 'array', items: { $ref: 'BatchCommand' } },
    {
      name: 'onError',
      ...text,
      enum: ['stop', 'continue'],
      ...optional,
      description:
        "Whether the commands after one that failed are run; stop where it is left out. One that refers to a failed command's result fails in either case.",
    },
    {
      name: 'parallel',
      type: 'boolean',
      ...optional,
      description:
        'Send each command as soon as those are answered that it refers to, and not after the answer of the one before it.',
    },
    {
      name: 'timeout',
      ...number,
      ...optional,
      description:
        'How long it may take, ms; 30 s where it is left out. What is not done by then gets an error, and the answer comes.',
    },
  ],
  returns: [
    {
      name: 'results',
      type: 'array',
      items: { $ref: 'BatchResult' },
      description: 'One for each command, in their order.',
    },
    { name: 'duration', ...number, description: 'What all of it took, ms.' },
    { name: 'failed', ...integer, ...optional, description: 'The number of the first command that failed.' },
  ],
} as const;
