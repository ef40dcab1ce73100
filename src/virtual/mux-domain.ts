import type { VirtualLimits } from './limits.js';
import { batchCommand, batchTypes } from './mux-batch-domain.js';

/** What `Mux.getInfo` answers; `muxDomain` describes it to clients. */
export interface MuxInfo {
  readonly version: string;
  readonly virtualBrowserId: string;
  readonly browserId: string;
  readonly product: string;
  readonly mode: 'shared' | 'exclusive';
  readonly pool: string;
  readonly tenant: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: VirtualLimits;
  readonly endsAt?: number;
}

/** The part of it that a virtual browser does not know of itself. */
export type About = Pick<MuxInfo, 'version' | 'browserId' | 'product' | 'mode' | 'pool' | 'labels'>;

const text = { type: 'string' } as const;
const limit = (name: Exclude<keyof VirtualLimits, 'batch'>, description: string) =>
  ({ name, type: 'integer', description }) as const;

/** The domain that cdpmux adds to the protocol, in the form of Chrome's own description of it. */
export const muxDomain = {
  domain: 'Mux',
  description:
    'What cdpmux, through which this client speaks to a shared Chrome, tells of itself. A Chrome without cdpmux does not have this domain.',
  types: [
    {
      id: 'Limits',
      type: 'object',
      description: 'What this virtual browser and each of its clients may have.',
      properties: [
        limit('pending', "Commands of one client that wait for Chrome's answer."),
        limit('targets', 'Pages of the virtual browser.'),
        limit('contexts', 'BrowserContexts of the virtual browser, beside its default one.'),
        limit('sessions', 'CDP sessions of the virtual browser.'),
        limit('autoAttach', 'Browser-level sessions of the virtual browser that auto-attach.'),
        { name: 'batch', $ref: 'BatchLimits' },
      ],
    },
    ...batchTypes,
  ],
  commands: [
    {
      name: 'getInfo',
      description:
        'Tells where this client is: in which virtual browser of which Chrome, and with what rights.',
      returns: [
        { name: 'version', ...text, description: 'The version of cdpmux.' },
        {
          name: 'virtualBrowserId',
          ...text,
          description: 'The id of the virtual browser, as in /devtools/browser/<id>.',
        },
        {
          name: 'browserId',
          ...text,
          description: 'The id of the Chrome that it is in, as in /api/v1/browsers.',
        },
        { name: 'product', ...text, description: 'What that Chrome is, as in Browser.getVersion.' },
        {
          name: 'mode',
          ...text,
          enum: ['shared', 'exclusive'],
          description: 'Whether that Chrome has others in it.',
        },
        {
          name: 'pool',
          ...text,
          description: 'The pool of that Chrome; default for the one without a name.',
        },
        {
          name: 'tenant',
          ...text,
          description: "The name of the client's token; empty where none is needed.",
        },
        {
          name: 'labels',
          type: 'object',
          description: 'The labels of the client that opened the virtual browser.',
        },
        { name: 'limits', $ref: 'Limits' },
        {
          name: 'endsAt',
          type: 'number',
          optional: true,
          description:
            'When the virtual browser ends at the latest, ms since 1970; not there where it has no time limit.',
        },
      ],
    },
    batchCommand,
  ],
  events: [
    {
      name: 'draining',
      description:
        "cdpmux is about to stop: finish, disconnect, and connect again. Sent without a sessionId, to clients that have used a command of this domain; whoever uses the first one later gets it after that command's answer.",
      parameters: [
        {
          name: 'deadline',
          type: 'number',
          description: 'When clients that are still there will be closed with 1001, ms since 1970.',
        },
      ],
    },
  ],
} as const;
